package rebase

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/renameio"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// readyToWrite brings a fixture to where only the outcome is left to write.
func readyToWrite(t *testing.T) (folder, dir string, r *Rebase, made *Outcome) {
	t.Helper()
	patches, published := setup(t, "moved.txtar", "v1.38.0")
	r, dir = start(t, patches, published)
	if err := finish(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(patches, "s")
	made, err := r.Outcome(t.Context(), folder, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return folder, dir, r, made
}

// finish runs a rebase to its end, and does what a person would at the conflict.
func finish(ctx context.Context, r *Rebase) error {
	say := func(string, ...any) {}
	err := r.Run(ctx, false, say)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	path := filepath.Join(r.bench.Worktree(), "pkg", "new", "a.go")
	edited := "package a\n\nfunc f() {\n\tone()\n\tours()\n\ttwo()\n}\n"
	if err := renameio.WriteFile(path, []byte(edited), 0o644); err != nil {
		return err
	}
	return r.Run(ctx, false, say)
}

// Killed after each of the steps of writing, the rebase is resumed and ends with the same
// series; or it is dropped, and the series is what it was or what it was to become.
func TestKilledWhileWriting(t *testing.T) {
	steps := []struct {
		name string
		do   func(t *testing.T, folder string, r *Rebase, made *Outcome) error
		// complete says that series.yaml is the new one after this step.
		complete bool
	}{
		{"outcome kept", func(_ *testing.T, _ string, r *Rebase, made *Outcome) error { _, err := r.Keep(made); return err }, false},
		{"patch written", func(_ *testing.T, folder string, _ *Rebase, made *Outcome) error {
			return os.WriteFile(filepath.Join(folder, made.Patches[0].File), made.Patches[0].Text, 0o644)
		}, false},
		{"series.yaml written", func(_ *testing.T, folder string, _ *Rebase, made *Outcome) error {
			return os.WriteFile(filepath.Join(folder, series.IndexFile), made.Index, 0o644)
		}, true},
	}
	for i, last := range steps {
		for _, abort := range []bool{false, true} {
			name := last.name + ", resumed"
			if abort {
				name = last.name + ", dropped"
			}
			t.Run(name, func(t *testing.T) {
				folder, dir, r, made := readyToWrite(t)
				before := snapshot(t, folder)
				for _, step := range steps[:i+1] {
					if err := step.do(t, folder, r, made); err != nil {
						t.Fatal(err)
					}
				}
				want := map[string]string{series.IndexFile: string(made.Index), "0001-a.patch": before["0001-a.patch"]}
				want[made.Patches[0].File] = string(made.Patches[0].Text)
				if abort && !last.complete {
					want = before
				}
				settle(t, dir, folder, abort)
				if diff := cmp.Diff(want, snapshot(t, folder)); diff != "" {
					t.Errorf("the series (-want +got):\n%s", diff)
				}
				if _, err := loader(filepath.Dir(folder))("s"); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("the rebase's folder is there: %v", err)
				}
			})
		}
	}
}

// settle does what the target does for a rebase whose outcome is half written.
func settle(t *testing.T, dir, folder string, abort bool) {
	t.Helper()
	pending, err := ReadPending(dir)
	if err != nil || pending == nil {
		t.Fatalf("nothing is pending: %v", err)
	}
	if abort {
		err = errors.Join(pending.Undo(folder), Abort(dir))
	} else {
		err = errors.Join(pending.Write(folder), pending.Write(folder), pending.Drop())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestReadPending(t *testing.T) {
	_, dir, r, made := readyToWrite(t)
	if pending, err := ReadPending(dir); pending != nil || err != nil {
		t.Errorf("before it is kept: %v, %v", pending, err)
	}
	kept, err := r.Keep(made)
	if err != nil {
		t.Fatal(err)
	}
	if pending, err := ReadPending(dir); err != nil || pending.To != kept.To || pending.Series != "s" {
		t.Errorf("got %+v, %v", pending, err)
	} else if diff := cmp.Diff(*made, pending.Outcome); diff != "" {
		t.Errorf("(-kept +read):\n%s", diff)
	}
	for _, text := range []string{"{", `{"schemaVersion": 9}`} {
		if err := os.WriteFile(pendingPath(dir), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if pending, err := ReadPending(dir); pending != nil || err == nil || !strings.Contains(err.Error(), "-abort") {
			t.Errorf("%s gives %v, %v", text, pending, err)
		}
	}
	// Without the state, the rebase has ended: it was being dropped.
	if err := os.Remove(statePath(dir)); err != nil {
		t.Fatal(err)
	}
	if pending, err := ReadPending(dir); pending != nil || err != nil {
		t.Errorf("without a state: %v, %v", pending, err)
	}
}

func snapshot(t *testing.T, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue // what a killed run left of a file that was to be replaced
		}
		data, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[entry.Name()] = string(data)
	}
	return all
}

// TestMain lets the test binary be the run that is killed.
func TestMain(m *testing.M) {
	patches := os.Getenv("STEADYLET_TEST_PATCHES")
	if patches == "" {
		os.Exit(m.Run())
	}
	if err := whole(context.Background(), patches); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// whole does all of a rebase of the fixture in patches, or what is left of it.
func whole(ctx context.Context, patches string) error {
	dir, folder := filepath.Join(patches, "..", "rebase"), filepath.Join(patches, "s")
	pending, err := ReadPending(dir)
	if err != nil {
		return err
	}
	if pending == nil {
		if pending, err = toOutcome(ctx, dir, patches); err != nil || pending == nil {
			return err
		}
	}
	return errors.Join(pending.Write(folder), pending.Drop())
}

// toOutcome resumes a rebase, or starts it; nil is one that ended before.
func toOutcome(ctx context.Context, dir, patches string) (*Pending, error) {
	r, err := Resume(dir, loader(patches))
	if errors.Is(err, ErrNone) {
		var s *series.Series
		if s, err = loader(patches)("s"); err != nil {
			return nil, err
		}
		if _, err := s.Select(fixtureTag, false); err == nil {
			return nil, nil
		}
		published := &source.Published{Root: filepath.Join(patches, "..", "root")}
		published.Entry.Version, published.Entry.Time = fixtureTag, time.Unix(0, 0)
		r, err = Start(ctx, dir, s, published)
	}
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := finish(ctx, r); err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp(filepath.Dir(dir), "scratch-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	made, err := r.Outcome(ctx, filepath.Join(patches, "s"), scratch, nil)
	if err != nil {
		return nil, err
	}
	return r.Keep(made)
}

var fixtureTag = kubever.Version{Major: 1, Minor: 38}

// A run that is killed at whatever moment is gone on with, and ends with the same series.
func TestKilledAtAnyMoment(t *testing.T) {
	want := rebasedWithoutKill(t)
	patches, _ := setup(t, "moved.txtar", "v1.38.0")
	killed, ended := 0, 0
	for delay := time.Millisecond; delay < 250*time.Millisecond; delay += delay/8 + time.Millisecond {
		process := exec.Command(os.Args[0])
		process.Env = append(os.Environ(), "STEADYLET_TEST_PATCHES="+patches)
		var said strings.Builder
		process.Stderr = &said
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(delay, func() { _ = process.Process.Kill() })
		err := process.Wait()
		if timer.Stop(); err != nil && said.Len() > 0 {
			t.Fatalf("after %d kills: %s", killed, &said)
		}
		if err != nil {
			killed++
			continue
		}
		ended++
		if diff := cmp.Diff(want, snapshot(t, filepath.Join(patches, "s"))); diff != "" {
			t.Fatalf("after %d kills (-want +got):\n%s", killed, diff)
		}
		patches, _ = setup(t, "moved.txtar", "v1.38.0") // the next one starts from the beginning
	}
	if err := whole(t.Context(), patches); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, snapshot(t, filepath.Join(patches, "s"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Logf("killed %d times, ended %d times", killed, ended)
}

func rebasedWithoutKill(t *testing.T) map[string]string {
	t.Helper()
	patches, _ := setup(t, "moved.txtar", "v1.38.0")
	if err := whole(t.Context(), patches); err != nil {
		t.Fatal(err)
	}
	return snapshot(t, filepath.Join(patches, "s"))
}
