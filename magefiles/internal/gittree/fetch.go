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
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
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

// Fetch brings one tag of a repository into the store, without its history, and tells
// progress of the bytes received. The repository is a URL (https, http, ssh, git) or a
// folder on this machine, bare or not; a folder is read without a git program, and not
// needed afterwards. Every object is checked against its ID, and all of the tag's must
// have come. Errors match ErrTagNotFound, ErrUnreachable, ErrTruncated or ErrPath, or
// say what went wrong on this machine; after one the store is as before.
func Fetch(ctx context.Context, store *Store, location, tag string, progress Progress) (Fetched, error) {
	fetched, err := store.fetch(ctx, location, tag, progress)
	if err != nil {
		return Fetched{}, fmt.Errorf("fetching tag %s of %s: %w", tag, location, err)
	}
	return fetched, nil
}

// HasTag returns nil when the repository answers and has the tag.
func HasTag(ctx context.Context, location, tag string) error {
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
	session, advertised, err := connect(ctx, location)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	defer session.Close()
	if commit, ok := advertised.Peeled[plumbing.NewTagReferenceName(tag).String()]; ok {
		return commit, nil
	}
	id, err := findTag(advertised.References, tag)
	if local, ok := session.(*localSession); ok && err == nil {
		return local.commit(id)
	}
	return id, err
}

// connect opens a repository. (The session of one on this machine is our own.)
func connect(ctx context.Context, location string) (transport.UploadPackSession, *packp.AdvRefs, error) {
	session, err := newSession(location)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	advertised, err := session.AdvertisedReferencesContext(ctx)
	if isOtherProtocol(err) {
		err = fmt.Errorf("it does not answer in git's smart protocol: check the URL, or name another repository (%w)", err)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%w: %w", ErrUnreachable, err), session.Close())
	}
	return session, advertised, nil
}

// isOtherProtocol recognizes the answer of a web server that serves a repository's files.
func isOtherProtocol(err error) bool {
	unexpected := new(packp.ErrUnexpectedData)
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pktline.ErrInvalidPktLen) || errors.As(err, &unexpected)
}

func newSession(location string) (transport.UploadPackSession, error) {
	endpoint, err := transport.NewEndpoint(location)
	if err != nil {
		return nil, err
	}
	if endpoint.Protocol == "file" {
		return openLocal(endpoint.Path)
	}
	caller, err := client.NewClient(endpoint)
	if err != nil {
		return nil, err
	}
	return caller.NewUploadPackSession(endpoint, nil)
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

// fetch receives the tag's commit, and keeps it when it is complete.
func (s *Store) fetch(ctx context.Context, location, tag string, progress Progress) (Fetched, error) {
	session, advertised, err := connect(ctx, location)
	if err != nil {
		return Fetched{}, err
	}
	defer session.Close()
	id, err := findTag(advertised.References, tag)
	if err != nil {
		return Fetched{}, err
	}
	request, err := shallowRequest(advertised.Capabilities, id)
	if err != nil {
		return Fetched{}, err
	}
	response, err := session.UploadPack(ctx, request)
	if err != nil {
		return Fetched{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer response.Close()
	stream := &countingReader{reader: packContent(request.Capabilities, response), progress: progress}
	var fetched Fetched
	err = s.admit(func(aside *Store) (err error) {
		if err = aside.receive(ctx, stream); err == nil {
			fetched, err = aside.complete(id)
		}
		return err
	})
	return fetched, err
}

// shallowRequest asks for one commit without its history.
func shallowRequest(offered *capability.List, tag plumbing.Hash) (*packp.UploadPackRequest, error) {
	if !offered.Supports(capability.Shallow) {
		return nil, fmt.Errorf("%w: its server can't send a tag without the history: name another one, or a mirror on this machine", ErrUnreachable)
	}
	request := packp.NewUploadPackRequestFromCapabilities(offered)
	request.Wants = append(request.Wants, tag)
	request.Depth = packp.DepthCommits(1)
	// A thin packfile would refer to objects that are not here.
	request.Capabilities.Delete(capability.ThinPack)
	return request, errors.Join(request.Capabilities.Set(capability.Shallow), request.Validate())
}

// complete follows a tag to its commit, and looks whether all of its files are there.
func (s *Store) complete(tag plumbing.Hash) (Fetched, error) {
	commit, err := peel(tag, func(id plumbing.Hash) (object.Object, error) {
		found, err := object.GetObject(s.objects, id)
		if err != nil {
			return nil, fmt.Errorf("%w: the tag's object %s: %w", ErrTruncated, id, err)
		}
		return found, nil
	})
	if err != nil {
		return Fetched{}, err
	}
	files, err := s.files(commit.TreeHash)
	if err != nil {
		if !errors.Is(err, ErrPath) {
			err = fmt.Errorf("%w: %w", ErrTruncated, err)
		}
		return Fetched{}, err
	}
	for _, f := range files {
		if err := s.objects.HasEncodedObject(f.ID); err != nil {
			return Fetched{}, fmt.Errorf("%w: the content of %s (%s): %w", ErrTruncated, f.Path, f.ID, err)
		}
	}
	return Fetched{Commit: commit.Hash, Tree: commit.TreeHash, When: commit.Committer.When}, nil
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
