package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/debugkit"
	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/release"
)

// IDEOptions say for which kubelet an IDE is configured, and where.
type IDEOptions struct {
	// Binary is a kubelet that is there already; without one it is built.
	Binary string
	Source SourceOptions
	Patch  PatchOptions
	Build  build.Options
	// Tree is where the person who debugs has the sources; empty means the tree that the
	// kubelet was built from. GOROOT is theirs, if it is another one than the toolchain's.
	Tree, GOROOT string
	// Port is where the tunnel to Delve begins.
	Port int
}

// Check refuses what is wrong before anything is fetched.
func (o IDEOptions) Check() error {
	if o.Port < 1 || o.Port > 65535 {
		return fmt.Errorf("port %d: want one from 1 to 65535", o.Port)
	}
	if o.Tree != "" {
		if _, err := debugkit.FindTree(o.Tree, o.GOROOT); err != nil {
			return err
		}
	}
	if o.Binary != "" {
		if o.Tree == "" {
			return errors.New("a binary of its own wants -tree=DIR, where its sources are")
		}
		_, err := os.Stat(o.Binary)
		return err
	}
	return o.Build.Check()
}

// IDE writes configurations of IDEs and of Delve's client into the folder ide beside the
// kubelet, and returns that folder.
func (p *Pipeline) IDE(ctx context.Context, options IDEOptions) (string, error) {
	if err := options.Check(); err != nil {
		return "", err
	}
	if options.Binary != "" {
		return writeIDE(options.Binary, "kubelet", options.Tree, options)
	}
	built, patched, err := p.buildFor(ctx, options.Source, options.Patch, options.Build)
	if err != nil {
		return "", err
	}
	return ideOf(built, patched, options)
}

// ideOf is IDE for a kubelet that was built for it.
func ideOf(built *Built, patched *Patched, options IDEOptions) (string, error) {
	name := fmt.Sprintf("%s %s (%s)", options.Build.Component, built.Version, options.Build.Mode)
	return writeIDE(built.Path, name, cmp.Or(options.Tree, patched.Tree.Worktree), options)
}

func writeIDE(binary, name, dir string, options IDEOptions) (string, error) {
	ide, err := ideFor(binary, name, dir, options)
	if err != nil {
		return "", err
	}
	out := filepath.Join(filepath.Dir(binary), "ide")
	_, err = ide.Write(out)
	return out, err
}

// buildFor builds the kubelet of a source, and leaves its tree in place.
func (p *Pipeline) buildFor(ctx context.Context, from SourceOptions, with PatchOptions, options build.Options) (*Built, *Patched, error) {
	tree, err := p.Source(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	patched, err := p.Patch(ctx, tree, with)
	if err != nil {
		return nil, nil, err
	}
	built, err := p.Build(ctx, patched, options)
	if err == nil {
		// A build that was there already leaves the tree as another series has it.
		err = p.Checkout(ctx, patched)
	}
	return built, patched, err
}

// ideFor works out how sources are found.
func ideFor(binary, name, dir string, options IDEOptions) (debugkit.IDE, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return debugkit.IDE{}, err
	}
	withDWARF := binary
	if _, err := os.Stat(binary + ".debug"); err == nil {
		withDWARF = binary + ".debug" // that of a release build
	} else if !errors.Is(err, fs.ErrNotExist) {
		return debugkit.IDE{}, err
	}
	recorded, err := debugkit.ReadPaths(withDWARF)
	if err != nil {
		return debugkit.IDE{}, err
	}
	tree, err := debugkit.FindTree(dir, options.GOROOT)
	if err != nil {
		return debugkit.IDE{}, err
	}
	return debugkit.IDE{Name: name, Host: "127.0.0.1", Port: options.Port, Rules: debugkit.Rules(recorded, tree)}, nil
}

// DebugBundle packs what goes to a node: the debug kubelet of the options, Delve, the node
// command, the scripts and the configurations of IDE, into the folder of the kubelet. It
// returns the archive's path.
func (p *Pipeline) DebugBundle(ctx context.Context, options IDEOptions) (string, error) {
	if options.Binary != "" {
		return "", errors.New("a debug kit is of a kubelet that is built for it")
	}
	if err := options.Check(); err != nil {
		return "", err
	}
	built, patched, err := p.buildFor(ctx, options.Source, options.Patch, options.Build)
	if err != nil {
		return "", err
	}
	ide, err := ideOf(built, patched, options)
	if err != nil {
		return "", err
	}
	delve, err := p.DelveFor(ctx, options.Build.Arch)
	if err != nil {
		return "", err
	}
	work, err := p.space.TempDir()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	p.progress.Say("compiling the node command for %s", options.Build.Arch)
	command := filepath.Join(work, "steadylet")
	g := gocommand.Go{Toolchain: p.lock.NewestToolchain(), Environment: p.config.Environment}
	if err := release.BuildNodeCommand(ctx, g, p.config.Root, options.Build.Arch, built.Version, command); err != nil {
		return "", err
	}
	bundle := debugkit.Bundle{
		Kubelet: built.Path, Delve: delve, NodeCommand: command, IDE: ide,
		Scripts: filepath.Join(p.config.Root, "scripts"), Date: patched.Tree.Request.Entry.Time.UTC(),
	}
	out := filepath.Join(filepath.Dir(built.Path), fmt.Sprintf("debug-kit-%s-%s.tar.gz", built.Version, options.Build.Arch))
	return out, bundle.Write(out)
}
