package gitpack_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/gitpack"
)

// A packfile that a killed run left without its index gets it again: the same one. What
// is damaged goes, and what is whole stays untouched.
func TestRecover(t *testing.T) {
	from := repository(t)
	for name, test := range map[string]struct {
		spoil func(t *testing.T, base string) error
		left  bool
	}{
		"nothing wrong": {func(*testing.T, string) error { return nil }, true},
		"no index":      {func(_ *testing.T, base string) error { return os.Remove(base + ".idx") }, true},
		"no index, and unfinished ones": {func(t *testing.T, base string) error {
			unfinished := filepath.Join(filepath.Dir(base), "tmp_idx_1")
			return errors.Join(os.Rename(base+".idx", unfinished), os.WriteFile(filepath.Join(filepath.Dir(base), "tmp_pack_1"), []byte("PACK"), 0o600))
		}, true},
		"no index, another name": {func(t *testing.T, base string) error {
			other := filepath.Join(filepath.Dir(base), "pack-"+strings.Repeat("0", 40)+".pack")
			return errors.Join(os.Remove(base+".idx"), os.Rename(base+".pack", other))
		}, true},
		"no index, cut off": {func(_ *testing.T, base string) error {
			return errors.Join(os.Remove(base+".idx"), os.Chmod(base+".pack", 0o600), os.Truncate(base+".pack", 1000))
		}, false},
		"no index, empty": {func(_ *testing.T, base string) error {
			return errors.Join(os.Remove(base+".idx"), os.Chmod(base+".pack", 0o600), os.Truncate(base+".pack", 0))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir, packs := folder(t)
			if err := gitpack.Receive(t.Context(), bytes.NewReader(pack(t, from)), packs, 2, new(collector)); err != nil {
				t.Fatal(err)
			}
			found, err := filepath.Glob(filepath.Join(packs, "*.pack"))
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			want := contents(t, packs)
			if err := test.spoil(t, strings.TrimSuffix(found[0], ".pack")); err != nil {
				t.Fatal(err)
			}
			if spoilt := name != "nothing wrong"; gitpack.Whole(packs) == spoilt {
				t.Errorf("before, the folder is whole: %v", !spoilt)
			}
			if err := gitpack.Recover(packs); err != nil {
				t.Fatal(err)
			}
			if !gitpack.Whole(packs) {
				t.Error("the folder is not whole")
			}
			if !test.left {
				assertNothingLeft(t, packs)
				return
			}
			if diff := cmp.Diff(want, contents(t, packs)); diff != "" {
				t.Error("the files are not what they were")
			}
			git(t, dir, "", "fsck", "--full")
		})
	}
}

func TestRecoverOfNoFolder(t *testing.T) {
	packs := filepath.Join(t.TempDir(), "none")
	if err := gitpack.Recover(packs); err != nil || !gitpack.Whole(packs) {
		t.Errorf("a folder that is not there is not whole: %v", err)
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all[entry.Name()] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
