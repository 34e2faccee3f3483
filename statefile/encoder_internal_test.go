package statefile

import (
	"fmt"
	"math/rand"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// However a state comes to differ from the one before, its text is the one that is made of
// it alone.
func TestEncoderFollowsAState(t *testing.T) {
	const seed, steps = 1, 3000
	random := rand.New(rand.NewSource(seed))
	s, e := full(), new(encoder)
	some := func() string { return containerID(random.Intn(600)) }
	changes := []func(){
		func() {},
		func() { delete(s.Containers, some()) },
		func() { s.Containers[some()] = adoptedUnder(s, random.Int()) },
		func() { s.Containers[""] = Adopted{Adopted: time.Now()} },
		func() { s.StaticPods[some()] = StaticPod{UID: some()} },
		func() { s.Kubelet.LastStart = s.Kubelet.LastStart.Add(time.Second) },
		func() { s.Containers = nil },
		func() { s.Containers = full().Containers },
		func() {
			for range random.Intn(300) {
				delete(s.Containers, some())
				s.Containers[some()] = adoptedUnder(s, random.Int())
			}
		},
	}
	for step := range steps {
		// The last three start afresh or change much: seldom, or nothing lasts.
		change := random.Intn(len(changes) - 3)
		if random.Intn(20) == 0 {
			change = random.Intn(len(changes))
		}
		if s.Containers == nil {
			s.Containers = map[string]Adopted{}
		}
		changes[change]()
		got, err := e.encode(s)
		if err != nil {
			t.Fatal(err)
		}
		seal(got)
		want, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Fatalf("seed %d, step %d, change %d (-want +got):\n%s", seed, step, change, diff)
		}
	}
}

// A kubelet that has nothing new to say of a container does not write it out again.
func TestEncoderCopiesWhatIsTheSame(t *testing.T) {
	r := &Recorder{state: full()}
	encode := func() {
		if _, _, err := r.unsaved(); err != nil {
			t.Fatal(err)
		}
	}
	encode()
	encode() // both buffers are there
	// Each container written out takes one, for its time.
	if got := testing.AllocsPerRun(10, encode); got > 20 {
		t.Errorf("%v allocations for a state of 500 containers, none of which is new", got)
	}
}

// What could not be saved, because it has no text or after a panic, leaves nothing behind
// that the next file is made of, and is tried again.
func TestSavingAfterAStateThatHasNoText(t *testing.T) {
	bad := Adopted{Adopted: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} // JSON has no such year
	for name, spoil := range map[string]func(r *Recorder){
		"error": func(r *Recorder) {
			for i := range 600 {
				r.state.Containers[fmt.Sprint(i)] = bad
			}
		},
		"panic": func(r *Recorder) { r.encoder.lines[7].end = 1 << 40 },
	} {
		t.Run(name, func(t *testing.T) {
			s, root := full(), t.TempDir()
			r, err := Open(Options{RootDir: root, Version: s.Kubelet.Version, Now: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			change := func(how func(r *Recorder)) {
				r.mutex.Lock()
				defer r.mutex.Unlock()
				how(r)
				r.saveSoon()
			}
			changed := func(how func(r *Recorder)) {
				change(how)
				r.saveInBackground()
			}
			changed(func(r *Recorder) { r.state = s })
			changed(spoil)
			if r.mutex.Lock(); !r.failing || r.timer == nil {
				t.Error("it is not tried again")
			}
			r.mutex.Unlock()
			changed(func(r *Recorder) {
				for i := range 600 {
					delete(s.Containers, fmt.Sprint(i))
					s.Containers[containerID(i)] = adoptedUnder(s, i)
				}
			})
			got, err := os.ReadFile(r.path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := s.Encode()
			if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}
