package series

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// Result is what a series changes in a tree.
type Result struct {
	// Patches are the applied patches in order.
	Patches []Applied
	tree    *overlay
}

// Applied is one patch with its effect.
type Applied struct {
	Patch *Patch
	// Changes are complete: writing them in order onto the tree that the patch
	// before this one left gives the tree after this patch.
	Changes []Change
	// Hunks tell where each hunk was found.
	Hunks []Placement
}

// Kind is what happens to a file.
type Kind string

// The kinds of Change. A rename is a Delete and an Add.
const (
	Add    Kind = "add"
	Modify Kind = "modify"
	Delete Kind = "delete"
)

// Change is one file of a patch after its application.
type Change struct {
	Path string
	Kind Kind
	// Data is the whole new content; nil for Delete.
	Data       []byte
	Executable bool
}

// Placement tells where a hunk was found. Lines are counted from 1.
type Placement struct {
	File string `json:"file"`
	// Hunk is the hunk's number in the file, from 1.
	Hunk int `json:"hunk"`
	// Wanted is the line that the patch names, Found the line in the file
	// before the patch, and Offset the second minus the first.
	Wanted int `json:"wanted"`
	Found  int `json:"found"`
	Offset int `json:"offset"`
}

// ReadFile returns a file as it is after the last patch, whether or not the
// series changes it.
func (r *Result) ReadFile(path string) ([]byte, error) {
	file, err := r.tree.ReadFile(path)
	return file.Data, err
}

// Files returns the tree after the last patch, to apply more to.
func (r *Result) Files() Files { return r.tree }

// Apply computes what patches change in base, each on top of those before it.
// It writes nothing.
//
// When any hunk does not apply, the error is a *ConflictError that lists all
// that failed: hunks and patches after a failure are still tried. Another error
// means that base could not be read.
func Apply(base Files, patches []*Patch) (*Result, error) {
	result, conflicts, err := Try(base, patches)
	if err != nil {
		return nil, err
	}
	if len(conflicts) > 0 {
		return nil, &ConflictError{conflicts}
	}
	return result, nil
}

// Try computes what Apply does, and gives what applies even where something else
// does not: a hunk that is among the conflicts is missing from the result.
func Try(base Files, patches []*Patch) (*Result, []Conflict, error) {
	tree := &overlay{base: base, files: map[string]*state{}}
	result := &Result{tree: tree}
	var conflicts []Conflict
	for _, p := range patches {
		application := application{patch: p, tree: tree, applied: Applied{Patch: p}}
		for _, f := range p.Files {
			if err := application.change(f); err != nil {
				return nil, nil, fmt.Errorf("applying %s: %w", p.File, err)
			}
		}
		conflicts = append(conflicts, application.conflicts...)
		result.Patches = append(result.Patches, application.applied)
	}
	return result, conflicts, nil
}

// overlay is a tree with the changes made so far.
type overlay struct {
	base  Files
	files map[string]*state
}

type state struct {
	File
	present bool
	// failed is the first patch whose change of the file did not apply.
	failed *Patch
}

func (o *overlay) at(path string) (*state, error) {
	if s, ok := o.files[path]; ok {
		return s, nil
	}
	file, err := o.base.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	s := &state{File: file, present: err == nil}
	o.files[path] = s
	return s, nil
}

// ReadFile makes an overlay a tree for the next user. It leaves the overlay
// alone, so that a Result can be read concurrently.
func (o *overlay) ReadFile(path string) (File, error) {
	s, ok := o.files[path]
	if !ok {
		return o.base.ReadFile(path)
	}
	if !s.present {
		return File{}, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return s.File, nil
}

// application is one patch being applied.
type application struct {
	patch     *Patch
	tree      *overlay
	applied   Applied
	conflicts []Conflict
}

// change applies the patch to one file as far as it goes. The error is one of
// reading; a conflict is recorded.
func (a *application) change(f *gitdiff.File) error {
	target, err := a.tree.at(pathOf(f))
	if err != nil {
		return err
	}
	source := target
	if f.IsRename {
		if source, err = a.tree.at(f.OldName); err != nil {
			return err
		}
	}
	switch {
	case f.IsNew:
		a.create(f, target)
	case !source.present:
		a.conflict(source, Conflict{File: f.OldName, Reason: ReasonFileMissing})
	case f.IsRename && target.present:
		a.conflict(target, Conflict{File: f.NewName, Reason: ReasonFileExists})
	case f.IsDelete && len(f.TextFragments) == 0 && len(source.Data) > 0:
		a.conflict(source, Conflict{File: f.OldName, Reason: ReasonNotEmpty})
	default:
		a.rewrite(f, source, target)
	}
	return nil
}

func (a *application) create(f *gitdiff.File, target *state) {
	var data []byte
	for _, h := range f.TextFragments {
		_, lines := sides(h)
		for _, line := range lines {
			data = append(data, line...)
		}
		a.applied.Hunks = append(a.applied.Hunks, Placement{File: f.NewName, Hunk: 1, Wanted: 1, Found: 1})
	}
	if target.present {
		reason := ReasonFileExists
		if string(target.Data) == string(data) {
			reason = ReasonApplied
		}
		a.conflict(target, Conflict{File: f.NewName, Reason: reason})
		return
	}
	a.store(f.NewName, target, Add, File{data, f.NewMode == modeExecutable})
}

// rewrite changes, deletes or renames a file that is there.
func (a *application) rewrite(f *gitdiff.File, source, target *state) {
	data := a.splice(f, source)
	executable := source.Executable
	if f.NewMode != 0 {
		executable = f.NewMode == modeExecutable
	}
	switch {
	case f.IsDelete:
		a.remove(f.OldName, source)
	case f.IsRename:
		target.failed = source.failed
		a.remove(f.OldName, source)
		a.store(f.NewName, target, Add, File{data, executable})
	default:
		a.store(f.NewName, target, Modify, File{data, executable})
	}
}

func (a *application) store(path string, s *state, kind Kind, file File) {
	s.File, s.present = file, true
	a.applied.Changes = append(a.applied.Changes, Change{path, kind, file.Data, file.Executable})
}

func (a *application) remove(path string, s *state) {
	s.File, s.present = File{}, false
	a.applied.Changes = append(a.applied.Changes, Change{Path: path, Kind: Delete})
}

func (a *application) conflict(s *state, c Conflict) {
	c.Patch = a.patch.File
	if s.failed == nil {
		s.failed = a.patch
	}
	c.AfterFailure = s.failed != a.patch
	a.conflicts = append(a.conflicts, c)
}
