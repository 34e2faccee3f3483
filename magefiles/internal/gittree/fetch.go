package gittree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"

	"github.com/steadylet/steadylet/magefiles/internal/gitpack"
)

// Errors that a fetch can be matched against with errors.Is.
var (
	// ErrTagNotFound means that the repository answers and lacks the tag.
	ErrTagNotFound = errors.New("tag not found")
	// ErrUnreachable means that the repository does not answer.
	ErrUnreachable = errors.New("repository cannot be reached")
	// ErrTruncated means that what the repository sent is not whole.
	ErrTruncated = errors.New("what the repository sent is incomplete or damaged")
)

// Fetched is one tag of another repository.
type Fetched struct {
	// Commit and Tree are those that the tag leads to.
	Commit, Tree plumbing.Hash
	// When is the commit's date.
	When time.Time
}

// FetchOptions are the options of Fetch.
type FetchOptions struct {
	// Progress is told of the bytes received.
	Progress Progress
	// Worktree, where it is not empty, names a folder, to which the tag is checked
	// out as Checkout does it. It costs much less than a Checkout afterwards if
	// nothing is in the folder. After an error it may hold some of the files.
	Worktree string
}

// Fetch brings one tag of a repository into the store, without its history. The
// repository is a URL (https, http, ssh, git) or a folder on this machine, bare
// or not; a folder is read in place, without a git program, and not needed
// afterwards. Every object is checked against its ID, and all of the tag's must
// have come. Errors match ErrTagNotFound, ErrUnreachable, ErrTruncated or ErrPath,
// or say what went wrong on this machine; after one the store is as before.
func Fetch(ctx context.Context, store *Store, location, tag string, options FetchOptions) (Fetched, error) {
	if folder, ok := localFolder(location); ok {
		fetched, err := store.copyTag(ctx, folder, tag, options)
		if err != nil {
			return Fetched{}, fmt.Errorf("reading tag %s of %s: %w", tag, location, err)
		}
		return fetched, nil
	}
	fetched, err := store.download(ctx, location, tag, options)
	if err != nil {
		return Fetched{}, fmt.Errorf("fetching tag %s of %s: %w", tag, location, err)
	}
	return fetched, nil
}

// localFolder tells a folder on this machine from a URL.
func localFolder(location string) (string, bool) {
	endpoint, err := transport.NewEndpoint(location)
	if err != nil || endpoint.Protocol != "file" {
		return "", false
	}
	return endpoint.Path, true
}

// HasTag returns nil when the repository answers and has the tag.
func HasTag(ctx context.Context, location, tag string) error {
	if folder, ok := localFolder(location); ok {
		_, err := localTag(folder, tag)
		return err
	}
	session, advertised, err := connect(ctx, location)
	if err != nil {
		return err
	}
	defer session.Close()
	_, err = findTag(advertised.References, tag)
	return err
}

// Tags lists the tags of a repository, in no order.
func Tags(ctx context.Context, location string) ([]string, error) {
	if folder, ok := localFolder(location); ok {
		known, err := localTags(folder)
		return tagNames(known), err
	}
	session, advertised, err := connect(ctx, location)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return tagNames(advertised.References), nil
}

// TagCommit returns the commit that a tag of a repository points at, by itself or by a tag
// object, without fetching it.
func TagCommit(ctx context.Context, location, tag string) (plumbing.Hash, error) {
	if folder, ok := localFolder(location); ok {
		return localCommit(folder, tag)
	}
	session, advertised, err := connect(ctx, location)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer session.Close()
	if commit, ok := advertised.Peeled[plumbing.NewTagReferenceName(tag).String()]; ok {
		return commit, nil
	}
	return findTag(advertised.References, tag)
}

func connect(ctx context.Context, location string) (transport.UploadPackSession, *packp.AdvRefs, error) {
	endpoint, err := transport.NewEndpoint(location)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	caller, err := client.NewClient(endpoint)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	session, err := caller.NewUploadPackSession(endpoint, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	advertised, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%w: %w", ErrUnreachable, err), session.Close())
	}
	return session, advertised, nil
}

func findTag(references map[string]plumbing.Hash, tag string) (plumbing.Hash, error) {
	if id, ok := references[plumbing.NewTagReferenceName(tag).String()]; ok {
		return id, nil
	}
	return plumbing.ZeroHash, fmt.Errorf("%w: %s%s", ErrTagNotFound, tag, near(tagNames(references), tag))
}

