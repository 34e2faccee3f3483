//go:build loopdevice

// A file system with a fault needs a loop device, e2fsprogs and root, so this is no part of
// the other tests:
//
//	go test -tags=loopdevice -run=TestContentThatFindsNoBlock ./statefile

package statefile_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/steadylet/steadylet/statefile"
)

func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Where ext4 finds no block for what was written, since its map of blocks is damaged, it
// drops the content. The save fails then, and the file and the copy before it are as they were.
func TestContentThatFindsNoBlock(t *testing.T) {
	image, root := filepath.Join(t.TempDir(), "image"), t.TempDir()
	mount := func() { run(t, "mount", "-o", "loop", image, root) }
	unmount := func() { run(t, "umount", root) }
	run(t, "truncate", "--size=48M", image)
	run(t, "mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "metadata_csum,^flex_bg", "-E", "lazy_itable_init=0", "-e", "continue", image)
	path := statefile.Path(root)
	mount()
	for _, version := range []string{"v1.30.14", "v1.31.0"} {
		if err := statefile.Save(path, statefile.State{}.Started(version, start)); err != nil {
			t.Fatal(err)
		}
	}
	unmount()
	blocks := regexp.MustCompile(`Block bitmap at (\d+)`).FindStringSubmatch(run(t, "dumpe2fs", image))
	run(t, "dd", "if=/dev/urandom", "of="+image, "bs=4096", "count=1", "conv=notrunc", "seek="+blocks[1])
	mount()
	defer unmount()
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	file, previous := read(path), read(statefile.PreviousPath(path))
	if err := statefile.Save(path, statefile.State{}.Started("v1.36.3", start)); err == nil {
		t.Error("the save says that all is well")
	} else {
		t.Log(err)
	}
	syscall.Sync()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0); err != nil { // what is read comes from the disk
		t.Fatal(err)
	}
	if !bytes.Equal(read(path), file) || !bytes.Equal(read(statefile.PreviousPath(path)), previous) {
		t.Errorf("the files changed:\n%s\n%s", read(path), read(statefile.PreviousPath(path)))
	}
}
