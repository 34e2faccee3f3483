// Package pipeline chains the steps that turn a Kubernetes tag into a binary:
// source, patch, build. Each step takes only what the step before it returns, so
// that an unpatched tree can't be built by mistake, and each remembers its result
// by the digest of its inputs.
package pipeline

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// Config says where the pipeline works and whom it talks to.
type Config struct {
	// Root is the repository's root: go.mod, patches/ and statefile/ lie there,
	// and .steadylet/ and dist/ come there.
	Root string
	// Command is what the pipeline was started for, shown to whoever finds the
	// workspace in use.
	Command string
	// Environment is what the go command starts from, usually os.Environ().
	Environment []string
	// Messages takes progress, Results what the user asked for.
	Messages, Results io.Writer
	// Terminal says that Messages is one.
	Terminal bool
}

// Pipeline owns the workspace until Close. Its methods must not be called
// concurrently.
type Pipeline struct {
	config   Config
	space    *workspace.Workspace
	lock     *lock.File
	progress *progress.Reporter
	now      func() time.Time
}

// Open takes the workspace and reads the lock. The error is a
// *workspace.HeldError while another process has the workspace.
func Open(config Config) (*Pipeline, error) {
	if _, err := os.Stat(filepath.Join(config.Root, "patches")); err != nil {
		return nil, fmt.Errorf("%s is not the steadylet repository: run this where its go.mod is: %w", config.Root, err)
	}
	known, err := lock.Read(lockPath(config.Root))
	if err != nil {
		return nil, err
	}
	space, err := workspace.Acquire(filepath.Join(config.Root, ".steadylet"), config.Command, time.Now())
	if err != nil {
		return nil, err
	}
	return &Pipeline{
		config: config, space: space, lock: known, now: time.Now,
		progress: progress.New(config.Messages, config.Terminal),
	}, nil
}

func lockPath(root string) string { return filepath.Join(root, "patches", "kubernetes.lock.yaml") }

// Close finishes the progress display and lets the workspace go.
func (p *Pipeline) Close() error {
	p.progress.Close()
	return p.space.Release()
}

// Clean removes trees, records and unfinished work; with dist also the results. What a
// person edits there is not removed: it is refused.
func (p *Pipeline) Clean(dist bool) error {
	if _, err := os.Stat(p.editDir()); err == nil {
		return fmt.Errorf("%s holds what you edit: drop it with `go tool mage edit -discard` first", p.editDir())
	}
	freed, err := p.space.Clean()
	if err != nil {
		return err
	}
	p.progress.Say("removed %d MiB from %s; Go's own build and module caches are left (go clean -cache -modcache)",
		freed>>20, p.space.Dir())
	if !dist {
		return nil
	}
	dir := filepath.Join(p.config.Root, "dist")
	freed = workspace.Size(dir)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	p.progress.Say("removed %d MiB, which was %s", freed>>20, dir)
	return nil
}
