package rebase

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workbench"
)

// Rebase is one that is under way. It must not be used concurrently.
type Rebase struct {
	dir     string
	state   *State
	bench   *workbench.Bench
	series  *series.Series
	patches []*series.Patch
}

// Start begins to bring a series to a tag, in dir, which must not exist.
func Start(ctx context.Context, dir string, s *series.Series, published *source.Published) (*Rebase, error) {
	if _, err := os.Stat(statePath(dir)); err == nil {
		return nil, fmt.Errorf("%w: go on with `go tool mage rebase -resume`, or drop it with -abort", ErrUnderWay)
	}
	if err := os.RemoveAll(dir); err != nil { // of one that was ended before its first state
		return nil, err
	}
	patches, err := s.Select(published.Entry.Version, true)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, patch := range patches {
		paths = append(paths, patch.Paths()...)
	}
	bench, base, err := workbench.Create(ctx, dir, published, paths)
	if err != nil {
		return nil, err
	}
	state := &State{SchemaVersion: schemaVersion, Series: s.Name, To: published.Entry.Version, Time: published.Entry.Time, Base: base}
	if err := state.write(dir); err != nil {
		return nil, err
	}
	return &Rebase{dir: dir, state: state, bench: bench, series: s, patches: patches}, nil
}

// Resume opens the rebase in dir. The series must have the patches that it was begun
// with; the error matches ErrChanged where it has not.
func Resume(dir string, load func(name string) (*series.Series, error)) (*Rebase, error) {
	state, err := ReadState(dir)
	if err != nil {
		return nil, err
	}
	s, err := load(state.Series)
	if err != nil {
		return nil, err
	}
	patches, err := s.Select(state.To, true)
	if err != nil {
		return nil, err
	}
	for i, step := range state.Done {
		if i >= len(patches) || patches[i].File != step.File || patches[i].Digest != step.SHA256 {
			return nil, fmt.Errorf("%w: %s is not what it was: put it back, or start over after `go tool mage rebase -abort`", ErrChanged, step.File)
		}
	}
	bench, err := workbench.Open(dir, state.Time)
	if err != nil {
		return nil, err
	}
	return &Rebase{dir: dir, state: state, bench: bench, series: s, patches: patches}, nil
}

// Abort drops the rebase in dir, and what was edited in it.
func Abort(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("%w, so there is none to drop", ErrNone)
	}
	return os.RemoveAll(dir)
}

// Close releases the workbench.
func (r *Rebase) Close() error { return r.bench.Close() }

// To is the tag.
func (r *Rebase) To() kubever.Version { return r.state.To }

// Series is the series as it is on disk.
func (r *Rebase) Series() *series.Series { return r.series }

// Conflict says what a person has to edit. It is ErrConflict.
type Conflict struct {
	// Patch is the patch's file, Worktree where its conflicts are marked.
	Patch, Worktree string
	Conflicts       []series.Conflict
	// Moved names, for a file that is missing, those of the same name.
	Moved map[string][]string
}

func (e *Conflict) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%v: %s does not apply\n", ErrConflict, e.Patch)
	for _, conflict := range e.Conflicts {
		fmt.Fprintf(&text, "  %s\n", conflict)
		for _, line := range conflict.Difference {
			fmt.Fprintf(&text, "      %s\n", line)
		}
		if moved := e.Moved[conflict.File]; len(moved) > 0 {
			fmt.Fprintf(&text, "      a file of that name: %s\n", strings.Join(moved, ", "))
		}
	}
	fmt.Fprintf(&text, "Make the change by hand in %s, without the marks, and go on with `go tool mage rebase -resume`.", e.Worktree)
	return text.String()
}

// Is makes errors.Is(err, ErrConflict) hold.
func (e *Conflict) Is(target error) bool { return target == ErrConflict }

