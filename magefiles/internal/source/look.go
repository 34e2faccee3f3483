package source

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// mayChange reports whether the location may come to have something else that is taken
// too. It may not where a commit ID or sums say what is taken.
func (r Request) mayChange() bool {
	switch r.Kind {
	case Git:
		return r.Commit == "" && r.Entry.Commit == ""
	case Archive, Dir:
		return true
	}
	return false
}

// key identifies the tree of what is at the location.
func (r Request) key(content string) workspace.Key {
	inputs := r.identity()
	if r.mayChange() {
		inputs = append(inputs, content)
	}
	return workspace.KeyOf(inputs...)
}

// dir is where the tree lies, whatever its content: a debug build writes the path into the
// binary, and the Go build cache keeps its worth over an edit.
func (r Request) dir(space *workspace.Workspace) string {
	return space.TreeDir(fmt.Sprintf("%s-%s-%.8s", r.Version, r.Kind, workspace.KeyOf(r.identity()...)))
}

// look finds out what is at the location now, where that may change.
func (f Fetcher) look(ctx context.Context, space *workspace.Workspace, request Request) (_ Request, err error) {
	if !request.mayChange() {
		return request, nil
	}
	switch request.Kind {
	case Dir:
		if request.checkout, err = readCheckout(ctx, request); err != nil {
			return request, fmt.Errorf("reading %s: %w", request.Location, err)
		}
		request.content = request.checkout.content()
		f.sayUntracked(request)
	case Archive:
		request.content, err = archiveDigest(request)
	case Git:
		request.content, err = f.tagCommit(ctx, space, request)
	}
	return request, err
}

// archiveDigest checks a source tarball's digest and returns it.
func archiveDigest(request Request) (string, error) {
	file, err := os.Open(request.Location)
	if err != nil {
		return "", fmt.Errorf("reading the source tarball: %w", err)
	}
	defer file.Close()
	digest, _, err := checkDigest(file, request)
	return digest, err
}

// tagged is what the workspace remembers of a tag that nothing vouches for.
type tagged struct{ Commit string }

// tagCommit returns the commit that the tag points at, or nothing where the tag was never
// fetched. A repository that can't be reached leaves what the tag pointed at before.
func (f Fetcher) tagCommit(ctx context.Context, space *workspace.Workspace, request Request) (string, error) {
	var last tagged
	if !space.Recall("tag", workspace.KeyOf(request.identity()...), &last) {
		return "", nil
	}
	answer, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	commit, err := gittree.TagCommit(answer, request.Location, request.Version.String())
	if errors.Is(err, gittree.ErrTagNotFound) || ctx.Err() != nil {
		return "", errors.Join(err, ctx.Err())
	}
	if err != nil {
		f.Progress.Say("warning: it is not known whether tag %s was moved since it was fetched: %v", request.Version, err)
		return last.Commit, nil
	}
	return commit.String(), nil
}

// remember records a tree that was fetched.
func (f Fetcher) remember(space *workspace.Workspace, request Request, fetched record) error {
	err := space.Record("source", request.key(fetched.content()), fetched)
	if err == nil && request.Kind == Git && request.mayChange() {
		err = space.Record("tag", workspace.KeyOf(request.identity()...), tagged{fetched.content()})
	}
	return err
}
