package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workbench"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// EditOptions say what is laid out for a person to edit.
type EditOptions struct {
	// Series is the name of a folder in patches/.
	Series string
	// Version is the tag that the patches are for, or are brought to; empty means the
	// newest in the lock.
	Version string
	// From is the tag that they are brought from; empty means that they are edited where
	// they are. With it, neither tag need be in the lock.
	From string
}

// ErrEditing is matched by the error of Edit while a tree is open for editing already.
var ErrEditing = errors.New("a tree is open for editing")

// oldBranch keeps the commits as they were laid out, to compare the rebased ones with.
const oldBranch = "old-series"

// editing is what the workspace remembers of the tree that is open for editing.
type editing struct {
	Series  string
	Version kubever.Version
	// From is the tag that the patches come from, or empty.
	From string
	// Base is the commit of Version, which the exported commits are on.
	Base workbench.Point
	// Written are the patch files that Export added to the series. They are removed where
	// a run was killed before series.yaml listed them.
	Written []string
}

func (p *Pipeline) editDir() string { return filepath.Join(p.space.Dir(), "edit") }

// editKey is the one that the open tree is remembered by: there is one at most.
func editKey() workspace.Key { return workspace.KeyOf("edit 1") }

// open returns what is open for editing.
func (p *Pipeline) open() (editing, bool) {
	var open editing
	if _, err := os.Stat(p.editDir()); err != nil {
		return open, false
	}
	return open, p.space.Recall("edit", editKey(), &open) && open.Series != ""
}

// Edit lays a tag's sources out as a git repository, with one commit for each patch of a
// series, for a person to edit, and prints where. With From, the commits are on that tag,
// and the person rebases them to Version with git. Export makes patches of them.
func (p *Pipeline) Edit(ctx context.Context, options EditOptions) error {
	if open, ok := p.open(); ok {
		p.sayHow(open)
		return fmt.Errorf("%w: series %s on %s in %s; export it with `go tool mage export`, or drop it with `go tool mage edit -discard`",
			ErrEditing, open.Series, open.Version, p.editDir())
	}
	tags, patches, err := p.editTags(options)
	if err != nil {
		return err
	}
	bench, base, err := p.layOut(ctx, tags, patches)
	if err != nil {
		return err
	}
	defer bench.Close()
	open := editing{Series: options.Series, Version: tags[len(tags)-1], From: options.From, Base: base}
	if err := p.space.Record("edit", editKey(), open); err != nil {
		return err
	}
	p.sayHow(open)
	fmt.Fprintln(p.config.Results, bench.Worktree())
	return nil
}

// editTags returns the tags to lay out, and the patches of the first.
func (p *Pipeline) editTags(options EditOptions) ([]kubever.Version, []*series.Patch, error) {
	if options.From == "" {
		_, tag, patches, err := p.selected(options.Series, options.Version, false)
		return []kubever.Version{tag}, patches, err
	}
	from, err := kubever.Parse(options.From)
	if err != nil {
		return nil, nil, err
	}
	to, err := p.version(options.Version)
	if err != nil {
		return nil, nil, err
	}
	if from == to {
		return nil, nil, fmt.Errorf("-version and -from are both %s: leave out -from to edit the patches of that tag", to)
	}
	loaded, err := p.loadSeries(options.Series)
	if err != nil {
		return nil, nil, err
	}
	patches, err := loaded.Select(from, false)
	return []kubever.Version{from, to}, patches, err
}

