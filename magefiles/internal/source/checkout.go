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
	"slices"
	"strings"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

// checkout is what a folder has at one moment.
type checkout struct {
	// files are those to copy, tree is the ID of the tree that has them.
	files []gittree.Content
	tree  plumbing.Hash
	// commit is the ID of the commit that is checked out, or empty: the folder is no git
	// checkout, or is taken with what is not committed. committed says that the tree is
	// that commit's.
	commit    string
	committed bool
}

// content identifies the files and the commit.
func (c *checkout) content() string { return c.commit + " " + c.tree.String() }

// readCheckout reads every file that is to be copied of the folder. Of a git checkout that
// is the tracked ones, and the error matches ErrDirty unless all of them are as in the
// commit; with AllowDirty, and of any other folder, it is all files.
func readCheckout(ctx context.Context, request Request) (*checkout, error) {
	_, err := os.Lstat(filepath.Join(request.Location, ".git"))
	c := &checkout{}
	var head head
	if request.AllowDirty || errors.Is(err, fs.ErrNotExist) {
		c.files, err = allFiles(ctx, request.Location)
	} else if c.files, head, err = trackedFiles(ctx, request); err == nil {
		c.commit = head.commit.String()
	}
	if err == nil {
		c.tree, err = gittree.TreeID(c.files)
	}
	if err != nil {
		return nil, err
	}
	c.committed = c.commit != "" && c.tree == head.tree
	if want := request.Commit; want != "" && want != c.commit {
		return nil, &MismatchError{
			What: "the commit of the checkout in " + request.Location, Want: want,
			Got: cmp.Or(c.commit, "none: it is no git checkout, or -allowDirty takes what is not committed"),
		}
	}
	return c, nil
}

// allFiles reads every file and link of a folder that isn't git's own.
func allFiles(ctx context.Context, dir string) ([]gittree.Content, error) {
	var paths []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == ".git" && entry.IsDir():
			return fs.SkipDir
		case entry.Name() != ".git" && !entry.IsDir():
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	files, err := gittree.Contents(ctx, dir, paths)
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if file.Mode == filemode.Empty {
			return nil, fmt.Errorf("%s: %w: it is neither file nor link", file.Path, ErrUnsafe)
		}
	}
	return files, nil
}

// trackedFiles reads the tracked files of a git checkout, which have to be those of its
// commit.
func trackedFiles(ctx context.Context, request Request) ([]gittree.Content, head, error) {
	// A linked worktree has its own HEAD and index; the rest is in the common folder.
	repository, err := git.PlainOpenWithOptions(request.Location, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		err = errors.New("its .git leads to no repository; mend that, or pass -allowDirty to take the folder as it is")
	}
	if err != nil {
		return nil, head{}, err
	}
	head, err := readHead(repository)
	if err != nil {
		return nil, head, err
	}
	staged, err := readIndex(repository)
	if err != nil {
		return nil, head, err
	}
	files, changed, err := changedFiles(ctx, request.Location, repository, staged)
	if err != nil {
		return nil, head, err
	}
	tree, err := gittree.TreeID(staged)
	if err != nil {
		return nil, head, err
	}
	if tree != head.tree {
		indexed, err := differsFromHead(repository, head, staged)
		if err != nil {
			return nil, head, err
		}
		changed = append(changed, indexed...)
	}
	if len(changed) > 0 {
		return nil, head, request.dirty(changed)
	}
	return files, head, nil
}

// head is the commit that is checked out.
type head struct{ commit, tree plumbing.Hash }

