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

// A state that can't be written leaves nothing behind that the next one is made of.
func TestSavingAfterAStateThatHasNoText(t *testing.T) {
	s, root := full(), t.TempDir()
	r, err := Open(Options{RootDir: root, Version: s.Kubelet.Version, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.state = s
	flush := func() error {
		r.mutex.Lock()
		r.saveSoon()
		r.mutex.Unlock()
		return r.Flush()
	}
	if err := flush(); err != nil {
		t.Fatal(err)
	}
	for i := range 600 {
		s.Containers[fmt.Sprint(i)] = Adopted{Adopted: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}
	}
	if err := flush(); err == nil {
		t.Fatal("the year 10000 was saved, which JSON can't hold")
	}
	for i := range 600 {
		delete(s.Containers, fmt.Sprint(i))
		s.Containers[containerID(i)] = adoptedUnder(s, i)
	}
	if err := flush(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := s.Encode()
	if diff := cmp.Diff(string(want), string(got)); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
