package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// AllVersions stands for every tag of the lock.
const AllVersions = "all"

// CheckOptions say what is checked.
type CheckOptions struct {
	// Series is the name of a folder in patches/; empty means every one.
	Series string
	// Version is a tag, in the lock or not, or AllVersions.
	Version string
}

// Check tries series on tags, on the published sources, and compares the outcome with
// what is recorded. Nothing is built and no tree is checked out. The error is about what
// could not be tried; what is wrong with a series is in the report.
func (p *Pipeline) Check(ctx context.Context, options CheckOptions) (*check.Report, error) {
	names := []string{options.Series}
	if options.Series == "" {
		var err error
		if names, err = p.seriesNames(); err != nil {
			return nil, err
		}
	}
	report := &check.Report{Drift: map[string][]serieslock.Drift{}}
	for _, name := range names {
		checker, err := p.seriesChecker(ctx, name, options.Version)
		if err != nil {
			return nil, err
		}
		if drift := checker.recorded.ComparePatches(patchDigests(checker.series)); len(drift) > 0 {
			report.Drift[name] = drift
		}
		rows, err := checker.rows(ctx)
		if err != nil {
			return nil, fmt.Errorf("checking series %s: %w", name, err)
		}
		report.Rows = append(report.Rows, rows...)
	}
	return report, nil
}

// PrintCheck writes a report, for people or as JSON, and returns what it found wrong.
func (p *Pipeline) PrintCheck(report *check.Report, asJSON bool) error {
	p.progress.Close()
	write := report.Text
	if asJSON {
		write = report.JSON
	}
	return errors.Join(write(p.config.Results), report.Err())
}

// seriesNames lists the series in patches/.
func (p *Pipeline) seriesNames() ([]string, error) {
	found, err := filepath.Glob(filepath.Join(p.config.Root, "patches", "*", series.IndexFile))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found))
	for i, path := range found {
		names[i] = filepath.Base(filepath.Dir(path))
	}
	slices.Sort(names)
	return names, nil
}

func (p *Pipeline) seriesLockPath(name string) string {
	return filepath.Join(p.config.Root, "patches", name, serieslock.FileName)
}

// seriesChecker checks one series on some tags.
type seriesChecker struct {
	pipeline *Pipeline
	series   *series.Series
	recorded *serieslock.Lock
	subjects []subject
}

// subject is a tag with the patches that it gets. known is its entry in the lock.
type subject struct {
	version   kubever.Version
	known     *lock.Entry
	selection check.Selection
}

func (p *Pipeline) seriesChecker(ctx context.Context, name, version string) (*seriesChecker, error) {
	loaded, err := p.loadSeries(name)
	if err != nil {
		return nil, err
	}
	recorded, err := serieslock.Read(p.seriesLockPath(name))
	if err != nil {
		return nil, err
	}
	versions := p.lock.Known()
	if version != AllVersions {
		one, err := p.version(version)
		if err != nil {
			return nil, err
		}
		versions = []kubever.Version{one}
	}
	checker := &seriesChecker{pipeline: p, series: loaded, recorded: recorded}
	for _, v := range versions {
		s := subject{version: v}
		if entry, err := p.lock.Entry(v); err == nil {
			s.known = &entry
		}
		s.selection = check.Select(loaded, v, s.known != nil, recorded)
		checker.subjects = append(checker.subjects, s)
	}
	return checker, nil
}

