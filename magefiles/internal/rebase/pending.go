package rebase

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// Pending is the outcome of a rebase that is on its way into the folder of the series.
// While some files of the series are new and some are not yet, the series can't be read;
// so what is to be written lies beside the state of the rebase first, and is written
// again, with the same result, where a run was killed in between.
type Pending struct {
	SchemaVersion int             `json:"schemaVersion"`
	Series        string          `json:"series"`
	To            kubever.Version `json:"to"`
	Outcome       Outcome         `json:"outcome"`
	dir           string
}

func pendingPath(dir string) string { return filepath.Join(dir, "outcome.json") }

// Keep stores an outcome of the rebase, before anything of it is written.
func (r *Rebase) Keep(made *Outcome) (*Pending, error) {
	pending := &Pending{SchemaVersion: schemaVersion, Series: r.series.Name, To: r.state.To, Outcome: *made, dir: r.dir}
	data, err := json.Marshal(pending)
	if err == nil {
		err = renameio.WriteFile(pendingPath(r.dir), data, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("keeping the outcome of the rebase: %w", err)
	}
	return pending, nil
}

// ReadPending returns the outcome that was kept of the rebase in dir, or nil where there
// is none: the rebase has not come so far, or it has ended.
func ReadPending(dir string) (*Pending, error) {
	if _, err := ReadState(dir); errors.Is(err, ErrNone) {
		return nil, nil
	}
	data, err := os.ReadFile(pendingPath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	pending := &Pending{dir: dir}
	if err == nil {
		err = json.Unmarshal(data, pending)
	}
	if err == nil && pending.SchemaVersion != schemaVersion {
		err = fmt.Errorf("schema version %d is not supported: want %d", pending.SchemaVersion, schemaVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the outcome of the rebase: %w; start over after `go tool mage rebase -abort`", err)
	}
	return pending, nil
}

// Write puts the outcome into the folder of the series. It may be called again.
func (p *Pending) Write(folder string) error { return p.Outcome.Write(folder) }

// Undo takes back what was written while series.yaml is still the old one. The new
// patches are not listed there, and no other file of the series has their names.
func (p *Pending) Undo(folder string) error {
	index, err := os.ReadFile(filepath.Join(folder, series.IndexFile))
	if err != nil {
		return fmt.Errorf("taking back what was written of the rebased series: %w", err)
	}
	if slices.Equal(index, p.Outcome.Index) {
		return nil // all of it is there
	}
	for _, patch := range p.Outcome.Patches {
		err := os.Remove(filepath.Join(folder, patch.File))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("taking back what was written of the rebased series: %w", err)
		}
	}
	return nil
}

// Drop ends the rebase. The state goes first: without it, nothing is resumed.
func (p *Pending) Drop() error {
	return errors.Join(os.Remove(statePath(p.dir)), os.RemoveAll(p.dir))
}
