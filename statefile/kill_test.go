package statefile_test

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/statefile"
)

var kills = flag.Int("kills", 100, "how often a process that saves is killed")

// saving is the state that the killed processes write: the history says how often it
// was saved, and every part of it depends on that.
func saving(round int) statefile.State {
	at := start.Add(time.Duration(round) * time.Second)
	s := statefile.State{}.Started("v1.31.0", at)
	s.Containers = map[string]statefile.Adopted{}
	for i := range 20 {
		s.Containers[fmt.Sprintf("%064x", i)] = statefile.Adopted{Fingerprint: fmt.Sprintf("%x", round+i), Hash: fmt.Sprint(round), Adopted: at}
	}
	return s
}

// TestMain lets the test binary be the process that is killed while it saves.
func TestMain(m *testing.M) {
	path := os.Getenv("STEADYLET_TEST_SAVE")
	if path == "" {
		os.Exit(m.Run())
	}
	for round := 0; ; round++ {
		if err := statefile.Save(path, saving(round)); err != nil {
			panic(err)
		}
		if round == 0 {
			fmt.Println("saving")
		}
	}
}

// killWhileSaving starts a process that saves, and ends it with SIGKILL a moment
// after its first save.
func killWhileSaving(path string, after time.Duration) error {
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), "STEADYLET_TEST_SAVE="+path)
	out, err := process.StdoutPipe()
	if err != nil {
		return err
	}
	if err := process.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	time.Sleep(after)
	err = errors.Join(err, process.Process.Kill())
	_ = process.Wait() // it was killed
	return err
}

// saveBoth makes the file and its previous copy two of the states that the killed
// processes write.
func saveBoth(t *testing.T, path string) {
	t.Helper()
	for round := range 2 {
		if err := statefile.Save(path, saving(round)); err != nil {
			t.Fatal(err)
		}
	}
}

// Whenever a process is killed while it saves, the file is a whole state of before
// or after, and so is the copy.
func TestKilledWhileSaving(t *testing.T) {
	path := saved(t, saving(0))
	saveBoth(t, path)
	unfinished, beside := 0, 2
	for i := range *kills {
		if err := killWhileSaving(path, time.Duration(rand.Int63n(int64(3*time.Millisecond)))); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, path + ".prev"} {
			got, err := statefile.Load(name)
			if err != nil {
				t.Fatalf("after kill %d: %v", i, err)
			}
			want := saving(int(got.Kubelet.StartTime.Sub(start) / time.Second))
			want.Checksum = got.Checksum
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("after kill %d %s is no state that was saved (-want +got):\n%s", i, name, diff)
			}
		}
		if now := len(names(t, filepath.Dir(path))); now != beside {
			unfinished, beside = unfinished+1, now
		}
		if root := filepath.Dir(filepath.Dir(path)); i%1000 == 99 {
			if _, err := opened(statefile.Options{RootDir: root, Version: "v1.31.0", Now: start}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"state.json", "state.json.prev"}, names(t, filepath.Dir(path))); diff != "" {
				t.Errorf("left behind by the killed processes (-want +got):\n%s", diff)
			}
			// The start that swept them saved a state of its own, which a kill before the
			// second save would leave as the previous copy.
			saveBoth(t, path)
			beside = 2
		}
	}
	t.Logf("killed %d times, %d times with an unfinished file beside the state: it was whole each time", *kills, unfinished)
	if unfinished == 0 {
		t.Error("no kill came in the middle of a save: the test shows nothing")
	}
}