// readHead finds the commit that is checked out, and holds it against its ID.
func readHead(repository *git.Repository) (head, error) {
	reference, err := repository.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return head{}, errors.New("nothing is committed there; commit it, or pass -allowDirty to take the folder as it is")
	}
	if err != nil {
		return head{}, fmt.Errorf("finding the checkout's commit: %w", err)
	}
	id := reference.Hash()
	encoded, err := repository.Storer.EncodedObject(plumbing.CommitObject, id)
	if err != nil {
		return head{}, fmt.Errorf("reading the checkout's commit %s: %w", id, err)
	}
	reader, err := encoded.Reader()
	if err != nil {
		return head{}, fmt.Errorf("reading the checkout's commit %s: %w", id, err)
	}
	content, err := io.ReadAll(reader)
	if err = errors.Join(err, reader.Close()); err != nil {
		return head{}, fmt.Errorf("reading the checkout's commit %s: %w", id, err)
	}
	if found := plumbing.ComputeHash(plumbing.CommitObject, content); found != id {
		return head{}, &MismatchError{What: "the content of the checkout's commit", Want: id.String(), Got: found.String()}
	}
	commit, err := object.DecodeCommit(repository.Storer, encoded)
	if err != nil {
		return head{}, fmt.Errorf("reading the checkout's commit %s: %w", id, err)
	}
	return head{id, commit.TreeHash}, nil
}

// readIndex returns what is staged.
func readIndex(repository *git.Repository) ([]gittree.Content, error) {
	read, err := repository.Storer.Index()
	if err != nil {
		return nil, fmt.Errorf("reading the checkout's index: %w", err)
	}
	staged := make([]gittree.Content, len(read.Entries))
	for i, entry := range read.Entries {
		if entry.Mode == filemode.Submodule {
			return nil, fmt.Errorf("%w: %s is a submodule", ErrUnsafe, entry.Name)
		}
		staged[i] = gittree.Content{Path: entry.Name, Mode: entry.Mode, ID: entry.Hash}
	}
	return staged, nil
}

// changedFiles reads the files of a checkout, and names those that are not as staged.
// (go-git's own status also walks all ignored files, which takes minutes in a tree with
// build output.)
func changedFiles(ctx context.Context, dir string, repository *git.Repository, staged []gittree.Content) (files []gittree.Content, changed []string, err error) {
	config, err := repository.Config()
	if err != nil {
		return nil, nil, fmt.Errorf("reading the checkout's configuration: %w", err)
	}
	modeless := strings.EqualFold(config.Raw.Section("core").Option("filemode"), "false")
	paths := make([]string, len(staged))
	for i, file := range staged {
		paths[i] = file.Path
	}
	if files, err = gittree.Contents(ctx, dir, paths); err != nil {
		return nil, nil, err
	}
	for i, file := range files {
		if modeless && plain(file.Mode) && plain(staged[i].Mode) {
			files[i].Mode = staged[i].Mode
		}
		if files[i] != staged[i] {
			changed = append(changed, file.Path)
		}
	}
	return files, changed, nil
}

func plain(mode filemode.FileMode) bool {
	return mode == filemode.Regular || mode == filemode.Executable
}

// differsFromHead names the files whose staged content is not the commit's.
func differsFromHead(repository *git.Repository, head head, staged []gittree.Content) ([]string, error) {
	tree, err := repository.TreeObject(head.tree)
	if err != nil {
		return nil, err
	}
	committed := map[gittree.Content]bool{}
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
		if entry.Mode == filemode.Deprecated {
			entry.Mode = filemode.Regular // as in the index
		}
		if entry.Mode != filemode.Dir {
			committed[gittree.Content{Path: name, Mode: entry.Mode, ID: entry.Hash}] = true
		}
	}
	var changed []string
	for _, file := range staged {
		if !committed[file] {
			changed = append(changed, file.Path)
		}
		delete(committed, file)
	}
	for file := range committed {
		changed = append(changed, file.Path)
	}
	return changed, nil
}

// dirtyListed is how many files a message names.
const dirtyListed = 5

// dirty says what to do about changed files.
func (r Request) dirty(changed []string) error {
	remedy := "commit them, or pass -allowDirty to take them as they are"
	if r.Commit != "" {
		remedy = "commit them, or put them aside with `git stash`"
	}
	return fmt.Errorf("%w: %s; %s", ErrDirty, some(changed), remedy)
}

// some names a few of the files, each once, and says how many there are beside them.
func some(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	shown := names[:min(len(names), dirtyListed)]
	more := ""
	if rest := len(names) - len(shown); rest > 0 {
		more = fmt.Sprintf(" and %d more", rest)
	}
	return strings.Join(shown, ", ") + more
}