func tagNames(references map[string]plumbing.Hash) []string {
	var names []string
	for name := range references {
		if short, ok := strings.CutPrefix(name, "refs/tags/"); ok {
			names = append(names, short)
		}
	}
	return names
}

// near names the tags that share the longest start with the one asked for.
func near(names []string, tag string) string {
	shared := func(name string) int {
		n := 0
		for n < len(name) && n < len(tag) && name[n] == tag[n] {
			n++
		}
		return n
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := shared(b) - shared(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	if len(names) == 0 {
		return " (it has no tags)"
	}
	return "; it has " + strings.Join(names[:min(len(names), 5)], ", ")
}

// download receives the tag's commit over a network.
func (s *Store) download(ctx context.Context, location, tag string, options FetchOptions) (Fetched, error) {
	session, advertised, err := connect(ctx, location)
	if err != nil {
		return Fetched{}, err
	}
	defer session.Close()
	id, err := findTag(advertised.References, tag)
	if err != nil {
		return Fetched{}, err
	}
	request := packp.NewUploadPackRequestFromCapabilities(advertised.Capabilities)
	request.Wants = append(request.Wants, id)
	request.Depth = packp.DepthCommits(1)
	// A thin packfile would refer to objects that are not here.
	request.Capabilities.Delete(capability.ThinPack)
	if err := errors.Join(request.Capabilities.Set(capability.Shallow), request.Validate()); err != nil {
		return Fetched{}, err
	}
	response, err := session.UploadPack(ctx, request)
	if err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer response.Close()
	return s.receive(ctx, packContent(request.Capabilities, response), id, options)
}

// receive stores a packfile with all that a tag leads to, and checks it out.
func (s *Store) receive(ctx context.Context, stream io.Reader, tag plumbing.Hash, options FetchOptions) (fetched Fetched, err error) {
	arrival, err := newArrival(tag, options.Worktree, workerCount())
	if err != nil {
		return Fetched{}, err
	}
	defer func() { err = errors.Join(err, arrival.close()) }()
	counted := &countingReader{reader: stream, progress: options.Progress}
	err = gitpack.Receive(ctx, counted, s.packFolder(), workerCount(), arrival)
	if errors.Is(err, gitpack.ErrMalformed) && ctx.Err() == nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	if err != nil {
		return Fetched{}, err
	}
	s.reopen()
	if options.Worktree == "" {
		return arrival.fetched, nil
	}
	return arrival.fetched, s.complete(ctx, arrival, options.Worktree)
}

// complete checks out what did not find its place on arrival.
func (s *Store) complete(ctx context.Context, a *arrival, worktree string) error {
	if len(a.placers) == 0 { // the worktree was not empty
		_, err := s.Checkout(ctx, a.fetched.Tree, worktree, nil)
		return err
	}
	placed, rest := a.split()
	if err := s.carryOut(ctx, plan{write: rest}, worktree, nil); err != nil {
		return fmt.Errorf("checking out %s to %s: %w", a.fetched.Tree, worktree, err)
	}
	return writeStamp(worktree, stamp{a.fetched.Tree, append(placed, rest...)})
}

// packContent strips the messages that a server mixes into the packfile.
func packContent(capabilities *capability.List, response io.Reader) io.Reader {
	switch {
	case capabilities.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, response)
	case capabilities.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, response)
	default:
		return response
	}
}

// peel follows a tag to its commit.
func peel(id plumbing.Hash, get func(plumbing.Hash) (object.Object, error)) (*object.Commit, error) {
	for range 10 { // a tag of a tag is possible; a chain of ten is an attack
		found, err := get(id)
		if err != nil {
			return nil, err
		}
		switch found := found.(type) {
		case *object.Commit:
			return found, nil
		case *object.Tag:
			id = found.Target
		default:
			return nil, fmt.Errorf("the tag leads to a %s, not to a commit", found.Type())
		}
	}
	return nil, errors.New("the tag does not lead to a commit")
}

// countingReader tells how many bytes were read.
type countingReader struct {
	reader   io.Reader
	progress Progress
	read     int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.read += int64(n)
	c.progress.report(c.read, 0)
	return n, err
}
