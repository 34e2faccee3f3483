package source

import (
	"context"
	"errors"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// fetchGit fetches one tag, shallow, and checks it out into the worktree.
func (f Fetcher) fetchGit(ctx context.Context, request Request, store *gittree.Store, worktree string) (Origin, plumbing.Hash, error) {
	download := f.Progress.Step("download", progress.Bytes)
	defer download.Abort()
	fetched, err := gittree.Fetch(ctx, store, request.Location, request.Version.String(), download.Set)
	if err != nil {
		return Origin{}, plumbing.ZeroHash, err
	}
	download.Done("")
	origin := Origin{Kind: Git, Location: request.Location, Commit: fetched.Commit.String()}
	if err := origin.proveCommit(request); err != nil {
		return Origin{}, plumbing.ZeroHash, err
	}
	checkout := f.Progress.Step("checkout", progress.Files)
	defer checkout.Abort()
	if _, err := store.Checkout(ctx, fetched.Tree, worktree, checkout.Set); err != nil {
		return Origin{}, plumbing.ZeroHash, err
	}
	checkout.Done("")
	return origin, fetched.Tree, nil
}

// proveCommit compares the tag's commit with the one the person gave, or with
// the lock's.
func (o *Origin) proveCommit(request Request) error {
	want, who := request.Entry.Commit, "in the lock"
	if request.Commit != "" {
		want, who = request.Commit, "given on the command line"
	}
	switch want {
	case "":
		o.Warnings = append(o.Warnings, "the lock has no commit ID for "+request.Version.String()+": pass -commit to name the one you trust")
		return nil
	case o.Commit:
		o.prove("the tag points at the commit ID " + who)
		return nil
	}
	return &MismatchError{
		What: "the commit that tag " + request.Version.String() + " of " + request.Location + " points at", Want: want, Got: o.Commit,
		Remedy: "The tag was moved, or this is another repository. If you trust it, pass -commit=" + o.Commit,
	}
}

// answerWithin is how long the lock's repository may take to list its tags
// before source auto turns to the module proxy.
const answerWithin = 5 * time.Second

// resolve turns auto into a kind, and fills in where to fetch from. What auto took is
// remembered for as long as its tree is there, so that the tree needs no network.
func (f Fetcher) resolve(ctx context.Context, space *workspace.Workspace, request Request) (Request, error) {
	if err := request.check(); err != nil {
		return Request{}, err
	}
	if request.Kind == Auto && request.Commit != "" {
		f.Progress.Say("source: git, which alone has the commit ID that -commit names")
		request.Kind = Git
	}
	if request.Kind == Git && request.Location == "" {
		request.Location = request.Repository
	}
	if request.Kind != Auto {
		return request, nil
	}
	key := workspace.KeyOf(append(request.identity(), request.Repository)...)
	var found struct{ Kind Kind }
	if space.Recall("auto", key, &found) && (found.Kind == Git || found.Kind == Module) {
		if earlier := request.as(found.Kind); exists(earlier.dir(space)) {
			f.Progress.Say("source: %s, as in an earlier run", found.Kind)
			return earlier, nil
		}
	}
	found.Kind = f.choose(ctx, request)
	return request.as(found.Kind), errors.Join(ctx.Err(), space.Record("auto", key, found))
}

// as is what auto makes of a request.
func (r Request) as(kind Kind) Request {
	if r.Kind = kind; kind == Git {
		r.Location = r.Repository
	}
	return r
}

// choose takes git where the lock's repository says that it has the tag.
func (f Fetcher) choose(ctx context.Context, request Request) Kind {
	answer, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	err := gittree.HasTag(answer, request.Repository, request.Version.String())
	switch {
	case err == nil:
		f.Progress.Say("source: git, since %s has tag %s", request.Repository, request.Version)
		return Git
	case errors.Is(err, gittree.ErrTagNotFound):
		f.Progress.Say("source: module, which is as good as git; %s does not have tag %s", request.Repository, request.Version)
	default:
		f.Progress.Say("source: module, which is as good as git; whether %s has tag %s is not known: %v", request.Repository, request.Version, err)
	}
	return Module
}
