// Package rebase brings a patch series to a tag that it is not made for, one patch at a
// time, and can be interrupted anywhere.
//
// What applies becomes a commit on a workbench. What does not is left in the worktree,
// marked, for a person to edit; then the rebase goes on. At its end the commits become
// patch files: one that an existing variant makes extends that variant's range, another
// one becomes a variant of its own.
//
// The state is a file that is replaced as a whole after each patch; what was done after
// the last replacement is done again, with the same result.
package rebase

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/workbench"
)

// Result is what became of a patch.
type Result string

const (
	// Applied: every hunk was found.
	Applied Result = "applied"
	// Edited: a person resolved its conflicts.
	Edited Result = "edited"
	// Taken: upstream has it.
	Taken Result = "taken by upstream"
)

// Step is one finished patch.
type Step struct {
	Slot string `json:"slot"`
	// File is the variant that was tried, SHA256 its digest.
	File   string          `json:"file"`
	SHA256 string          `json:"sha256"`
	Result Result          `json:"result"`
	After  workbench.Point `json:"after"`
}

// State is how far a rebase has come.
type State struct {
	SchemaVersion int             `json:"schemaVersion"`
	Series        string          `json:"series"`
	To            kubever.Version `json:"to"`
	// Time is the date of every commit.
	Time time.Time       `json:"time"`
	Base workbench.Point `json:"base"`
	Done []Step          `json:"done"`
	// Waiting is the tree with the marks that a person is editing, or empty.
	Waiting string `json:"waiting,omitempty"`
}

const schemaVersion = 1

// Errors that a rebase can be matched against with errors.Is.
var (
	// ErrNone means that no rebase is under way.
	ErrNone = errors.New("no rebase is under way")
	// ErrUnderWay means that one is.
	ErrUnderWay = errors.New("a rebase is under way")
	// ErrConflict means that a person has to edit something.
	ErrConflict = errors.New("the rebase needs you")
	// ErrMarks means that conflicts are still marked.
	ErrMarks = errors.New("conflicts are still marked")
	// ErrChanged means that the series changed under the rebase.
	ErrChanged = errors.New("the series changed during the rebase")
	// ErrPerson means that a step is left to a person.
	ErrPerson = errors.New("this can't be done without a person")
)

func statePath(dir string) string { return filepath.Join(dir, "state.json") }

// ReadState reads the state of the rebase in dir. The error is ErrNone where there is
// none.
func ReadState(dir string) (*State, error) {
	data, err := os.ReadFile(statePath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: start one with `go tool mage rebase -to=v1.38.0`", ErrNone)
	}
	var state State
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	if err == nil && state.SchemaVersion != schemaVersion {
		err = fmt.Errorf("schema version %d is not supported: want %d", state.SchemaVersion, schemaVersion)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state of the rebase: %w; start over after `go tool mage rebase -abort`", err)
	}
	return &state, nil
}

// write replaces the state.
func (s *State) write(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = renameio.WriteFile(statePath(dir), append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keeping the state of the rebase: %w", err)
	}
	return nil
}

// at is where the next patch goes.
func (s *State) at() workbench.Point {
	if len(s.Done) == 0 {
		return s.Base
	}
	return s.Done[len(s.Done)-1].After
}
