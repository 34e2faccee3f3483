package statefile

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/renameio"
)

// full is the state of a node with 500 adopted containers.
func full() State {
	at := time.Date(2026, 11, 24, 9, 0, 0, 123456789, time.UTC)
	s := State{}.Started("v1.30.14+steadylet.0a1b2c3d", at).Started("v1.31.0+steadylet.0a1b2c3d", at.Add(time.Hour))
	s.Containers, s.StaticPods = map[string]Adopted{}, map[string]StaticPod{}
	for i := range 500 {
		s.Containers[fmt.Sprintf("%064x", i*7919)] = Adopted{
			Fingerprint: fmt.Sprintf("%x", i*104729), Hash: fmt.Sprintf("%x", i*15485863),
			HashedBy: s.Kubelet.Version, CreatedUnder: s.History[0].Version, Adopted: at,
		}
	}
	return s
}

// What the recorder does when something changed, and what it takes to get as many
// bytes to the disk with a rename.
func BenchmarkSave(b *testing.B) {
	s := full()
	data, err := s.Encode()
	if err != nil {
		b.Fatal(err)
	}
	folder := b.TempDir()
	path := filepath.Join(folder, "steadylet", "state.json")
	if err := save(path, s, false); err != nil {
		b.Fatal(err)
	}
	plain := filepath.Join(folder, "plain.json")
	inTurns(b, func() error {
		return save(path, s, true)
	}, func() error {
		if err := renameio.WriteFile(plain, data, fileMode); err != nil {
			return err
		}
		return syncFolder(folder)
	})
}

// inTurns measures both in turns: a machine, and its disk more so, is faster in one moment
// than in the next.
func inTurns(b *testing.B, ours, theirs func() error) {
	run := func(name string, do func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for range 100 {
		run("ours", ours)
		run("theirs", theirs)
	}
}

// Reading the file, and only parsing its text.
func BenchmarkLoad(b *testing.B) {
	s := full()
	path := filepath.Join(b.TempDir(), "steadylet", "state.json")
	if err := save(path, s, false); err != nil {
		b.Fatal(err)
	}
	data, err := s.Encode()
	if err != nil {
		b.Fatal(err)
	}
	inTurns(b, func() error {
		_, err := Load(path)
		return err
	}, func() error {
		var s State
		return json.Unmarshal(data, &s)
	})
}
