package statefile

import (
	"errors"
	"time"
)

// SchemaVersion is the one that this package writes.
const SchemaVersion = 1

const (
	// maxHistory bounds the earlier versions that a state names. A node sees a few
	// upgrades a year.
	maxHistory = 16
	// maxEntries bounds the table of containers. A node has some hundred containers; what is
	// beyond it is not remembered, and kept on proof only.
	maxEntries = 2048
	// maxStaticPods bounds the static pods. With maxEntries containers they stay below
	// the size that is read.
	maxStaticPods = 256
)

// Errors that those of this package can be matched against with errors.Is.
var (
	// ErrMissing means that there is no file: the kubelet is new on this node.
	ErrMissing = errors.New("state file is missing")
	// ErrMalformed means that the file is not JSON, or not that of a state.
	ErrMalformed = errors.New("state file is malformed")
	// ErrChecksum means that the content is not what was written.
	ErrChecksum = errors.New("state file has a wrong checksum")
	// ErrFutureSchema means that a later release wrote the file.
	ErrFutureSchema = errors.New("state file has a later schema version")
	// ErrNotRegular means that a link, a device or the like is in its place.
	ErrNotRegular = errors.New("state file is not a regular file")
	// ErrMode means that others than its owner can write it. Others may read it.
	ErrMode = errors.New("state file has the wrong mode")
	// ErrOwner means that it belongs to another user than the kubelet's.
	ErrOwner = errors.New("state file has the wrong owner")
	// ErrTooLarge means that it is larger than any state can be.
	ErrTooLarge = errors.New("state file is too large")
	// ErrInUse means that another kubelet runs on the same root directory.
	ErrInUse = errors.New("state file is in use by another kubelet")
	// ErrClock means that the clock is behind what the kubelet knows to be past.
	ErrClock = errors.New("the clock is wrong")
)

// State is the content of the state file. The zero State is an empty one. A copy
// shares the tables.
type State struct {
	SchemaVersion int     `json:"schemaVersion"`
	Kubelet       Kubelet `json:"kubelet"`
	// History has the versions that ran before, the latest first.
	History []Start `json:"history,omitempty"`
	// Containers has what is known of containers besides the hash on them, by container
	// ID.
	Containers map[string]Adopted `json:"containers,omitempty"`
	// StaticPods has the static pods, by the path of the manifest.
	StaticPods map[string]StaticPod `json:"staticPods,omitempty"`
	// Checksum is the SHA-256, in hexadecimal, of the file's text with zeros in
	// this field's place.
	Checksum string `json:"checksum"`
}

// Kubelet says which kubelet runs.
type Kubelet struct {
	// Version is the kubelet's own, "v1.36.3+steadylet.0a1b2c3d".
	Version string `json:"version"`
	// StartTime is when that version first started after another one; LastStart
	// is when it last did. Both are in UTC. A zero StartTime means that it isn't
	// known, since the clock was wrong.
	StartTime time.Time `json:"startTime"`
	LastStart time.Time `json:"lastStart"`
}

// Start says when a version first started, as in Kubelet.
type Start struct {
	Version   string    `json:"version"`
	StartTime time.Time `json:"startTime"`
}

// Adopted is a container that was seen to be unchanged, by a kubelet that computes
// another hash than the one that created it, or that knows more fields.
type Adopted struct {
	// Fingerprint is HashImageAndName of the spec that was adopted, in hexadecimal:
	// every version can compute it.
	Fingerprint string `json:"fingerprint"`
	// Hash is that of the spec that was adopted as the version HashedBy computes
	// it, in hexadecimal.
	Hash     string `json:"hash"`
	HashedBy string `json:"hashedBy"`
	// CreatedUnder is the kubelet version that ran when the container was created,
	// or nothing when that isn't known.
	CreatedUnder string `json:"createdUnder,omitempty"`
	// Adopted is when, in UTC.
	Adopted time.Time `json:"adopted"`
}

// StaticPod is a static pod as it was last read from its manifest.
type StaticPod struct {
	// Pod is the pod's "namespace/name".
	Pod string `json:"pod"`
	// UID is the one that the pod runs under.
	UID string `json:"uid"`
	// Digest is the SHA-256, in hexadecimal, of the bytes of the manifest that the pod was
	// made from. After an edit that the kubelet GeneratedBy does not see, a comment or a
	// field that it does not know, those are not the manifest's bytes of today.
	Digest string `json:"digest"`
	// Generated is the UID that the kubelet version GeneratedBy makes up for it.
	Generated   string `json:"generated,omitempty"`
	GeneratedBy string `json:"generatedBy,omitempty"`
}

// Started returns the state after a start of the given version. It does not
// change s. Times that lie after now are forgotten: they say nothing, since the
// clock was set back.
func (s State) Started(version string, now time.Time) State {
	now = now.UTC().Round(0) // without the monotonic clock, which JSON can't hold
	next := s
	next.Kubelet.StartTime, next.History = notAfter(s.Kubelet.StartTime, now), nil
	for _, start := range s.History {
		next.History = append(next.History, Start{start.Version, notAfter(start.StartTime, now)})
	}
	return next.began(version, now, now)
}

// began notes a start of a version that, if it is new, first started at the time
// first.
func (s State) began(version string, first, now time.Time) State {
	next := s
	next.SchemaVersion, next.Checksum = SchemaVersion, ""
	next.History = append([]Start(nil), s.History...)
	if s.Kubelet.Version != version {
		if s.Kubelet.Version != "" {
			next.History = append([]Start{{s.Kubelet.Version, s.Kubelet.StartTime}}, next.History...)
		}
		next.Kubelet = Kubelet{Version: version, StartTime: first}
	}
	if len(next.History) > maxHistory {
		next.History = next.History[:maxHistory]
	}
	next.Kubelet.LastStart = now
	return next
}

// notAfter returns t, or no time if it lies after now.
func notAfter(t, now time.Time) time.Time {
	if t.After(now) {
		return time.Time{}
	}
	return t
}

// CreatedUnder returns the version that ran when a container was created, or
// nothing when the state does not say.
func (s State) CreatedUnder(created time.Time) string {
	if created.IsZero() {
		return ""
	}
	for _, start := range append([]Start{{s.Kubelet.Version, s.Kubelet.StartTime}}, s.History...) {
		if start.StartTime.IsZero() {
			return "" // nobody knows on which side of it the container lies
		}
		if !created.Before(start.StartTime) {
			return start.Version
		}
	}
	return ""
}
