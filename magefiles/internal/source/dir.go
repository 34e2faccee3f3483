package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// fetchDir copies an existing checkout into dir; the checkout itself is never
// written to. Of a git checkout only the tracked files are copied, unless
// changes that aren't committed are wanted too.
func (f Fetcher) fetchDir(ctx context.Context, request Request, dir string) (Origin, error) {
	if request.Location == "" {
		return Origin{}, errors.New("a folder is needed: name it with -location")
	}
	origin := Origin{Kind: Dir, Location: request.Location}
	origin.Warnings = append(origin.Warnings, "the folder was taken as it is: nothing vouches for the whole of it")
	paths, commit, err := checkoutFiles(request)
	if err != nil {
		return Origin{}, fmt.Errorf("reading %s: %w", request.Location, err)
	}
	if request.Commit != "" && request.Commit != commit {
		return Origin{}, &MismatchError{
			What: "the commit of the checkout in " + request.Location, Want: request.Commit,
			Got: cmp.Or(commit, "none: it is no git checkout, or -allowDirty takes what is not committed"),
		}
	}
	origin.Commit = commit
	step := f.Progress.Step("copy", progress.Files)
	defer step.Abort()
	if err := copyFiles(ctx, request.Location, dir, paths, step); err != nil {
		return Origin{}, fmt.Errorf("copying %s: %w", request.Location, err)
	}
	step.Done(fmt.Sprintf("%d files", len(paths)))
	return origin, nil
}

// checkoutFiles lists the files to copy, and the checkout's commit ID where the
// folder is a clean git checkout.
func checkoutFiles(request Request) (paths []string, commit string, err error) {
	repository, err := git.PlainOpen(request.Location)
	if errors.Is(err, git.ErrRepositoryNotExists) || (err == nil && request.AllowDirty) {
		paths, err = allFiles(request.Location)
		return paths, "", err
	}
	if err != nil {
		return nil, "", err
	}
	head, err := repository.Head()
	if err != nil {
		return nil, "", fmt.Errorf("finding the checkout's commit: %w", err)
	}
	staged, err := repository.Storer.Index()
	if err != nil {
		return nil, "", fmt.Errorf("reading the checkout's index: %w", err)
	}
	changed, err := changedFiles(request.Location, staged)
	if err != nil {
		return nil, "", err
	}
	indexed, err := differsFromHead(repository, staged)
	if err != nil {
		return nil, "", err
	}
	if changed = append(changed, indexed...); len(changed) > 0 {
		return nil, "", dirtyError(changed)
	}
	for _, entry := range staged.Entries {
		paths = append(paths, entry.Name)
	}
	return paths, head.Hash().String(), nil
}

// dirtyListed is how many changed files an error names.
const dirtyListed = 5

func dirtyError(changed []string) error {
	shown := changed[:min(len(changed), dirtyListed)]
	more := ""
	if rest := len(changed) - len(shown); rest > 0 {
		more = fmt.Sprintf(" and %d more", rest)
	}
	return fmt.Errorf("%w: %s%s; commit them, or pass -allow-dirty to take them as they are",
		ErrDirty, strings.Join(shown, ", "), more)
}

// changedFiles compares the files of a checkout with its index, by content.
// (go-git's own status also walks all ignored files, which takes minutes in a
// tree with build output.)
func changedFiles(dir string, staged *index.Index) ([]string, error) {
	var changed []string
	for _, entry := range staged.Entries {
		if entry.Mode == filemode.Submodule {
			return nil, fmt.Errorf("%w: %s is a submodule", ErrUnsafe, entry.Name)
		}
		same, err := matches(filepath.Join(dir, filepath.FromSlash(entry.Name)), entry)
		if err != nil {
			return nil, err
		}
		if !same {
			changed = append(changed, entry.Name)
		}
	}
	return changed, nil
}

// matches reports whether a file has the content that the index has for it.
func matches(path string, entry *index.Entry) (bool, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	isLink := info.Mode()&fs.ModeSymlink != 0
	if isLink != (entry.Mode == filemode.Symlink) || (!isLink && !info.Mode().IsRegular()) {
		return false, nil
	}
	var content []byte
	if isLink {
		target, err := os.Readlink(path)
		if err != nil {
			return false, err
		}
		content = []byte(target)
	} else if content, err = os.ReadFile(path); err != nil {
		return false, err
	}
	return plumbing.ComputeHash(plumbing.BlobObject, content) == entry.Hash, nil
}

// differsFromHead lists the files whose staged content is not the commit's.
func differsFromHead(repository *git.Repository, staged *index.Index) ([]string, error) {
	head, err := repository.Head()
	if err != nil {
		return nil, err
	}
	commit, err := repository.CommitObject(head.Hash())
	if err != nil {
		return nil, err
	}
	tree, err := commit.Tree()
	if err != nil {
		return nil, err
	}
	committed := map[string][20]byte{}
	walker := object.NewTreeWalker(tree, true, nil)
	defer walker.Close()
	for {
		name, entry, err := walker.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if entry.Mode != filemode.Dir {
			committed[name] = entry.Hash
		}
	}
	var changed []string
	for _, entry := range staged.Entries {
		if hash, ok := committed[entry.Name]; !ok || hash != entry.Hash {
			changed = append(changed, entry.Name)
		}
		delete(committed, entry.Name)
	}
	for name := range committed {
		changed = append(changed, name)
	}
	return changed, nil
}

// allFiles lists every file and link of a folder that isn't git's own.
func allFiles(dir string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".git" {
			return fs.SkipDir
		}
		if entry.IsDir() || entry.Name() == ".git" {
			return nil
		}
		relative, err := filepath.Rel(dir, path)
		paths = append(paths, filepath.ToSlash(relative))
		return err
	})
	return paths, err
}

func copyFiles(ctx context.Context, from, to string, paths []string, step *progress.Step) error {
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
	for i, path := range paths {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyFile(source, target, filepath.FromSlash(path)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		step.Set(int64(i+1), int64(len(paths)))
	}
	return nil
}

func copyFile(source, target *os.Root, path string) error {
	info, err := source.Lstat(path)
	if err != nil {
		return err
	}
	if err := target.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := source.Readlink(path)
		if err != nil {
			return err
		}
		if filepath.IsAbs(link) || !filepath.IsLocal(filepath.Join(filepath.Dir(path), link)) {
			return fmt.Errorf("%w: it links to %s", ErrUnsafe, link)
		}
		return target.Symlink(link, path)
	case info.Mode().IsRegular():
		file, err := source.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		mode := fs.FileMode(0o644)
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
		return writeFile(target, path, mode, file)
	default:
		return fmt.Errorf("%w: it is neither file nor link", ErrUnsafe)
	}
}
