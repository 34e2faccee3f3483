// Package workspace keeps what the pipeline remembers between runs, in the
// folder .steadylet of the repository: trees, step records and unfinished work.
//
// One process at a time owns the folder (Acquire); a second one gets a *HeldError
// that names the first. Whatever a killed process left half done lies under
// tmp/, which the next owner empties. Nothing else in the folder is ever
// half-written: files and folders are finished under tmp/ and renamed into place.
package workspace

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio"
)

// Workspace is the owned folder. It is safe for concurrent use by the
// goroutines of the process that owns it, as long as they use different keys.
type Workspace struct {
	dir  string
	lock *flock.Flock
}

// Holder says which process owns a workspace and what it does.
type Holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// HeldError is returned by Acquire while another process owns the workspace.
type HeldError struct {
	Dir    string
	Holder Holder
}

func (e *HeldError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("the workspace %s is in use by another run: wait until it has finished", e.Dir)
	}
	return fmt.Sprintf("the workspace %s is in use by process %d (%s, since %s): wait until it has finished, or end it",
		e.Dir, e.Holder.PID, e.Holder.Command, e.Holder.Since.Format("15:04:05"))
}

// Acquire makes the calling process the owner of dir, which is created with
// mode 0700 where it does not exist, and removes what an earlier owner left
// unfinished. command is shown to whoever finds the workspace in use. The
// kernel ends the ownership with the process, however that ends.
func Acquire(dir, command string, now time.Time) (*Workspace, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the workspace: %w", err)
	}
	held := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	got, err := held.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking the workspace: %w", err)
	}
	if !got {
		return nil, &HeldError{Dir: dir, Holder: readHolder(dir)}
	}
	w := &Workspace{dir: dir, lock: held}
	if err := w.start(command, now); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return w, nil
}

func (w *Workspace) start(command string, now time.Time) error {
	if err := os.RemoveAll(w.tmp()); err != nil {
		return fmt.Errorf("removing unfinished work: %w", err)
	}
	if err := os.Mkdir(w.tmp(), 0o700); err != nil {
		return fmt.Errorf("creating the workspace: %w", err)
	}
	holder, err := json.Marshal(Holder{PID: os.Getpid(), Command: command, Since: now})
	if err != nil {
		return fmt.Errorf("naming the workspace's holder: %w", err)
	}
	if err := renameio.WriteFile(w.holder(), holder, 0o600); err != nil {
		return fmt.Errorf("naming the workspace's holder: %w", err)
	}
	return nil
}

func readHolder(dir string) Holder {
	var holder Holder
	data, err := os.ReadFile(filepath.Join(dir, "holder.json"))
	if err != nil || json.Unmarshal(data, &holder) != nil {
		return Holder{}
	}
	return holder
}

// Release ends the ownership and removes what is unfinished.
func (w *Workspace) Release() error {
	err := os.RemoveAll(w.tmp())
	if removeErr := os.Remove(w.holder()); !errors.Is(removeErr, fs.ErrNotExist) {
		err = errors.Join(err, removeErr)
	}
	return errors.Join(err, w.lock.Close())
}

func (w *Workspace) tmp() string    { return filepath.Join(w.dir, "tmp") }
func (w *Workspace) holder() string { return filepath.Join(w.dir, "holder.json") }

// Dir is the workspace's folder.
func (w *Workspace) Dir() string { return w.dir }

// TreeDir is where the tree of that name lives. The path depends on the name
// alone, since a debug build writes it into the binary and the Go build cache's
// keys.
func (w *Workspace) TreeDir(name string) string { return filepath.Join(w.dir, "trees", name) }

// TempDir makes an empty folder that is removed when the ownership ends, or by
// the next owner.
func (w *Workspace) TempDir() (string, error) {
	dir, err := os.MkdirTemp(w.tmp(), "")
	if err != nil {
		return "", fmt.Errorf("creating a temporary folder: %w", err)
	}
	return dir, nil
}

// Record stores value as the result of the step with that key. The record is
// complete or absent, whenever the process ends.
func (w *Workspace) Record(step string, key Key, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("recording step %s: %w", step, err)
	}
	path := w.recordPath(step, key)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("recording step %s: %w", step, err)
	}
	if err := renameio.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("recording step %s: %w", step, err)
	}
	return nil
}

// Recall reads what Record stored for the key, and reports whether there was
// anything. An unreadable record counts as none: the step is done again.
func (w *Workspace) Recall(step string, key Key, value any) bool {
	data, err := os.ReadFile(w.recordPath(step, key))
	return err == nil && json.Unmarshal(data, value) == nil
}

func (w *Workspace) recordPath(step string, key Key) string {
	return filepath.Join(w.dir, "steps", step, string(key)+".json")
}

// Key identifies a step's inputs.
type Key string

// KeyOf digests a step's inputs, in order. Fields are separated, so that moving
// a character from one to the next gives another key.
func KeyOf(inputs ...string) Key {
	h := sha256.New()
	for _, input := range inputs {
		fmt.Fprintf(h, "%d:%s\n", len(input), input)
	}
	return Key(hex.EncodeToString(h.Sum(nil))[:40])
}

// Clean removes everything in the workspace but the lock, and reports the
// number of bytes that were freed.
func (w *Workspace) Clean() (int64, error) {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return 0, fmt.Errorf("cleaning the workspace: %w", err)
	}
	var freed int64
	for _, entry := range entries {
		if entry.Name() == "lock" {
			continue
		}
		path := filepath.Join(w.dir, entry.Name())
		freed += Size(path)
		if err := os.RemoveAll(path); err != nil {
			return freed, fmt.Errorf("cleaning the workspace: %w", err)
		}
	}
	return freed, nil
}

// Size returns how many bytes the files at a path have, without those that can't be read.
func Size(path string) int64 {
	var total int64
	// A file that vanishes or can't be read is not counted; removing it reports why.
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

// SafeName reports whether name can be used as one element of a path below the
// workspace.
func SafeName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00")
}
