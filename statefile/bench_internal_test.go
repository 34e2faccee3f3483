package statefile

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
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
		s.Containers[containerID(i)] = adoptedUnder(s, i)
	}
	return s
}

// containerID is a made-up one, as random as a runtime's.
func containerID(i int) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(strconv.Itoa(i)))) }

// adoptedUnder is what is known of such a container.
func adoptedUnder(s State, i int) Adopted {
	id := containerID(i)
	return Adopted{
		Fingerprint: id[:16], Hash: id[16:24], HashedBy: s.Kubelet.Version, CreatedUnder: s.History[0].Version,
		Adopted: s.Kubelet.StartTime.Add(time.Duration(i) * 1234567),
	}
}

// What the recorder does when one container took another's place ("ours") and when all
// are new to it, as once after an upgrade ("all"), and what it takes to get as many bytes to
// the disk with a rename.
func BenchmarkSave(b *testing.B) {
	s := full()
	data, err := s.Encode()
	if err != nil {
		b.Fatal(err)
	}
	root := b.TempDir()
	r, err := Open(Options{RootDir: root, Version: s.Kubelet.Version, Now: time.Now()})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	r.state = s
	saved := func(change func()) error {
		r.mutex.Lock()
		change()
		r.saveSoon()
		r.mutex.Unlock()
		return r.Flush()
	}
	oldest, newest, adopted := containerID(0), containerID(len(s.Containers)), adoptedUnder(s, len(s.Containers))
	plain := filepath.Join(root, "plain.json")
	inTurns(b, map[string]func() error{
		"ours": func() error {
			return saved(func() {
				delete(s.Containers, oldest)
				s.Containers[newest] = adopted
				oldest, newest = newest, oldest
			})
		},
		"all": func() error {
			return saved(func() { r.encoder = encoder{} })
		},
		"theirs": func() error {
			if err := renameio.WriteFile(plain, data, fileMode); err != nil {
				return err
			}
			return syncFolder(root)
		},
	})
}

// inTurns measures all in turns: a machine, and its disk more so, is faster in one moment
// than in the next.
func inTurns(b *testing.B, all map[string]func() error) {
	for range 100 {
		for name, do := range all {
			b.Run(name, func(b *testing.B) {
				for b.Loop() {
					if err := do(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// Reading the file, and only parsing its text.
func BenchmarkLoad(b *testing.B) {
	s := full()
	path := filepath.Join(b.TempDir(), "steadylet", "state.json")
	if err := Save(path, s); err != nil {
		b.Fatal(err)
	}
	data, err := s.Encode()
	if err != nil {
		b.Fatal(err)
	}
	inTurns(b, map[string]func() error{
		"ours": func() error {
			_, err := Load(path)
			return err
		},
		"theirs": func() error {
			var s State
			return json.Unmarshal(data, &s)
		},
	})
}
