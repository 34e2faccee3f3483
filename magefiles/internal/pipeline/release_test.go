package pipeline_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/release"
)

// releaseRepository adds to a repository what a release needs of it, and packs the tiny
// Kubernetes tree: only a source that something vouches for is released.
func releaseRepository(t *testing.T) (root string, options pipeline.ReleaseOptions) {
	t.Helper()
	root, kubernetes := repository(t)
	up := filepath.Join("..", "..", "..")
	for _, name := range []string{"cmd", "internal"} {
		if err := os.CopyFS(filepath.Join(root, name), os.DirFS(filepath.Join(up, name))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"LICENSE", "NOTICE", "README.md", "docs/upgrades.md"} {
		data, err := os.ReadFile(filepath.Join(up, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(root, name), data)
	}
	for _, name := range []string{"upgrade-kubelet", "rollback-kubelet", "generate-state.sh", "common.bash", "kubelet-swap.bash", "kubelet-service.bash"} {
		writeFile(t, filepath.Join(root, "scripts", name), []byte("#!/bin/sh\n"))
	}
	location := filepath.Join(filepath.Dir(root), "kubernetes.tar.gz")
	packed := pack(t, kubernetes)
	writeFile(t, location, packed)
	sum := sha256.Sum256(packed)
	return root, pipeline.ReleaseOptions{
		Source:        pipeline.SourceOptions{Version: "v1.36.3", Kind: "archive", Location: location, SHA256: hex.EncodeToString(sum[:])},
		Architectures: runtime.GOARCH, Revision: 1,
	}
}

// pack returns a tarball whose bytes depend on the files alone.
func pack(t *testing.T, dir string) []byte {
	t.Helper()
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	archive := tar.NewWriter(compressed)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		err = archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "kubernetes/" + name, Mode: 0o644, Size: int64(len(data))})
		if err != nil {
			return err
		}
		_, err = archive.Write(data)
		return err
	})
	if err := errors.Join(err, archive.Close(), compressed.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// runRelease does what the target release does.
func runRelease(ctx context.Context, config pipeline.Config, options pipeline.ReleaseOptions) (made *release.Release, err error) {
	p, err := pipeline.Open(config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if made, err = p.Release(ctx, options); err != nil {
		return nil, err
	}
	return made, p.PrintReleased(made)
}

// From a source to a signed release, in two folders: the same bytes.
func TestReleaseIsReproducible(t *testing.T) {
	programtest.Needs(t, "openssh-client", "ssh-keygen")
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var digests []map[string]string
	for range 2 {
		root, options := releaseRepository(t)
		options.Key = key
		var results, messages bytes.Buffer
		config := config(root)
		config.Results, config.Messages = &results, &messages
		made, err := runRelease(t.Context(), config, options)
		if err != nil {
			t.Fatal(err)
		}
		if results.String() != "dist/v1.36.3/release\n" {
			t.Errorf("the results are %q, want the folder", results.String())
		}
		found := map[string]string{}
		for _, file := range made.Files {
			found[file.Name] = file.SHA256
			if !strings.Contains(messages.String(), file.Name) {
				t.Errorf("the summary does not name %s:\n%s", file.Name, messages.String())
			}
		}
		digests = append(digests, found)
		releasedNodeCommand(t, made)
		leftNothing(t, root)
	}
	if diff := cmp.Diff(digests[0], digests[1]); diff != "" || len(digests[0]) != 9 {
		t.Errorf("%d files: %s", len(digests[0]), diff)
	}
}

// releasedNodeCommand runs the released node command: it names the release as its version.
func releasedNodeCommand(t *testing.T, made *release.Release) {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(made.Dir, "kubelet-"+made.Versions.Kubelet+"-linux-"+runtime.GOARCH+".tar.gz")
	if out, err := exec.Command("tar", "-C", dir, "--strip-components=1", "-xzf", archive).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	command := filepath.Join(dir, "steadylet")
	if out, err := exec.Command(command, "--version").Output(); err != nil || !strings.Contains(string(out), made.Versions.Kubelet) {
		t.Errorf("%v: it says %q, want %s", err, out, made.Versions.Kubelet)
	}
}

func TestReleaseRefuses(t *testing.T) {
	root, good := releaseRepository(t)
	for name, test := range map[string]struct {
		change func(*pipeline.ReleaseOptions)
		is     error
		says   string
	}{
		"an unverified folder": {func(o *pipeline.ReleaseOptions) {
			o.Source = pipeline.SourceOptions{Version: "v1.36.3", Kind: "dir", Location: filepath.Join(filepath.Dir(root), "kubernetes")}
		}, release.ErrUnfit, "nothing vouches for its source (dir)"},
		"a key that is missing":    {func(o *pipeline.ReleaseOptions) { o.Key = filepath.Join(root, "none") }, fs.ErrNotExist, "signing key"},
		"an unknown architecture":  {func(o *pipeline.ReleaseOptions) { o.Architectures = "amd64,riscv64" }, nil, "riscv64"},
		"a revision of nothing":    {func(o *pipeline.ReleaseOptions) { o.Revision = 0 }, nil, "-revision=2"},
		"another archive":          {func(o *pipeline.ReleaseOptions) { o.Source.SHA256 = strings.Repeat("0", 64) }, nil, "SHA-256"},
		"a tag that is not locked": {func(o *pipeline.ReleaseOptions) { o.Source.Version = "v1.99.0" }, nil, "not in patches/kubernetes.lock.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			options := good
			test.change(&options)
			_, err := runRelease(t.Context(), config(root), options)
			if err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want it to say %q", err, test.says)
			}
			leftNothing(t, root)
			if _, err := os.Stat(filepath.Join(root, "dist")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("there is a dist folder: %v", err)
			}
		})
	}
	t.Run("dist can't be written", func(t *testing.T) {
		writeFile(t, filepath.Join(root, "dist"), nil)
		if _, err := runRelease(t.Context(), config(root), good); err == nil || !strings.Contains(err.Error(), "can't be written") {
			t.Errorf("got %v", err)
		}
		leftNothing(t, root)
	})
}
