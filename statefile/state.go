package statefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// SchemaVersion is the one that this package writes.
const SchemaVersion = 1

// maxHistory bounds the earlier versions that a state names. A node sees a few
// upgrades a year.
const maxHistory = 16

// Errors that Load and Decode can be matched against with errors.Is.
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
	// ErrMode means that others than its owner can write or read it.
	ErrMode = errors.New("state file has the wrong mode")
	// ErrOwner means that it belongs to another user than the kubelet's.
	ErrOwner = errors.New("state file has the wrong owner")
	// ErrTooLarge means that it is larger than any state can be.
	ErrTooLarge = errors.New("state file is too large")
)

// State is the content of the state file. The zero State is an empty one.
type State struct {
	SchemaVersion int     `json:"schemaVersion"`
	Kubelet       Kubelet `json:"kubelet"`
	// History has the versions that ran before, the latest first.
	History []Start `json:"history,omitempty"`
	// Checksum is the SHA-256, in hexadecimal, of the JSON without this field.
	Checksum string `json:"checksum,omitempty"`
}

// Kubelet says which kubelet runs.
type Kubelet struct {
	// Version is the kubelet's own, "v1.36.3+steadylet.0a1b2c3d".
	Version string `json:"version"`
	// StartTime is when that version first started after another one; LastStart
	// is when it last did. Both are in UTC.
	StartTime time.Time `json:"startTime"`
	LastStart time.Time `json:"lastStart"`
}

// Start says when a version first started.
type Start struct {
	Version   string    `json:"version"`
	StartTime time.Time `json:"startTime"`
}

// Started returns the state after a start of the given version. It does not
// change s.
func (s State) Started(version string, now time.Time) State {
	now = now.UTC().Round(0) // without the monotonic clock, which JSON can't hold
	next := State{SchemaVersion: SchemaVersion, Kubelet: s.Kubelet}
	next.History = append(next.History, s.History...)
	if s.Kubelet.Version != version {
		if s.Kubelet.Version != "" {
			before := Start{Version: s.Kubelet.Version, StartTime: s.Kubelet.StartTime}
			next.History = append([]Start{before}, next.History...)
		}
		next.Kubelet = Kubelet{Version: version, StartTime: now}
	}
	if len(next.History) > maxHistory {
		next.History = next.History[:maxHistory]
	}
	next.Kubelet.LastStart = now
	return next
}

// CreatedUnder returns the version that ran when a container was created, or
// nothing when the state does not say.
func (s State) CreatedUnder(created time.Time) string {
	if created.IsZero() || s.Kubelet.StartTime.IsZero() {
		return ""
	}
	if !created.Before(s.Kubelet.StartTime) {
		return s.Kubelet.Version
	}
	for _, start := range s.History {
		if !created.Before(start.StartTime) {
			return start.Version
		}
	}
	return ""
}

// Encode returns the file's text, with the checksum in it.
func (s State) Encode() ([]byte, error) {
	s.SchemaVersion, s.Checksum = SchemaVersion, ""
	data, err := json.Marshal(s)
	if err == nil {
		s.Checksum, err = checksum(data)
	}
	if err == nil {
		data, err = json.MarshalIndent(s, "", "  ")
	}
	if err != nil {
		return nil, fmt.Errorf("encoding the state: %w", err)
	}
	return append(data, '\n'), nil
}

// checksum is the SHA-256, in hexadecimal, of a document without its checksum,
// with sorted keys and no white space. It covers fields that this release does not
// know, so that a file of a later one can be checked too.
func checksum(document []byte) (string, error) {
	var fields map[string]interface{}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber() // as written, not as a floating-point number holds it
	if err := decoder.Decode(&fields); err != nil {
		return "", err
	}
	delete(fields, "checksum")
	canonical, err := json.Marshal(fields)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// Decode reads a file's text. The error matches ErrFutureSchema, ErrMalformed or
// ErrChecksum.
func Decode(data []byte) (State, error) {
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		// What makes it malformed may be what a later schema means by it.
		var schema struct {
			SchemaVersion int `json:"schemaVersion"`
		}
		if json.Unmarshal(data, &schema) != nil || schema.SchemaVersion <= SchemaVersion {
			return State{}, fmt.Errorf("%w: %v", ErrMalformed, err)
		}
		s.SchemaVersion = schema.SchemaVersion
	}
	if s.SchemaVersion > SchemaVersion {
		return State{}, fmt.Errorf("%w: %d, this kubelet knows %d", ErrFutureSchema, s.SchemaVersion, SchemaVersion)
	}
	if s.SchemaVersion != SchemaVersion {
		return State{}, fmt.Errorf("%w: schema version %d", ErrMalformed, s.SchemaVersion)
	}
	sum, err := checksum(data)
	if err != nil {
		return State{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if sum != s.Checksum {
		return State{}, ErrChecksum
	}
	return s, nil
}
