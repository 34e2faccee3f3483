package nodestate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/statefile"
)

func state(version string) statefile.State {
	return statefile.State{Kubelet: statefile.Kubelet{Version: version}}
}

func save(t *testing.T, path, version string) {
	t.Helper()
	if err := statefile.Save(path, state(version)); err != nil {
		t.Fatal(err)
	}
}

// damage writes something else than a state.
func damage(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("damaged"), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// future is a state of schema 2, with the checksum that sha256sum gives it.
const future = `{"schemaVersion": 2, "checksum": "2d8a61033f38f1d9cfc311ca8ccfbfe6f39147e01de0466224058f7ebf2665f5"}`

// situations are state folders, and what is to be done about each.
var situations = map[string]struct {
	make      func(t *testing.T, path string)
	condition nodestate.Condition
	err       error
	remedy    string
	repair    nodestate.Repair
	refused   bool // by a repair
}{
	"whole":    {func(t *testing.T, path string) { save(t, path, "v1") }, nodestate.Whole, nil, "", nodestate.Nothing, false},
	"missing":  {func(*testing.T, string) {}, nodestate.Missing, statefile.ErrMissing, "state generate", nodestate.Regenerate, false},
	"damaged":  {damage, nodestate.Damaged, statefile.ErrMalformed, "state repair", nodestate.Regenerate, false},
	"previous": {func(t *testing.T, path string) { save(t, path, "v1"); save(t, path, "v2"); damage(t, path) }, nodestate.Damaged, statefile.ErrMalformed, "previous copy", nodestate.TakePrevious, false},
	"only previous": {func(t *testing.T, path string) {
		save(t, path, "v1")
		if err := os.Rename(path, statefile.PreviousPath(path)); err != nil {
			t.Fatal(err)
		}
	}, nodestate.Missing, statefile.ErrMissing, "previous copy", nodestate.TakePrevious, false},
	"two damaged": {func(t *testing.T, path string) { damage(t, path); damage(t, statefile.PreviousPath(path)) }, nodestate.Damaged, statefile.ErrMalformed, "generates a new one", nodestate.Regenerate, false},
	"link": {func(t *testing.T, path string) {
		damage(t, path+".target")
		if err := os.Symlink(path+".target", path); err != nil {
			t.Fatal(err)
		}
	}, nodestate.Damaged, statefile.ErrNotRegular, "state repair", nodestate.Regenerate, false},
	"mode": {func(t *testing.T, path string) {
		save(t, path, "v1")
		if err := os.Chmod(path, 0o664); err != nil {
			t.Fatal(err)
		}
	}, nodestate.Damaged, statefile.ErrMode, "state repair", nodestate.Regenerate, false},
	"future": {func(t *testing.T, path string) {
		damage(t, path)
		if err := os.WriteFile(path, []byte(future), 0o600); err != nil {
			t.Fatal(err)
		}
	}, nodestate.Future, statefile.ErrFutureSchema, "release that wrote it", nodestate.Nothing, true},
	"folder is a link": {func(t *testing.T, path string) {
		if err := os.Symlink(t.TempDir(), filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
	}, nodestate.Unreadable, statefile.ErrNotRegular, "a link is not followed", nodestate.Nothing, true},
}

func TestInspectAndChoose(t *testing.T) {
	for name, test := range situations {
		t.Run(name, func(t *testing.T) {
			path := statefile.Path(t.TempDir())
			test.make(t, path)
			inspection := nodestate.Inspect(path)
			if got := inspection.Current; got.Condition != test.condition || !errors.Is(got.Err, test.err) {
				t.Errorf("got %s, %v", got.Condition, got.Err)
			}
			if remedy := inspection.Remedy(); !strings.Contains(remedy, test.remedy) || (remedy == "") != (test.condition == nodestate.Whole) {
				t.Errorf("remedy %q, want %q", remedy, test.remedy)
			}
			if err := inspection.Check(); !errors.Is(err, test.err) {
				t.Errorf("check: got %v, want %v", err, test.err)
			}
			how, previous, err := inspection.Choose()
			if how != test.repair || (err != nil) != test.refused || how == nodestate.TakePrevious && previous.Kubelet.Version != "v1" {
				t.Errorf("repair: got %q, %+v, %v", how, previous, err)
			}
		})
	}
}

// Whatever was there, a write leaves a whole file and what was damaged; a refusal
// leaves all as it was.
func TestWrite(t *testing.T) {
	for name, test := range situations {
		for _, force := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				root := t.TempDir()
				path := statefile.Path(root)
				test.make(t, path)
				before := listing(t, root)
				aside, err := nodestate.Write(root, state("new"), force, time.Unix(0, 0))
				if test.refused || test.condition == nodestate.Whole && !force {
					if err == nil || listing(t, root) != before {
						t.Errorf("got %v, and the folder is now %s, it was %s", err, listing(t, root), before)
					}
					return
				}
				got, loadErr := statefile.Load(path)
				if err != nil || loadErr != nil || got.Kubelet.Version != "new" {
					t.Fatalf("got %+v, %v, %v", got, err, loadErr)
				}
				if _, err := os.Lstat(aside); (aside != "") != (test.condition == nodestate.Damaged) || aside != "" && err != nil {
					t.Errorf("the damaged file is %q: %v", aside, err)
				}
			})
		}
	}
}

// listing is what a root directory holds.
func listing(t *testing.T, root string) string {
	t.Helper()
	var text strings.Builder
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		text.WriteString(path + "=" + string(data) + "\n")
		if entry.Type() == os.ModeSymlink {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func TestWriteWhereAnotherIsBusy(t *testing.T) {
	root := t.TempDir()
	recorder, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.31.0", Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	before := listing(t, root)
	if _, err := nodestate.Write(root, state("new"), true, time.Now()); !errors.Is(err, statefile.ErrInUse) || listing(t, root) != before {
		t.Errorf("while a kubelet runs: got %v", err)
	}
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	folder, err := os.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := nodestate.Write(root, state("new"), true, time.Now()); !errors.Is(err, nodestate.ErrBusy) {
		t.Errorf("while another steadylet writes: got %v", err)
	}
}

func TestCheckRoot(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	damage(t, file)
	for _, path := range []string{file, file + ".none"} {
		if err := nodestate.CheckRoot(path); err == nil || !strings.Contains(err.Error(), "--root-dir") {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if os.Geteuid() == 0 {
		root := t.TempDir()
		if err := os.Chown(root, 12345, 0); err != nil {
			t.Fatal(err)
		}
		if err := nodestate.CheckRoot(root); err == nil || !strings.Contains(err.Error(), "user 12345") {
			t.Errorf("another user's: got %v", err)
		}
	}
}
