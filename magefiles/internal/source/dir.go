package source

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// fetchDir copies an existing checkout into dir; the checkout itself is never
// written to. Of a git checkout only the tracked files are copied, unless
// changes that aren't committed are wanted too.
func (f Fetcher) fetchDir(ctx context.Context, request Request, dir string) (Origin, error) {
	checkout := request.checkout
	origin := Origin{Kind: Dir, Location: request.Location, Commit: checkout.commit}
	if request.Commit != "" && checkout.committed {
		origin.prove("the checkout is at the commit ID given on the command line, and every file that was copied is as in that commit")
	} else {
		origin.Warnings = append(origin.Warnings, "the folder was taken as it is: nothing vouches for the whole of it")
	}
	step := f.Progress.Step("copy", progress.Files)
	defer step.Abort()
	if err := copyFiles(ctx, request.Location, dir, checkout.files, step); err != nil {
		return Origin{}, fmt.Errorf("copying %s: %w", request.Location, err)
	}
	step.Done(fmt.Sprintf("%d files", len(checkout.files)))
	return origin, nil
}

func copyFiles(ctx context.Context, from, to string, files []gittree.Content, step *progress.Step) error {
	source, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer target.Close()
	for i, file := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyFile(source, target, file); err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
		step.Set(int64(i+1), int64(len(files)))
	}
	return nil
}

// copyFile copies what has the mode that it had when it was read.
func copyFile(source, target *os.Root, copied gittree.Content) error {
	path := filepath.FromSlash(copied.Path)
	if err := target.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if copied.Mode == filemode.Symlink {
		link, err := source.Readlink(path)
		if err != nil {
			return err
		}
		if filepath.IsAbs(link) || !filepath.IsLocal(filepath.Join(filepath.Dir(path), link)) {
			return fmt.Errorf("%w: it links to %s", ErrUnsafe, link)
		}
		return target.Symlink(link, path)
	}
	// Should it have become a pipe meanwhile, opening does not wait for a writer.
	file, err := source.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	mode := fs.FileMode(0o644)
	if copied.Mode == filemode.Executable {
		mode = 0o755
	}
	return writeFile(target, path, mode, file)
}
