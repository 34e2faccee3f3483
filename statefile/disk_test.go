package statefile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/statefile"
)

// smallDisk returns a folder with a file system of 16 KiB on it.
func smallDisk(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("a small file system can't be mounted: run it as root (%v)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	})
	return root
}

// fill fills the disk that the folder is on, and returns what makes room again.
func fill(t *testing.T, root string) (makeRoom func()) {
	t.Helper()
	var fillers []string
	for {
		file, err := os.CreateTemp(root, "filler")
		if err != nil {
			break
		}
		fillers = append(fillers, file.Name())
		_, err = file.Write(make([]byte, 4096))
		file.Close()
		if err != nil {
			break
		}
	}
	return func() {
		for _, filler := range fillers {
			if err := os.Remove(filler); err != nil {
				t.Error(err)
			}
		}
	}
}

// A full disk: the file stays as it was, and nothing is left beside it.
func TestFullDisk(t *testing.T) {
	root := smallDisk(t)
	if _, err := opened(statefile.Options{RootDir: root, Version: "v1.31.0", Now: start}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(statefile.Path(root))
	if err != nil {
		t.Fatal(err)
	}
	fill(t, root)
	r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start.Add(time.Hour)})
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

// A disk that was full at the start has room again: the state is saved after all, and
// the file that it replaces is the copy before.
func TestFullDiskAtTheStart(t *testing.T) {
	root := smallDisk(t)
	if _, err := opened(statefile.Options{RootDir: root, Version: "v1.31.0", Now: start}); err != nil {
		t.Fatal(err)
	}
	makeRoom := fill(t, root)
	r, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start.Add(time.Hour)})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	makeRoom()
	if err := r.Close(); err != nil { // which writes what is still to be written
		t.Fatal(err)
	}
	state, err := statefile.Load(statefile.Path(root))
	if err != nil || state.Kubelet.Version != "v1.36.3" || len(state.History) != 1 {
		t.Errorf("got %+v and %v, want the start of the new version", state, err)
	}
	previous, err := statefile.Load(statefile.PreviousPath(statefile.Path(root)))
	if err != nil || previous.Kubelet.Version != "v1.31.0" {
		t.Errorf("the copy before is %+v, %v", previous.Kubelet, err)
	}
}

// A file system that turned read-only, as after a disk error: the state is used as
// it is, or done without.
func TestReadOnlyDisk(t *testing.T) {
	for name, test := range map[string]struct {
		damage  string
		history int
	}{
		"good":    {"", 1},
		"damaged": {"x", 0},
	} {
		t.Run(name, func(t *testing.T) {
			root := smallDisk(t)
			path := statefile.Path(root)
			if _, err := opened(statefile.Options{RootDir: root, Version: "v1.31.0", Now: start}); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			before = append(before, test.damage...)
			err = errors.Join(err, os.WriteFile(path, before, 0o600), syscall.Mount("", root, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
			if err != nil {
				t.Fatal(err)
			}
			r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start.Add(time.Hour)})
			if state := r.State(); !errors.Is(err, syscall.EROFS) || state.Kubelet.Version != "v1.36.3" || len(state.History) != test.history {
				t.Errorf("got %v and %+v, want EROFS and a recorder of the new version, with %d earlier", err, state, test.history)
			}
			var refused *os.LinkError
			if errors.Is(err, statefile.ErrMalformed) != (test.damage != "") || errors.As(err, &refused) != (test.damage != "") {
				t.Errorf("got %v, which must say that the file is damaged, and can't be set aside, exactly if it is", err)
			}
			if after, err := os.ReadFile(path); !bytes.Equal(before, after) || err != nil {
				t.Errorf("the file changed: %q %v", after, err)
			}
			if diff := cmp.Diff([]string{"state.json"}, names(t, filepath.Dir(path))); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}
