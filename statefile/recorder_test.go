package statefile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/statefile"
)

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
		"damaged":         {damage, []string{"v1.30.14"}, []string{"state.json", "state.json.corrupt-20261124T110000.000000000Z", "state.json.prev"}, statefile.ErrMalformed},
		"both damaged":    {func(path string) error { return errors.Join(damage(path), damage(path+".prev")) }, nil, []string{"state.json", "state.json.corrupt-20261124T110000.000000000Z", "state.json.prev"}, statefile.ErrMalformed},
		"everything lost": {func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, nil, []string{"state.json"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for i, version := range []string{"v1.30.14", "v1.31.0"} {
				if _, err := opened(statefile.Options{RootDir: root, Version: version, Now: start.Add(time.Duration(i) * time.Hour)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := test.damage(statefile.Path(root)); err != nil {
				t.Fatal(err)
			}
			r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start.Add(2 * time.Hour)})
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
	const text = nextSchema
	path := statefile.Path(root)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start})
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
	r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start})
	if err != nil {
		t.Fatal(err)
	}
	if verdict, _ := r.Decide(statefile.Observation{Annotated: statefile.HashImageAndName("i", "n"), Image: "i", Name: "n", Current: 1}); !verdict.Changed || !strings.Contains(verdict.Reason, "disable") {
		t.Errorf("got %+v, want the stock verdict", verdict)
	}
	if diff := cmp.Diff([]string{"disable"}, names(t, folder)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// Nobody can tell whether there is a kill switch: the name of its folder is too long.
func TestALookForTheKillSwitchThatFailsRestartsNothing(t *testing.T) {
	root := strings.Repeat("/d", 4096)
	r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start})
	if !errors.Is(err, syscall.ENAMETOOLONG) {
		t.Errorf("got %v, want ENAMETOOLONG", err)
	}
	if got, _ := r.Decide(statefile.Observation{Annotated: statefile.HashImageAndName("i", "n"), Image: "i", Name: "n", Current: 1}); got.Changed || got.Step != statefile.StepProven {
		t.Errorf("got %+v, want it kept by step 2", got)
	}
}

// Backup and hardening tools give the file another mode. It counts as long as nobody else
// could have written it, and the next save corrects the mode.
func TestAFileThatOthersMayReadIsUsed(t *testing.T) {
	for mode, used := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o644: true, 0o444: true, 0o400: true, 0o700: true, 0o660: false, 0o620: false, 0o602: false, 0o666: false} {
		t.Run(fmt.Sprintf("%#o", mode), func(t *testing.T) {
			root := t.TempDir()
			path := statefile.Path(root)
			if _, err := opened(statefile.Options{RootDir: root, Version: "v1.30.14", Now: start}); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Chmod(path, mode), os.Chmod(filepath.Dir(path), 0o750)); err != nil {
				t.Fatal(err)
			}
			r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start.Add(time.Hour)})
			if (err == nil) != used || errors.Is(err, statefile.ErrMode) != !used || (len(r.State().History) == 1) != used {
				t.Errorf("got %v and the history %+v, want it used: %t", err, r.State().History, used)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("afterwards its mode is %v: %v", info.Mode(), err)
			}
		})
	}
}

func TestLinksAreNotWrittenThrough(t *testing.T) {
	outside := t.TempDir()
	root := t.TempDir()
	folder := filepath.Dir(statefile.Path(root))
	if err := os.Symlink(outside, folder); err != nil {
		t.Fatal(err)
	}
	r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start})
	if !errors.Is(err, statefile.ErrNotRegular) || r == nil {
		t.Errorf("got %v, want ErrNotRegular and a recorder", err)
	}
	if left := names(t, outside); len(left) != 0 {
		t.Errorf("written through the link: %v", left)
	}
}

// A good file behind a link that somebody planted, and a damaged one.
func TestALinkedFolderIsNeitherReadNorTouched(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"good":    func(string) error { return nil },
		"damaged": func(path string) error { return os.WriteFile(path, []byte("damaged"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			planted := saved(t, someState(t))
			if err := damage(planted); err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			if err := os.Symlink(filepath.Dir(planted), filepath.Dir(statefile.Path(root))); err != nil {
				t.Fatal(err)
			}
			r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start})
			if !errors.Is(err, statefile.ErrNotRegular) || len(r.State().History) != 0 {
				t.Errorf("got %v and %+v, want ErrNotRegular and an empty history", err, r.State())
			}
			if diff := cmp.Diff([]string{"state.json"}, names(t, filepath.Dir(planted))); diff != "" {
				t.Errorf("files behind the link (-want +got):\n%s", diff)
			}
		})
	}
}

// A file that can't be read for want of file descriptors is a good one.
func TestAGoodFileThatCannotBeReadIsKept(t *testing.T) {
	root := t.TempDir()
	if _, err := opened(statefile.Options{RootDir: root, Version: "v1.31.0", Now: start}); err != nil {
		t.Fatal(err)
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := syscall.Rlimit{Cur: 0, Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	r, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start})
	if restoreErr := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); restoreErr != nil {
		t.Fatal(restoreErr)
	}
	if !errors.Is(err, syscall.EMFILE) || r == nil {
		t.Errorf("got %v, want EMFILE and a recorder", err)
	}
	if s, err := statefile.Load(statefile.Path(root)); err != nil || s.Kubelet.Version != "v1.31.0" {
		t.Errorf("afterwards the file holds %+v: %v", s.Kubelet, err)
	}
}

func TestACopyOfALaterReleaseIsLeftAlone(t *testing.T) {
	root := t.TempDir()
	path := statefile.Path(root)
	const text = nextSchema
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("damaged"), 0o600), os.WriteFile(path+".prev", []byte(text), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start}); !errors.Is(err, statefile.ErrFutureSchema) {
			t.Errorf("got %v, want ErrFutureSchema", err)
		}
	}
	if data, err := os.ReadFile(path + ".prev"); string(data) != text || err != nil {
		t.Errorf("it became %q: %v", data, err)
	}
}

func TestDamagedFilesAreKeptUpToABound(t *testing.T) {
	// Its name is no pattern that the files beside the state are looked up by.
	root := filepath.Join(t.TempDir(), "[")
	path := statefile.Path(root)
	for i := range 12 {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("damaged"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := opened(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start.Add(time.Duration(i))}); !errors.Is(err, statefile.ErrMalformed) {
			t.Fatal(err)
		}
	}
	var kept []string
	for _, name := range names(t, filepath.Dir(path)) {
		if strings.HasPrefix(name, "state.json.corrupt-") {
			kept = append(kept, name)
		}
	}
	if len(kept) != 8 || !strings.HasSuffix(kept[7], "000000011Z") {
		t.Errorf("kept %v, want the last 8", kept)
	}
}
