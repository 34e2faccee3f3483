package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/release"
)

// ReleaseOptions say what is released, as a person writes it.
type ReleaseOptions struct {
	Source SourceOptions
	// Architectures are separated by commas.
	Architectures string
	// Key is the path of an OpenSSH private key; without one nothing is signed.
	Key string
	// Revision counts the releases of one tag, from 1.
	Revision int
}

// Release builds the kubelet and the node command for each architecture, and makes
// dist/<version>/release of them. What can be refused without a build is refused before
// one. The error is release.ErrUnfit for a tree that nothing vouches for.
func (p *Pipeline) Release(ctx context.Context, options ReleaseOptions) (*release.Release, error) {
	tag, err := p.version(options.Source.Version)
	if err != nil {
		return nil, err
	}
	target := filepath.Join(p.config.Root, "dist", tag.String(), "release")
	signer, err := options.check(target)
	if err != nil {
		return nil, err
	}
	patched, err := p.releasable(ctx, options.Source)
	if err != nil {
		return nil, err
	}
	work, err := p.space.TempDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	kubelets, err := p.kubelets(ctx, patched, options.architectures(), work)
	if err != nil {
		return nil, err
	}
	repository, err := p.repository()
	if err != nil {
		return nil, err
	}
	return release.Make(ctx, release.Config{
		Root: p.config.Root, Series: DefaultSeries, Kubelets: kubelets, Repository: repository,
		Date: patched.Tree.Request.Entry.Time, Revision: options.Revision, Signer: signer,
		Work: work, Target: target, Progress: p.progress,
	})
}

func (o ReleaseOptions) architectures() []string { return strings.Split(o.Architectures, ",") }

// check refuses what is wrong before anything is fetched, and returns the signer, which
// is nil without a key.
func (o ReleaseOptions) check(target string) (*release.Signer, error) {
	err := errors.Join(release.CheckArchitectures(o.architectures()), release.CheckRevision(o.Revision), release.CheckWritable(target))
	if err != nil || o.Key == "" {
		return nil, err
	}
	return release.LoadSigner(o.Key)
}

// releasable returns the patched tree, if something vouches for its source.
func (p *Pipeline) releasable(ctx context.Context, from SourceOptions) (*Patched, error) {
	tree, err := p.Source(ctx, from)
	if err != nil {
		return nil, err
	}
	if !tree.Origin.Verified {
		return nil, &release.UnfitError{
			Path:    "Kubernetes " + tree.Request.Version.String(),
			Reasons: []string{fmt.Sprintf("nothing vouches for its source (%s): take -source=module, git or archive", tree.Request.Kind)},
		}
	}
	return p.Patch(ctx, tree, PatchOptions{Series: DefaultSeries})
}

// kubelets builds what a release packs, for each architecture.
func (p *Pipeline) kubelets(ctx context.Context, patched *Patched, architectures []string, work string) ([]release.Kubelet, error) {
	// The node command supports every tag, but needs a newer toolchain than old tags do.
	g := gocommand.Go{Toolchain: p.lock.NewestToolchain(), Environment: p.config.Environment}
	var kubelets []release.Kubelet
	for _, arch := range architectures {
		built, err := p.Build(ctx, patched, build.Options{Component: "kubelet", Mode: build.Release, Arch: arch})
		if err != nil {
			return nil, err
		}
		p.progress.Say("compiling the node command for %s", arch)
		command := filepath.Join(work, "steadylet-"+arch)
		if err := release.BuildNodeCommand(ctx, g, p.config.Root, arch, built.Version, command); err != nil {
			return nil, err
		}
		kubelets = append(kubelets, release.Kubelet{Path: built.Path, NodeCommand: command})
	}
	return kubelets, nil
}

// PrintReleased writes what a release holds. Only its folder goes to the results, so
// that it can be piped.
func (p *Pipeline) PrintReleased(made *release.Release) error {
	p.progress.Close()
	messages := p.config.Messages
	_, err := fmt.Fprintf(messages, "released %s, packages %s\n", made.Versions.Kubelet, made.Versions.Package)
	table := tabwriter.NewWriter(messages, 0, 0, 2, ' ', 0)
	for _, file := range made.Files {
		fmt.Fprintf(table, "  %s\t%.1f MiB\t%.12s\n", file.Name, float64(file.Size)/(1<<20), file.SHA256)
	}
	err = errors.Join(err, table.Flush())
	for _, warning := range made.Warnings {
		_, failed := fmt.Fprintf(messages, "warning: %s\n", warning)
		err = errors.Join(err, failed)
	}
	dir := made.Dir
	if relative, failed := filepath.Rel(p.config.Root, dir); failed == nil {
		dir = relative
	}
	_, failed := fmt.Fprintln(p.config.Results, dir)
	return errors.Join(err, failed)
}