// Run applies patches until all are done, telling say of each. The error is a *Conflict
// where a person has to edit something first; call Run again after that. skip says of the
// patch that waits for a person that the tag needs it no longer.
func (r *Rebase) Run(ctx context.Context, skip bool, say func(format string, args ...any)) error {
	if r.state.Waiting != "" {
		if err := r.takeEdited(ctx, skip); err != nil {
			return err
		}
		say("%s: %s", r.patches[len(r.state.Done)-1].File, Edited)
	}
	for len(r.state.Done) < len(r.patches) {
		if err := ctx.Err(); err != nil {
			return err
		}
		patch := r.patches[len(r.state.Done)]
		marked, err := series.Mark(r.bench.Files(r.state.at().Tree), patch, r.state.To.String())
		if err != nil {
			return err
		}
		switch {
		case marked.Taken:
			err = r.finish(patch, Taken, r.state.at())
		case len(marked.Conflicts) > 0:
			return r.wait(ctx, patch, marked)
		default:
			err = r.commit(patch, Applied, marked.Changes)
		}
		if err != nil {
			return err
		}
		say("%s: %s", patch.File, r.state.Done[len(r.state.Done)-1].Result)
	}
	return r.bench.Checkout(ctx, r.state.at().Tree)
}

// wait leaves a marked patch in the worktree.
func (r *Rebase) wait(ctx context.Context, patch *series.Patch, marked *series.Marked) error {
	tree, err := r.bench.Edit(r.state.at().Tree, marked.Changes)
	if err != nil {
		return err
	}
	if err := r.bench.Checkout(ctx, tree); err != nil {
		return err
	}
	waiting := *r.state
	waiting.Waiting = tree.String()
	if err := waiting.write(r.dir); err != nil {
		return err
	}
	r.state = &waiting
	return r.conflict(patch, marked.Conflicts)
}

func (r *Rebase) conflict(patch *series.Patch, conflicts []series.Conflict) error {
	moved, err := r.moved(conflicts)
	if err != nil {
		return err
	}
	return &Conflict{Patch: patch.File, Worktree: r.bench.Worktree(), Conflicts: conflicts, Moved: moved}
}

func (r *Rebase) moved(conflicts []series.Conflict) (map[string][]string, error) {
	moved := map[string][]string{}
	for _, conflict := range conflicts {
		if conflict.Reason != series.ReasonFileMissing {
			continue
		}
		paths, err := r.bench.Paths(r.state.at().Tree)
		if err != nil {
			return nil, err
		}
		moved[conflict.File] = series.Where(conflict.File, paths)
	}
	return moved, nil
}

// takeEdited commits what a person made of the marked patch. Where nothing was edited
// the error is the *Conflict again.
func (r *Rebase) takeEdited(ctx context.Context, skip bool) error {
	patch := r.patches[len(r.state.Done)]
	if skip {
		return r.finish(patch, Taken, r.state.at())
	}
	waiting := plumbing.NewHash(r.state.Waiting)
	edited, err := r.bench.Altered(waiting)
	if err != nil {
		return err
	}
	if len(edited) == 0 {
		marked, err := series.Mark(r.bench.Files(r.state.at().Tree), patch, r.state.To.String())
		if err != nil {
			return err
		}
		return r.conflict(patch, marked.Conflicts)
	}
	tree, err := r.bench.Edit(waiting, edited)
	if err != nil {
		return err
	}
	changes, err := r.bench.Diff(ctx, r.state.at().Tree, tree)
	if err != nil {
		return err
	}
	if left := r.stillMarked(changes); len(left) > 0 {
		return fmt.Errorf("%w in %s: edit them away first", ErrMarks, strings.Join(left, ", "))
	}
	if len(changes) == 0 {
		return r.finish(patch, Taken, r.state.at())
	}
	return r.commit(patch, Edited, changes)
}

func (r *Rebase) stillMarked(changes []series.FileChange) []string {
	var left []string
	for _, change := range changes {
		if change.New != nil && series.HasMarks(change.New.Data) {
			left = append(left, filepath.Join(r.bench.Worktree(), change.Path))
		}
	}
	return left
}

func (r *Rebase) commit(patch *series.Patch, result Result, changes []series.FileChange) error {
	after, err := r.bench.Commit(r.state.at(), changes, patch.Title, patch.Body)
	if err != nil {
		return err
	}
	return r.finish(patch, result, after)
}

func (r *Rebase) finish(patch *series.Patch, result Result, after workbench.Point) error {
	slot := ""
	for _, entry := range r.series.Entries {
		if entry.Patch == patch {
			slot = entry.Slot
		}
	}
	next := *r.state
	next.Waiting = ""
	next.Done = append(slices.Clone(r.state.Done), Step{slot, patch.File, patch.Digest, result, after})
	if err := next.write(r.dir); err != nil {
		return err
	}
	r.state = &next
	return nil
}
