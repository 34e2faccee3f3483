package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/rebase"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// RebaseOptions say what a rebase does: exactly one of To, Resume, Skip and Abort.
type RebaseOptions struct {
	// To is the tag that a series is brought to.
	To string
	// Series is the name of a folder in patches/.
	Series string
	// Resume goes on after a person has edited, Skip after one has found that the tag
	// needs the patch no longer. Abort drops everything.
	Resume, Skip, Abort bool
}

// ErrChoice is matched by the error for options that say two things, or none.
var ErrChoice = errors.New("say one of -to=VERSION, -resume, -skip and -abort")

func (o RebaseOptions) check() error {
	chosen := 0
	for _, is := range []bool{o.To != "", o.Resume, o.Skip, o.Abort} {
		if is {
			chosen++
		}
	}
	if chosen != 1 {
		return ErrChoice
	}
	return nil
}

func (p *Pipeline) rebaseDir() string { return filepath.Join(p.space.Dir(), "rebase") }

// Rebase brings a series to a tag, or goes on doing so. The error is a *rebase.Conflict
// where a person has to edit something. At the end it writes the patches and series.yaml,
// and prints how they differ from what was there.
func (p *Pipeline) Rebase(ctx context.Context, options RebaseOptions) (err error) {
	if err := options.check(); err != nil {
		return err
	}
	dir := p.rebaseDir()
	if options.To == "" {
		pending, err := rebase.ReadPending(dir)
		if pending != nil && !options.Abort {
			p.progress.Say("what a run that was killed left half written is written again")
			return p.writeRebased(pending)
		}
		if pending != nil {
			err = pending.Undo(p.seriesFolder(pending.Series))
		}
		if options.Abort {
			return errors.Join(err, rebase.Abort(dir))
		}
		if err != nil {
			return err
		}
	}
	var r *rebase.Rebase
	if options.To != "" {
		r, err = p.startRebase(ctx, dir, options)
	} else {
		r, err = rebase.Resume(dir, p.loadSeries)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := r.Run(ctx, options.Skip, p.progress.Say); err != nil {
		return err
	}
	return p.finishRebase(ctx, r)
}

func (p *Pipeline) startRebase(ctx context.Context, dir string, options RebaseOptions) (*rebase.Rebase, error) {
	version, err := kubever.Parse(options.To)
	if err != nil {
		return nil, err
	}
	loaded, err := p.loadSeries(options.Series)
	if err != nil {
		return nil, err
	}
	patches, err := loaded.Select(version, true)
	if err != nil {
		return nil, err
	}
	published, err := p.published(ctx, version, pathsOf(patches))
	if err != nil {
		return nil, err
	}
	step := p.progress.Step("laying out "+version.String(), progress.Files)
	defer step.Abort()
	r, err := rebase.Start(ctx, dir, loaded, published)
	if err == nil {
		step.Done("")
	}
	return r, err
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

func (p *Pipeline) seriesFolder(name string) string {
	return filepath.Join(p.config.Root, "patches", name)
}

// finishRebase writes what came out, and drops the rebase.
func (p *Pipeline) finishRebase(ctx context.Context, r *rebase.Rebase) error {
	scratch, err := p.space.TempDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	made, err := r.Outcome(ctx, p.seriesFolder(r.Series().Name), scratch, p.lock.Known())
	if err != nil {
		return err
	}
	pending, err := r.Keep(made)
	if err != nil {
		return err
	}
	return p.writeRebased(pending)
}

// writeRebased writes an outcome and prints it. Only then the rebase has ended.
func (p *Pipeline) writeRebased(pending *rebase.Pending) error {
	folder := p.seriesFolder(pending.Series)
	if err := pending.Write(folder); err != nil {
		return err
	}
	p.progress.Close()
	out := p.config.Results
	for i, difference := range pending.Outcome.Differences {
		mark := "="
		if len(difference.Lines) > 0 {
			mark = "!"
		}
		fmt.Fprintf(out, "%d:  %s %s %s\n", i+1, difference.Old, mark, difference.New)
		for _, line := range difference.Lines {
			fmt.Fprintf(out, "    %s\n", line)
		}
	}
	for _, note := range pending.Outcome.Notes {
		fmt.Fprintln(out, note)
	}
	fmt.Fprintf(out, "Review the change of %s, record it with `go tool mage lock -version=%s`,\nand see whether it compiles: go tool mage check -version=%[2]s -compile\n", folder, pending.To)
	return pending.Drop()
}
