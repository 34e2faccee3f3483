// Package source turns a Kubernetes tag into a verified tree.
//
// A tree comes from a git repository, from the module k8s.io/kubernetes and its
// staging modules, from a source tarball, or from a folder. Whatever its kind,
// it ends as a Tree: a git repository whose first commit is the pristine
// source, and a worktree of it. Nothing that fails its checks becomes a Tree.
package source

import (
	"errors"
	"fmt"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// Kind is where a tree comes from.
type Kind string

// The kinds of source. Auto stands for git where the lock's repository answers,
// and for module elsewhere.
const (
	Auto    Kind = "auto"
	Git     Kind = "git"
	Module  Kind = "module"
	Archive Kind = "archive"
	Dir     Kind = "dir"
)

// ParseKind reads a kind's name.
func ParseKind(name string) (Kind, error) {
	switch kind := Kind(name); kind {
	case Auto, Git, Module, Archive, Dir:
		return kind, nil
	default:
		return "", fmt.Errorf("source %q is unknown: want auto, git, module, archive or dir", name)
	}
}

// Errors that a fetch can be matched against with errors.Is.
var (
	// ErrUnavailable means that this kind of source can't be had of the tag, perhaps only
	// now.
	ErrUnavailable = errors.New("source is not available")
	// ErrNotPublished is ErrUnavailable for good: the module proxy or the lock says that
	// there is no such version.
	ErrNotPublished = fmt.Errorf("%w: there is no such version", ErrUnavailable)
	// ErrMismatch means that a source is not what the lock says it must be.
	ErrMismatch = errors.New("source does not match")
	// ErrDirty means that a checkout has changes that are not committed.
	ErrDirty = errors.New("checkout has uncommitted changes")
	// ErrUnsafe means that a source holds a file that would land outside its
	// tree, or that is neither file, folder nor link.
	ErrUnsafe = errors.New("source holds an unsafe file")
)

// MismatchError says what does not match. It is ErrMismatch.
type MismatchError struct {
	What, Want, Got string
	// Remedy is what a person who trusts the source can do.
	Remedy string
}

func (e *MismatchError) Error() string {
	text := fmt.Sprintf("%s is not what it must be\n  want %s\n  got  %s", e.What, e.Want, e.Got)
	if e.Remedy != "" {
		text += "\n" + e.Remedy
	}
	return text
}

// Is makes errors.Is(err, ErrMismatch) hold.
func (e *MismatchError) Is(target error) bool { return target == ErrMismatch }

// Request says which tree is wanted.
type Request struct {
	Version kubever.Version
	// Entry is what the lock knows of Version.
	Entry lock.Entry
	Kind  Kind
	// Repository is the lock's git URL: where git and auto look without a Location.
	Repository string
	// Location is the URL or path of a git repository, archive or folder.
	Location string
	// Commit is the commit ID that the tag, or the folder's checkout, must have, instead of
	// the lock's.
	Commit string
	// SHA256 is the digest that the archive must have, instead of the lock's.
	SHA256 string
	// Layout is the tree's layout; empty means that it is detected.
	Layout layout.Layout
	// AllowDirty takes a folder's uncommitted changes too.
	AllowDirty bool

	// content identifies what is at the location, where that may change; checkout is that
	// of a folder. Fetcher.look fills them in.
	content  string
	checkout *checkout
}

// check refuses what this kind of source has no use for: a person who says what the source
// must be relies on it.
func (r Request) check() error {
	switch {
	case r.Location == "" && r.Kind == Archive:
		return errors.New("a source tarball is needed: name it with -location")
	case r.Location == "" && r.Kind == Dir:
		return errors.New("a folder is needed: name it with -location")
	case r.Location != "" && r.Kind == Auto:
		return errors.New("-location needs a -source: say what the location is (git, archive or dir)")
	case r.Location != "" && r.Kind == Module:
		return errors.New("-location is not for -source=module, which takes what the go command finds: leave it out, or say what it is (-source=git, archive or dir)")
	case r.Commit != "" && (r.Kind == Module || r.Kind == Archive):
		return fmt.Errorf("-commit can't be held against -source=%s, for which the lock has digests: leave it out, or take -source=git", r.Kind)
	case r.SHA256 != "" && r.Kind != Archive:
		return fmt.Errorf("-sha256 is that of a source tarball, and can't be held against -source=%s: leave it out, or take -source=archive -location=FILE", r.Kind)
	case r.AllowDirty && r.Kind != Dir:
		return fmt.Errorf("-allowDirty is for -source=dir, not for -source=%s: leave it out", r.Kind)
	}
	return nil
}

// identity is what a request says of the tree, for cache keys.
func (r Request) identity() []string {
	archives := make([]string, len(r.Entry.Archives))
	for i, archive := range r.Entry.Archives {
		archives[i] = archive.SHA256
	}
	return []string{
		"source 1", r.Version.String(), string(r.Kind), r.Location, r.Commit, r.SHA256, string(r.Layout),
		fmt.Sprint(r.AllowDirty), r.Entry.GoSum, r.Entry.Commit, r.Entry.Toolchain, strings.Join(archives, " "),
	}
}

// Origin says where a tree came from, and what vouches for it.
type Origin struct {
	Kind     Kind   `json:"kind"`
	Location string `json:"location"`
	// Commit is the tag's commit ID where the source says it.
	Commit string `json:"commit,omitempty"`
	// SHA256 is the archive's digest.
	SHA256 string `json:"sha256,omitempty"`
	// RootSum is the root module's sum, in the form of the Go checksum database.
	RootSum string `json:"rootModuleSum,omitempty"`
	// Verified says that the whole tree is what the lock, or the person, said it
	// must be.
	Verified bool `json:"verified"`
	// Proofs say in words what was compared with what.
	Proofs []string `json:"proofs"`
	// Warnings say what was compared and found different, or could not be.
	Warnings []string `json:"warnings,omitempty"`
}

// prove records that the whole tree is what it must be.
func (o *Origin) prove(proof string) {
	o.Verified = true
	o.Proofs = append(o.Proofs, proof)
}

// Fetcher fetches trees. It is safe for concurrent use.
type Fetcher struct {
	// Environment is what the go command starts from, usually os.Environ().
	Environment []string
	Progress    *progress.Reporter
}

func (f Fetcher) goCommand(entry lock.Entry) gocommand.Go {
	return gocommand.Go{Toolchain: entry.Toolchain, Environment: f.Environment}
}
