package nodestate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steadylet/steadylet/internal/podmanifest"
	"github.com/steadylet/steadylet/internal/readfile"
	"github.com/steadylet/steadylet/statefile"
)

// maxManifest is the kubelet's own bound (maxConfigLength, pkg/kubelet/config/common.go),
// in bytes.
const maxManifest = 10 << 20

// ManifestFile is a file in the folder of static pods.
type ManifestFile struct {
	// Manifest is what it holds; its Generated is the UID that the file itself sets.
	statefile.Manifest
	// Base is the pod's name without that of the node.
	Base string
	// References are the fields that name objects of the API server.
	References []podmanifest.Reference
	// Changed is when it last changed. ChangedErr says why that isn't known, as of a file
	// behind a link: its pod runs all the same, but no record can be made of it.
	Changed    time.Time
	ChangedErr error
	// Err says why it makes no pod.
	Err error
}

// ReadManifests reads the files that the kubelet takes for static pods: of a folder,
// all whose names do not begin with a dot (extractFromDir, pkg/kubelet/config/file.go).
// Links are followed, as by the kubelet. Each path is as the kubelet has it.
func ReadManifests(path, node string) ([]ManifestFile, error) {
	path = strings.TrimRight(path, "/")
	info, err := readfile.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !errors.Is(err, readfile.ErrDeadLink) {
		return nil, fmt.Errorf("the folder of static pods, %s, does not exist: make it, name another with --pod-manifest-path, "+
			"or say with --pod-manifest-path= that this node has no static pods", path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the static pods: %w", err)
	}
	if !info.IsDir() {
		return []ManifestFile{readManifest(path, node)}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("reading the static pods: %w", err)
	}
	var manifests []ManifestFile
	for _, entry := range entries {
		file := filepath.Join(path, entry.Name())
		if info, err := os.Stat(file); err == nil && info.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		manifests = append(manifests, readManifest(file, node))
	}
	return manifests, nil
}

// readManifest reads one file. The content comes before the time of the last change,
// so that an edit in between shows.
func readManifest(path, node string) ManifestFile {
	file := ManifestFile{Manifest: statefile.Manifest{Path: path}}
	content, err := readfile.Read(path, maxManifest)
	if err == nil {
		file, err = ParseManifest(path, content, node)
	}
	if err == nil {
		file.Changed, file.ChangedErr = statefile.ChangedAt(path)
	}
	file.Err = err
	return file
}

// ParseManifest reads which pod a manifest makes on a node (tryDecodeSinglePod and
// applyDefaults, pkg/kubelet/config/common.go).
func ParseManifest(path string, content []byte, node string) (ManifestFile, error) {
	file := ManifestFile{Manifest: statefile.Manifest{Path: path, Content: content}}
	pod, err := podmanifest.Parse(content)
	if err != nil {
		return file, err
	}
	if pod.Name == "" {
		return file, errors.New("its pod has no name")
	}
	if file.References, err = podmanifest.ReferencesOf(pod); err != nil {
		return file, err
	}
	file.Base, file.Generated = pod.Name, string(pod.UID)
	file.Name = pod.Name + "-" + strings.ToLower(node)
	file.Namespace = first(pod.Namespace, "default")
	return file, nil
}
