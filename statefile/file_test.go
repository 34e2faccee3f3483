package statefile_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/statefile"
)

func someState(t testing.TB) statefile.State {
	t.Helper()
	s := statefile.State{}.Started("v1.30.14", start).Started("v1.31.0", start.Add(time.Hour))
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if s, err = statefile.Decode(data); err != nil {
		t.Fatal(err)
	}
	return s
}

func saved(t testing.TB, s statefile.State) string {
	t.Helper()
	path := statefile.Path(t.TempDir())
	if err := statefile.Save(path, s); err != nil {
		t.Fatal(err)
	}
	return path
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func TestSaveAndLoad(t *testing.T) {
	want := someState(t)
	path := saved(t, want)
	got, err := statefile.Load(path)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): os.ModeDir | 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v (%v)", name, info.Mode(), mode, err)
		}
	}
	if diff := cmp.Diff([]string{"state.json"}, names(t, filepath.Dir(path))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestSaveKeepsTheGoodCopyBefore(t *testing.T) {
	first := someState(t)
	path := saved(t, first)
	second := first.Started("v1.36.3", start.Add(2*time.Hour))
	if err := statefile.Save(path, second); err != nil {
		t.Fatal(err)
	}
	before, err := statefile.Load(path + ".prev")
	if diff := cmp.Diff(first, before); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := statefile.Save(path, second); err != nil {
		t.Fatal(err)
	}
	if before, err = statefile.Load(path + ".prev"); err != nil || before.Kubelet.Version != "v1.31.0" {
		t.Errorf("a damaged file replaced the good copy: %+v %v", before.Kubelet, err)
	}
}

func TestStartedKeepsTheTimeOfTheFirstStart(t *testing.T) {
	s := statefile.State{}.Started("v1.30.14", start).Started("v1.30.14", start.Add(time.Hour))
	if !s.Kubelet.StartTime.Equal(start) || !s.Kubelet.LastStart.Equal(start.Add(time.Hour)) || len(s.History) != 0 {
		t.Errorf("after a second start: %+v", s)
	}
	for i := range 100 {
		s = s.Started([]string{"v1.31.0", "v1.30.14"}[i%2], start.Add(time.Duration(i+2)*time.Hour))
	}
	if len(s.History) != 16 {
		t.Errorf("the history has %d entries, want it bounded to 16", len(s.History))
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(path string) error
		want   error
	}{
		"missing":     {os.Remove, statefile.ErrMissing},
		"empty":       {func(path string) error { return os.Truncate(path, 0) }, statefile.ErrMalformed},
		"readable":    {func(path string) error { return os.Chmod(path, 0o644) }, statefile.ErrMode},
		"link":        {func(path string) error { return errors.Join(os.Rename(path, path+"x"), os.Symlink(path+"x", path)) }, statefile.ErrNotRegular},
		"folder":      {func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, statefile.ErrNotRegular},
		"named pipe":  {func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) }, statefile.ErrNotRegular},
		"too large":   {func(path string) error { return os.Truncate(path, 1<<20+1) }, statefile.ErrTooLarge},
		"next schema": {func(path string) error { return os.WriteFile(path, []byte(`{"schemaVersion": 2}`), 0o600) }, statefile.ErrFutureSchema},
	} {
		t.Run(name, func(t *testing.T) {
			path := saved(t, someState(t))
			if err := test.damage(path); err != nil {
				t.Fatal(err)
			}
			if _, err := statefile.Load(path); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	t.Run("another owner", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("needs root, to give a file to another user")
		}
		path := saved(t, someState(t))
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if _, err := statefile.Load(path); !errors.Is(err, statefile.ErrOwner) {
			t.Errorf("got %v, want ErrOwner", err)
		}
	})
}

