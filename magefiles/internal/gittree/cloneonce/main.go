// Command cloneonce fetches one tag and checks it out, as a process of its own
// whose time and memory can be compared with that of other programs.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

// gcPercent is that of the pipeline (magefiles/run.go).
const gcPercent = 40

func main() {
	debug.SetGCPercent(gcPercent)
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: cloneonce URL TAG EMPTY-FOLDER")
		os.Exit(2)
	}
	if err := clone(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func clone(ctx context.Context, url, tag, dir string) error {
	worktree := filepath.Join(dir, "src")
	if err := os.MkdirAll(worktree, 0o755); err != nil {
		return err
	}
	store, err := gittree.Open(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	fetched, err := gittree.Fetch(ctx, store, url, tag, nil)
	if err != nil {
		return err
	}
	_, err = store.Checkout(ctx, fetched.Tree, worktree, nil)
	return err
}