// sayHow tells a person what to do with the open tree.
func (p *Pipeline) sayHow(open editing) {
	p.progress.Close()
	out, worktree := p.config.Messages, filepath.Join(p.editDir(), "src")
	if open.From == "" {
		fmt.Fprintf(out, "Edit the files there; with git: cd %s, then git commit --amend, git rebase -i %s, …\n", worktree, open.Version)
	} else {
		fmt.Fprintf(out, "The patches are commits on %[2]s. Bring them to %[3]s:\n\n    cd %[1]s\n    git rebase --onto %[3]s %[2]s %[4]s\n"+
			"    git rebase --continue    # after each conflict that you resolved, with git add\n    git range-diff %[2]s..%[5]s %[3]s..%[4]s\n\n",
			worktree, open.From, open.Version, workbench.SeriesBranch, oldBranch)
	}
	fmt.Fprintln(out, "Then make patches of the commits with `go tool mage export`.")
}

// layOut fills the folder for editing, instead of one that was never finished. It returns
// the commit of the last tag.
func (p *Pipeline) layOut(ctx context.Context, tags []kubever.Version, patches []*series.Patch) (*workbench.Bench, workbench.Point, error) {
	var published []*source.Published
	for _, tag := range tags {
		found, err := p.published(ctx, tag, pathsOf(patches))
		if err != nil {
			return nil, workbench.Point{}, err
		}
		published = append(published, found)
	}
	if err := os.RemoveAll(p.editDir()); err != nil {
		return nil, workbench.Point{}, err
	}
	step := p.progress.Step("laying out "+tags[len(tags)-1].String(), progress.Files)
	defer step.Abort()
	bench, points, err := workbench.Create(ctx, p.editDir(), published, pathsOf(patches))
	if err != nil {
		return nil, workbench.Point{}, err
	}
	if err := commitPatches(ctx, bench, points[0], patches); err != nil {
		err = fmt.Errorf("applying the series to %s: %w", tags[0], err)
		return nil, workbench.Point{}, errors.Join(err, bench.Close(), os.RemoveAll(p.editDir()))
	}
	step.Done(fmt.Sprintf("%d commits", len(patches)))
	return bench, points[len(points)-1], nil
}

// published brings a tag's root module into the module cache, and those staging modules
// that the paths lie in. The tag need not be in the lock.
func (p *Pipeline) published(ctx context.Context, version kubever.Version, paths []string) (*source.Published, error) {
	fetcher := source.Fetcher{Environment: p.config.Environment, Progress: p.progress}
	want := source.Wanted{Staging: roottree.StagingModules(paths)}
	var err error
	if want.Entry, err = p.lock.Entry(version); err != nil {
		if want.Entry, err = fetcher.DescribeRoot(ctx, version, want.Staging); err != nil {
			return nil, err
		}
	}
	found, err := fetcher.Publications(ctx, []source.Wanted{want})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

func pathsOf(patches []*series.Patch) []string {
	var paths []string
	for _, patch := range patches {
		paths = append(paths, patch.Paths()...)
	}
	return paths
}

func commitPatches(ctx context.Context, bench *workbench.Bench, base workbench.Point, patches []*series.Patch) error {
	result, err := series.Apply(bench.Files(base.Tree), patches)
	if err != nil {
		return err
	}
	drafts, err := result.Drafts(bench.Files(base.Tree))
	if err != nil {
		return err
	}
	last, err := commitAll(ctx, bench, base, drafts)
	if err != nil {
		return err
	}
	return bench.Branch(oldBranch, last)
}

// commitAll makes one commit of each draft, and the worktree equal to the last.
func commitAll(ctx context.Context, bench *workbench.Bench, base workbench.Point, drafts []series.Draft) (workbench.Point, error) {
	at := base
	for _, draft := range drafts {
		next, err := bench.Commit(at, draft)
		if err != nil {
			return at, err
		}
		at = next
	}
	return at, bench.Move(ctx, at)
}

// DiscardEdit drops the tree that is open for editing, and what was edited in it.
func (p *Pipeline) DiscardEdit() error {
	open, ok := p.open()
	if !ok {
		return errors.New("no tree is open for editing: open one with `go tool mage edit -version=v1.36.3`")
	}
	if err := p.dropUnlisted(open); err != nil {
		return err
	}
	return os.RemoveAll(p.editDir())
}
