// Package statefile stands in for the real library.
package statefile

import (
	"os"

	"github.com/google/renameio"
	"github.com/steadylet/steadylet/statefile/state"
	"k8s.io/klog/v2"
)

// Path mentions github.com/google/renameio, which is not an import.
const Path = "github.com/steadylet/steadylet/statefile"

// Save writes data.
func Save(name string, data []byte) {
	if err := renameio.WriteFile(name, data, os.FileMode(state.Mode)); err != nil {
		klog.ErrorS(err, "Saving failed")
	}
}
