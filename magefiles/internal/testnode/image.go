package testnode

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// The images of a run, by the names that pods and containerd ask for. Their tags
// are fixed: nothing is pulled.
const (
	sandboxImage = "steadylet.local/sandbox:v1"
	// AppImage sleeps.
	AppImage = "steadylet.local/app:v1"
	// EditedImage is what an edit of the pod asks for: another tag of the same
	// content, which is the smallest edit there is.
	EditedImage = "steadylet.local/app:v2"
	// OtherImage has other content. It sleeps too.
	OtherImage = "steadylet.local/other:v1"
)

// image is one image with all its names.
type image struct {
	names, entrypoint []string
}

var images = []image{
	{[]string{sandboxImage, AppImage, EditedImage}, []string{"/" + programPath, "sleep", "2147483647"}},
	{[]string{OtherImage}, []string{"/" + programPath, "sleep", "2147483646"}},
}

// programPath is where an image has its one program.
const programPath = "bin/busybox"

// busyboxPath is where Debian's busybox-static puts its one program.
const busyboxPath = "/bin/busybox"

// writeImages writes a docker archive with all images: busybox, asleep. The archive
// is a function of the program.
func writeImages(path string) error {
	program, err := os.ReadFile(busyboxPath)
	if errors.Is(err, fs.ErrNotExist) {
		return &MissingError{Program: busyboxPath, Package: "busybox-static"}
	}
	if err != nil {
		return fmt.Errorf("making the images: %w", err)
	}
	data, err := imageArchive(program, images...)
	if err != nil {
		return fmt.Errorf("making the images: %w", err)
	}
	return os.WriteFile(path, data, 0o600)
}

// ImportProgram makes an image of a static program, and nothing else, and imports it by
// that name.
func (c *Containerd) ImportProgram(ctx context.Context, name string, program []byte) error {
	data, err := imageArchive(program, image{[]string{name}, []string{"/" + programPath}})
	path := filepath.Join(c.dir, "program.tar")
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("making the image %s: %w", name, err)
	}
	_, err = c.Ctr(ctx, "images", "import", path)
	return err
}

// imageArchive makes a docker archive of images, whose only layer has the program at
// programPath.
func imageArchive(program []byte, images ...image) ([]byte, error) {
	layer, err := archive(tarFile{programPath, program, 0o755})
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(layer)
	files := []tarFile{{"layer.tar", layer, 0o644}}
	var manifest []map[string]any
	for i, image := range images {
		config, err := json.Marshal(map[string]any{
			"architecture": runtime.GOARCH, "os": "linux",
			"config": map[string]any{"Entrypoint": image.entrypoint},
			"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(digest[:])}},
		})
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("config-%d.json", i)
		files = append(files, tarFile{name, config, 0o644})
		manifest = append(manifest, map[string]any{"Config": name, "RepoTags": image.names, "Layers": []string{"layer.tar"}})
	}
	data, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	return archive(append(files, tarFile{"manifest.json", data, 0o644})...)
}

// tarFile is one file of an archive.
type tarFile struct {
	name string
	data []byte
	mode int64
}

func archive(files ...tarFile) ([]byte, error) {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, file := range files {
		err := writer.WriteHeader(&tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(file.data))})
		if err != nil {
			return nil, err
		}
		if _, err := writer.Write(file.data); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), errors.Join(writer.Close())
}