// Whatever happened to the bytes, the answer is the state as it was written, or
// an error.
func TestDamageIsNeverReadAsAState(t *testing.T) {
	data, err := someState(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for length := range data {
		if s, err := statefile.Decode(data[:length]); err == nil {
			t.Fatalf("cut to %d bytes it reads as %+v", length, s)
		}
	}
	for i := range data {
		for bit := range 8 {
			damaged := bytes.Clone(data)
			damaged[i] ^= 1 << bit
			if s, err := statefile.Decode(damaged); err == nil {
				t.Fatalf("with bit %d of byte %d flipped it reads as %+v", bit, i, s)
			}
		}
	}
}

func TestOpenSavesWhatItCan(t *testing.T) {
	damage := func(path string) error { return os.WriteFile(path, []byte("damaged"), 0o600) }
	for name, test := range map[string]struct {
		damage  func(path string) error
		history []string
		files   []string
		wantErr error
	}{
		"intact":          {func(string) error { return nil }, []string{"v1.31.0", "v1.30.14"}, []string{"state.json", "state.json.prev"}, nil},
		"lost":            {os.Remove, []string{"v1.30.14"}, []string{"state.json", "state.json.prev"}, nil},
		"damaged":         {damage, []string{"v1.30.14"}, []string{"state.json", "state.json.corrupt-20261124T110000Z", "state.json.prev"}, statefile.ErrMalformed},
		"both damaged":    {func(path string) error { return errors.Join(damage(path), damage(path+".prev")) }, nil, []string{"state.json", "state.json.corrupt-20261124T110000Z", "state.json.prev"}, statefile.ErrMalformed},
		"everything lost": {func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, nil, []string{"state.json"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for i, version := range []string{"v1.30.14", "v1.31.0"} {
				if _, err := statefile.Open(statefile.Options{RootDir: root, Version: version, Now: start.Add(time.Duration(i) * time.Hour)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.damage(statefile.Path(root)); err != nil {
				t.Fatal(err)
			}
			r, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start.Add(2 * time.Hour)})
			if !errors.Is(err, test.wantErr) || (err == nil) != (test.wantErr == nil) {
				t.Errorf("got %v, want %v", err, test.wantErr)
			}
			var history []string
			for _, earlier := range r.State().History {
				history = append(history, earlier.Version)
			}
			if diff := cmp.Diff(test.history, history); diff != "" {
				t.Errorf("history (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.files, names(t, filepath.Dir(statefile.Path(root)))); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if s, err := statefile.Load(statefile.Path(root)); err != nil || s.Kubelet.Version != "v1.36.3" {
				t.Errorf("afterwards the file holds %+v: %v", s.Kubelet, err)
			}
		})
	}
}

func TestAFileOfALaterReleaseIsLeftAlone(t *testing.T) {
	root := t.TempDir()
	const text = `{"schemaVersion": 2, "kubelet": {"version": "v1.40.0"}}`
	path := statefile.Path(root)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	r, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start})
	if !errors.Is(err, statefile.ErrFutureSchema) || r == nil {
		t.Fatalf("got %v, want ErrFutureSchema and a recorder", err)
	}
	if data, err := os.ReadFile(path); string(data) != text || err != nil {
		t.Errorf("it became %q: %v", data, err)
	}
}

func TestKillSwitchWritesNothing(t *testing.T) {
	root := t.TempDir()
	folder := filepath.Dir(statefile.Path(root))
	if err := errors.Join(os.Mkdir(folder, 0o700), os.WriteFile(filepath.Join(folder, "disable"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	r, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start})
	if err != nil {
		t.Fatal(err)
	}
	if verdict := r.Decide(statefile.Observation{Annotated: statefile.HashImageAndName("i", "n"), Image: "i", Name: "n", Current: 1}); !verdict.Changed || !strings.Contains(verdict.Reason, "disable") {
		t.Errorf("got %+v, want the stock verdict", verdict)
	}
	if diff := cmp.Diff([]string{"disable"}, names(t, folder)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestLinksAreNotWrittenThrough(t *testing.T) {
	outside := t.TempDir()
	root := t.TempDir()
	folder := filepath.Dir(statefile.Path(root))
	if err := os.Symlink(outside, folder); err != nil {
		t.Fatal(err)
	}
	r, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start})
	if !errors.Is(err, statefile.ErrNotRegular) || r == nil {
		t.Errorf("got %v, want ErrNotRegular and a recorder", err)
	}
	if left := names(t, outside); len(left) != 0 {
		t.Errorf("written through the link: %v", left)
	}
}

// A full disk: the file stays as it was, and nothing is left beside it.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("needs the right to mount a small file system: %v", err)
	}
	defer syscall.Unmount(root, 0)
	if _, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.31.0", Now: start}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(statefile.Path(root))
	if err != nil {
		t.Fatal(err)
	}
	for { // fill it
		file, err := os.CreateTemp(root, "filler")
		if err != nil {
			break
		}
		_, err = file.Write(make([]byte, 4096))
		file.Close()
		if err != nil {
			break
		}
	}
	r, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start.Add(time.Hour)})
	if !errors.Is(err, syscall.ENOSPC) || r.State().Kubelet.Version != "v1.36.3" {
		t.Errorf("got %v and %+v, want ENOSPC and a recorder of the new version", err, r.State().Kubelet)
	}
	after, err := os.ReadFile(statefile.Path(root))
	if !bytes.Equal(before, after) || err != nil {
		t.Errorf("the file changed: %q %v", after, err)
	}
	if diff := cmp.Diff([]string{"state.json"}, names(t, filepath.Dir(statefile.Path(root)))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestMain lets the test binary be the process that is killed while it saves.
func TestMain(m *testing.M) {
	path := os.Getenv("STEADYLET_TEST_SAVE")
	if path == "" {
		os.Exit(m.Run())
	}
	for s := (statefile.State{}); ; s = s.Started("v1.31.0", time.Now()) {
		if err := statefile.Save(path, s); err != nil {
			panic(err)
		}
	}
}

func TestKilledWhileSaving(t *testing.T) {
	path := saved(t, someState(t))
	for i := range 100 {
		process := exec.Command(os.Args[0])
		process.Env = append(os.Environ(), "STEADYLET_TEST_SAVE="+path)
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(5+i%20) * time.Millisecond)
		_ = process.Process.Kill()
		_ = process.Wait()
		if _, err := statefile.Load(path); err != nil {
			t.Fatalf("after kill %d: %v", i, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, err := someState(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := statefile.Decode(data)
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q reads as %+v, which is %q: %v", data, s, again, err)
		}
	})
}
