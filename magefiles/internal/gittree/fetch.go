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
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
	"github.com/go-git/go-git/v5/storage/filesystem"
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
	// Progress is told of the bytes received, where they come over a network.
	Progress Progress
}

// Fetch brings one tag of a repository into the store, without its history. The
// repository is a URL (https, http, ssh, git) or a folder on this machine, bare
// or not; a folder is read in place, without a git program.
func Fetch(ctx context.Context, store *Store, location, tag string, options FetchOptions) (Fetched, error) {
	if folder, ok := localFolder(location); ok {
		fetched, err := store.copyTag(ctx, folder, tag, options.Progress)
		if err != nil {
			return Fetched{}, fmt.Errorf("reading tag %s of %s: %w", tag, location, err)
		}
		return fetched, nil
	}
	fetched, err := store.download(ctx, location, tag, options.Progress)
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
	var names []string
	for name := range references {
		if short, ok := strings.CutPrefix(name, "refs/tags/"); ok {
			names = append(names, short)
		}
	}
	return plumbing.ZeroHash, fmt.Errorf("%w: %s%s", ErrTagNotFound, tag, near(names, tag))
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

// download receives the tag's commit as one packfile, and indexes it.
func (s *Store) download(ctx context.Context, location, tag string, progress Progress) (Fetched, error) {
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
	if err := errors.Join(request.Capabilities.Set(capability.Shallow), request.Validate()); err != nil {
		return Fetched{}, err
	}
	response, err := session.UploadPack(ctx, request)
	if err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer response.Close()
	received := &countingReader{reader: packContent(request.Capabilities, response), progress: progress}
	if err := packfile.UpdateObjectStorage(s.objects, received); err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	s.objects.Reindex()
	return s.peel(id)
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

// peel follows a tag to its commit, and checks that the whole tree is there.
func (s *Store) peel(id plumbing.Hash) (Fetched, error) {
	commit, err := peel(s.objects, id)
	if err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrTruncated, err)
	}
	return Fetched{Commit: commit.Hash, Tree: commit.TreeHash, When: commit.Committer.When}, nil
}

func peel(objects *filesystem.Storage, id plumbing.Hash) (*object.Commit, error) {
	for range 10 { // a tag of a tag is possible; a chain of ten is an attack
		tag, err := object.GetTag(objects, id)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return object.GetCommit(objects, id)
		}
		if err != nil {
			return nil, err
		}
		id = tag.Target
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
