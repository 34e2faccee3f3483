package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// SourceOptions say which tree is wanted, as a person writes it.
type SourceOptions struct {
	// Version is a tag, or empty for the newest of the lock.
	Version string
	// Kind is auto, git, module, archive or dir.
	Kind string
	// Location, Commit, SHA256, Layout and AllowDirty are those of a
	// source.Request.
	Location, Commit, SHA256, Layout string
	AllowDirty                       bool
}

// Source returns the pristine tree.
func (p *Pipeline) Source(ctx context.Context, options SourceOptions) (*source.Tree, error) {
	request, err := p.request(options)
	if err != nil {
		return nil, err
	}
	fetcher := source.Fetcher{Environment: p.config.Environment, Progress: p.progress}
	tree, err := fetcher.Fetch(ctx, p.space, request)
	if err != nil {
		return nil, err
	}
	for _, warning := range tree.Origin.Warnings {
		p.progress.Say("warning: %s", warning)
	}
	return tree, nil
}

func (p *Pipeline) request(options SourceOptions) (source.Request, error) {
	version, err := p.tag(options)
	if err != nil {
		return source.Request{}, err
	}
	entry, err := p.lock.Entry(version)
	if err != nil {
		return source.Request{}, err
	}
	kind, err := source.ParseKind(options.Kind)
	if err != nil {
		return source.Request{}, err
	}
	request := source.Request{
		Version: version, Entry: entry, Kind: kind, Repository: p.lock.Git, Location: options.Location,
		Commit: options.Commit, SHA256: options.SHA256, AllowDirty: options.AllowDirty,
	}
	if options.Layout != "" {
		if request.Layout, err = layout.Parse(options.Layout); err != nil {
			return source.Request{}, err
		}
	}
	return request, nil
}

// tag returns the version that is asked for. A folder that vendors Kubernetes says itself
// which one: it stands for a version that is left out, and another one is refused.
func (p *Pipeline) tag(options SourceOptions) (kubever.Version, error) {
	if source.Kind(options.Kind) != source.Dir || options.Location == "" {
		return p.version(options.Version)
	}
	vendored, err := source.ReadVendored(options.Location)
	if errors.Is(err, fs.ErrNotExist) {
		return p.version(options.Version)
	}
	if err != nil || options.Version == "" {
		return vendored.Version, err
	}
	version, err := kubever.Parse(options.Version)
	if err != nil {
		return kubever.Version{}, err
	}
	return version, vendored.Check(options.Location, version)
}

func (p *Pipeline) version(text string) (kubever.Version, error) {
	if text == "" {
		return p.lock.Newest()
	}
	return kubever.Parse(text)
}

// PrintSource writes where a tree is and what vouches for it.
func (p *Pipeline) PrintSource(tree *source.Tree) {
	out := p.config.Results
	fmt.Fprintf(out, "Kubernetes %s from source %s (%s layout)\n", tree.Request.Version, tree.Request.Kind, tree.Layout)
	fmt.Fprintf(out, "tree      %s\ncommit    %s\nlocation  %s\n", tree.TreeID, tree.Commit, tree.Worktree)
	says := "verified"
	if !tree.Origin.Verified {
		fmt.Fprintln(out, "verified  no")
		says = "compared" // a part of the tree
	}
	for _, proof := range tree.Origin.Proofs {
		fmt.Fprintf(out, "%s  %s\n", says, proof)
	}
}
