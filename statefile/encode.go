package statefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// The checksum is that of the text in which noChecksum stands in its place, so that
// it covers every byte, fields of later releases included, and a script can compute
// it.
var noChecksum = strings.Repeat("0", 2*sha256.Size)

// checksumField is what comes before the checksum in the text.
const checksumField = `"checksum": "`

// Encode returns the file's text, with the checksum in it.
func (s State) Encode() ([]byte, error) {
	data, err := new(encoder).encode(s)
	if err != nil {
		return nil, err
	}
	seal(data)
	return data, nil
}

// seal puts the checksum into a text that has noChecksum in its place.
func seal(data []byte) {
	sum := sha256.Sum256(data)
	// It is the last field.
	at := bytes.LastIndex(data, []byte(checksumField)) + len(checksumField)
	hex.Encode(data[at:], sum[:])
}

// verify compares the text with the checksum in it.
func verify(data []byte, checksum string) error {
	before := bytes.LastIndex(data, []byte(checksumField+checksum+`"`))
	if len(checksum) != len(noChecksum) || before < 0 {
		return fmt.Errorf("%w: it has none", ErrChecksum)
	}
	before += len(checksumField)
	sum := sha256.New()
	sum.Write(data[:before])
	sum.Write([]byte(noChecksum))
	sum.Write(data[before+len(checksum):])
	if got := hex.EncodeToString(sum.Sum(nil)); got != checksum {
		return fmt.Errorf("%w: %s, the text's is %s", ErrChecksum, checksum, got)
	}
	return nil
}

// Decode reads a file's text. The error matches ErrMalformed, ErrChecksum or
// ErrFutureSchema; the last only for a text that has the right checksum.
func Decode(data []byte) (State, error) {
	var s State
	err := json.Unmarshal(data, &s)
	if err != nil {
		// What makes it malformed may be what a later schema means by it.
		var any struct {
			SchemaVersion int    `json:"schemaVersion"`
			Checksum      string `json:"checksum"`
		}
		if json.Unmarshal(data, &any) != nil || any.SchemaVersion <= SchemaVersion {
			return State{}, fmt.Errorf("%w: %v", ErrMalformed, err)
		}
		s = State{SchemaVersion: any.SchemaVersion, Checksum: any.Checksum}
	}
	if err := verify(data, s.Checksum); err != nil {
		return State{}, err
	}
	if s.SchemaVersion > SchemaVersion {
		return State{}, fmt.Errorf("%w: %d, this kubelet knows %d", ErrFutureSchema, s.SchemaVersion, SchemaVersion)
	}
	if s.SchemaVersion != SchemaVersion {
		return State{}, fmt.Errorf("%w: schema version %d", ErrMalformed, s.SchemaVersion)
	}
	return s, nil
}
