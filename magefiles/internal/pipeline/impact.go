package pipeline

import (
	"context"
	"errors"

	"github.com/steadylet/steadylet/magefiles/internal/impact"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// ImpactOptions say which two versions are compared.
type ImpactOptions struct {
	// From and To are tags of the lock.
	From, To string
	// Archive is a source tarball of one of the two, whichever the lock knows it by;
	// empty means that both are read from their modules.
	Archive string
	// Format is one of those of impact.Write.
	Format string
}

// Impact writes what two versions do differently with containers and static pods. It
// builds nothing. What was read of a version is remembered.
func (p *Pipeline) Impact(ctx context.Context, options ImpactOptions) error {
	if err := impact.CheckFormat(options.Format); err != nil {
		return err
	}
	from, was, err := p.facts(ctx, options.From, options.Archive)
	if err != nil {
		return err
	}
	to, is, err := p.facts(ctx, options.To, options.Archive)
	if err != nil {
		return err
	}
	p.progress.Close()
	return impact.Write(p.config.Results, impact.Compare(from, to, was, is), options.Format)
}

// readModules are the staging modules that impact.Extract reads.
var readModules = []string{"k8s.io/api", "k8s.io/apimachinery"}

// facts returns what the source of a version says.
func (p *Pipeline) facts(ctx context.Context, text, archive string) (kubever.Version, *impact.Facts, error) {
	version, err := kubever.Parse(text)
	if err != nil {
		return version, nil, err
	}
	entry, err := p.lock.Entry(version)
	if err != nil {
		return version, nil, err
	}
	if archive != "" && len(entry.Archives) > 0 {
		facts, err := p.archiveFacts(ctx, version, archive)
		return version, facts, err
	}
	facts, err := p.moduleFacts(ctx, version, entry)
	return version, facts, err
}

// moduleFacts returns what a version's modules say; entry need not be one of the lock.
func (p *Pipeline) moduleFacts(ctx context.Context, version kubever.Version, entry lock.Entry) (*impact.Facts, error) {
	key := workspace.KeyOf("impact of modules", impact.Code(), version.String(), entry.GoSum)
	return p.remembered(key, version, func() (impact.Tree, error) { return p.modules(ctx, version, entry) })
}

// modules returns the modules that are read. They are fewer than a build needs, and can
// be had of releases that can't be built. Where the types are not published either, the
// root module alone still says how hashes are made.
func (p *Pipeline) modules(ctx context.Context, version kubever.Version, entry lock.Entry) (impact.Tree, error) {
	fetcher := source.Fetcher{Environment: p.config.Environment, Progress: p.progress}
	dirs, err := fetcher.Modules(ctx, version, entry, readModules...)
	if errors.Is(err, source.ErrNotPublished) {
		p.progress.Say("warning: the types of %s are not known: %v", version, err)
		dirs, err = fetcher.Modules(ctx, version, entry)
	}
	return impact.Modules(dirs), err
}

func (p *Pipeline) archiveFacts(ctx context.Context, version kubever.Version, archive string) (*impact.Facts, error) {
	tree, err := p.Source(ctx, SourceOptions{Version: version.String(), Kind: string(source.Archive), Location: archive})
	if err != nil {
		return nil, err
	}
	key := workspace.KeyOf("impact of a tree", impact.Code(), tree.TreeID.String())
	return p.remembered(key, version, func() (impact.Tree, error) {
		return impact.Worktree{Root: tree.Worktree, Layout: tree.Layout}, nil
	})
}

// remembered returns facts from the workspace, or reads them.
func (p *Pipeline) remembered(key workspace.Key, version kubever.Version, find func() (impact.Tree, error)) (*impact.Facts, error) {
	facts := new(impact.Facts)
	if p.space.Recall("impact", key, facts) {
		return facts, nil
	}
	tree, err := find()
	if err != nil {
		return nil, err
	}
	step := p.progress.Step("read "+version.String(), progress.Packages)
	defer step.Abort()
	if facts, err = impact.Extract(tree); err != nil {
		return nil, err
	}
	step.Done("")
	if facts.Container == nil || facts.Pod == nil {
		return facts, nil // what lacks may be had another day
	}
	return facts, p.space.Record("impact", key, facts)
}