// rows fetches what is needed and checks each tag.
func (c *seriesChecker) rows(ctx context.Context) ([]check.Row, error) {
	trees, err := c.pipeline.roots(ctx, c.subjects)
	if err != nil {
		return nil, err
	}
	defer trees.Close()
	var rows []check.Row
	for _, s := range c.subjects {
		row, err := c.row(ctx, s, trees)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (c *seriesChecker) row(ctx context.Context, s subject, trees *roots) (check.Row, error) {
	if s.selection.Kind == check.Refused {
		return check.Row{Series: c.series.Name, Version: s.version, Selection: s.selection}, nil
	}
	row, err := c.try(ctx, s, trees)
	if err != nil {
		return row, err
	}
	row.Compare(c.recorded, func(file string) bool {
		return slices.ContainsFunc(c.recorded.ComparePatches(patchDigests(c.series)), func(d serieslock.Drift) bool { return d.Patch == file })
	})
	return row, nil
}

// apply applies a tag's patches, whatever they were selected for.
func (c *seriesChecker) apply(ctx context.Context, s subject, trees *roots) (check.Row, error) {
	row := check.Row{Series: c.series.Name, Version: s.version, Selection: s.selection}
	tree, err := trees.tree(ctx, s)
	if err != nil {
		return row, err
	}
	return check.Apply(c.series, s.version, s.selection, tree)
}

// try is apply; what of the sources can't be had is in the row.
func (c *seriesChecker) try(ctx context.Context, s subject, trees *roots) (check.Row, error) {
	row, err := c.apply(ctx, s, trees)
	if errors.Is(err, source.ErrUnavailable) {
		row.Unavailable = err.Error()
		return row, nil
	}
	if err != nil {
		return row, fmt.Errorf("%s: %w", s.version, err)
	}
	return row, nil
}

// roots are the published sources of some tags. Close releases them.
type roots struct {
	pipeline  *Pipeline
	store     *gittree.Store
	published map[kubever.Version]*source.Published
}

// roots brings the sources of the subjects into the module cache.
func (p *Pipeline) roots(ctx context.Context, subjects []subject) (*roots, error) {
	fetcher := source.Fetcher{Environment: p.config.Environment, Progress: p.progress}
	var wanted []source.Wanted
	for _, s := range subjects {
		if len(s.selection.Files) == 0 {
			continue // it gets no patches
		}
		want := source.Wanted{Staging: roottree.StagingModules(s.selection.Paths())}
		if s.known != nil {
			want.Entry = *s.known
		} else {
			entry, err := fetcher.DescribeRoot(ctx, s.version, want.Staging)
			if err != nil {
				return nil, err
			}
			want.Entry = entry
		}
		wanted = append(wanted, want)
	}
	published, err := fetcher.Publications(ctx, wanted)
	if err != nil {
		return nil, err
	}
	dir := p.space.TreeDir("roots")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keeping the trees: %w", err)
	}
	store, err := gittree.Open(dir)
	if err != nil {
		return nil, err
	}
	r := &roots{pipeline: p, store: store, published: map[kubever.Version]*source.Published{}}
	for _, found := range published {
		r.published[found.Entry.Version] = found
	}
	return r, nil
}

// Close releases the store.
func (r *roots) Close() error { return r.store.Close() }

// tree returns the tree of a tag. The ID of its root module is remembered by the
// module's sum, since finding it out means to read every file.
func (r *roots) tree(ctx context.Context, s subject) (*roottree.Tree, error) {
	published := r.published[s.version]
	key := workspace.KeyOf("root tree 1", strings.TrimSpace(published.Entry.RootSum()))
	var known struct{ Tree string }
	if r.pipeline.space.Recall("roots", key, &known) {
		tree, err := roottree.New(r.store, published, plumbing.NewHash(known.Tree), s.selection.Paths())
		if err == nil || errors.Is(err, source.ErrUnavailable) || errors.Is(err, gittree.ErrAltered) {
			return tree, err
		}
		// The store may have been removed; the tree is found out again.
	}
	step := r.pipeline.progress.Step("reading "+s.version.String(), progress.Files)
	defer step.Abort()
	id, err := roottree.Describe(ctx, r.store, published)
	if err != nil {
		return nil, err
	}
	step.Done("")
	known.Tree = id.String()
	if err := r.pipeline.space.Record("roots", key, known); err != nil {
		return nil, err
	}
	return roottree.New(r.store, published, id, s.selection.Paths())
}
