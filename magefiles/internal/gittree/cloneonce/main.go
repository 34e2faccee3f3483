// Command cloneonce fetches one tag and checks it out, as a process of its own
// whose time and memory can be compared with that of other programs.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

func main() {
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
	_, err = gittree.Fetch(ctx, store, url, tag, gittree.FetchOptions{Worktree: worktree})
	return err
}
