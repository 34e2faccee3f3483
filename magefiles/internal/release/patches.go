package release

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/manifest"
)

// patch is a patch of the series, with its text.
type patch struct {
	manifest.Patch
	text string
}

// readPatches reads the patches that a manifest names. Each must have the digest that
// it had when the kubelet was built.
func readPatches(folder string, named []manifest.Patch) ([]patch, error) {
	var patches []patch
	for _, one := range named {
		path := filepath.Join(folder, one.File)
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the patches of the release: %w", err)
		}
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != one.Digest {
			return nil, fmt.Errorf("%s is not the patch that the kubelet was built with: build it again", path)
		}
		patches = append(patches, patch{Patch: one, text: string(data)})
	}
	return patches, nil
}
