package gittree

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/google/go-cmp/cmp"
)

func runGit(t testing.TB, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@localhost")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// commitFiles makes a repository of files that git stores as changes of each other.
func commitFiles(t testing.TB, count, lines int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	runGit(t, dir, "", "init", "-q")
	random := rand.New(rand.NewPCG(1, 2))
	content := make([]string, lines)
	for i := range content {
		content[i] = fmt.Sprintf("line %d %x\n", i, random.Uint64())
	}
	for i := range count {
		content[random.IntN(lines)] = fmt.Sprintf("changed %d\n", i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte(strings.Join(content, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	runGit(t, dir, "", "add", "-A")
	runGit(t, dir, "", "commit", "-q", "-m", "first")
	return dir
}

// packOf makes git write a packfile of everything.
func packOf(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	return []byte(runGit(t, dir, "", append([]string{"pack-objects", "-q", "--all", "--revs", "--stdout"}, args...)...))
}

// entry is the text of one object of a packfile.
func entry(kind plumbing.ObjectType, size int, base, content string) []byte {
	head, first := binary.AppendUvarint(nil, uint64(size)>>4), byte(kind)<<4|byte(size&15)
	text := bytes.NewBuffer([]byte{first})
	if size>>4 > 0 {
		text = bytes.NewBuffer(append([]byte{first | 0x80}, head...))
	}
	text.WriteString(base)
	compressor := zlib.NewWriter(text)
	io.WriteString(compressor, content) //nolint:errcheck // memory is never full
	compressor.Close()
	return text.Bytes()
}

// forge makes a packfile of entries, with a right checksum.
func forge(count int, entries ...[]byte) []byte {
	data := append([]byte("PACK\x00\x00\x00\x02"), binary.BigEndian.AppendUint32(nil, uint32(count))...)
	data = append(data, bytes.Join(entries, nil)...)
	checksum := sha1.Sum(data)
	return append(data, checksum[:]...)
}

func admit(ctx context.Context, store *Store, stream io.Reader) error {
	return store.admit(func(aside *Store) error { return aside.receive(ctx, stream) })
}

func open(t testing.TB) (dir string, store *Store) {
	t.Helper()
	dir = t.TempDir()
	store, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return dir, store
}

func assertNothingLeft(t testing.TB, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "git/objects/pack/*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	if _, err := os.Lstat(filepath.Join(dir, "git", asideName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left behind: %s (%v)", asideName, err)
	}
}

// Whatever form git gives a packfile, git must agree with what is stored.
func TestReceive(t *testing.T) {
	from := commitFiles(t, 30, 2000)
	want := runGit(t, from, "", "cat-file", "--batch-all-objects", "--batch-check")
	for name, args := range map[string][]string{
		"deltas by distance": {"--delta-base-offset"},
		"deltas by ID":       {},
		"long chains":        {"--delta-base-offset", "--depth=200", "--window=60"},
		"no deltas":          {"--window=0"},
	} {
		for how, reader := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r }, "halves": iotest.HalfReader,
			"bytes": iotest.OneByteReader, "with the end": iotest.DataErrReader,
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				dir, store := open(t)
				if err := admit(t.Context(), store, reader(bytes.NewReader(packOf(t, from, args...)))); err != nil {
					t.Fatal(err)
				}
				gitDir := filepath.Join(dir, "git")
				runGit(t, gitDir, "", "fsck", "--full", "--strict")
				if diff := cmp.Diff(want, runGit(t, gitDir, "", "cat-file", "--batch-all-objects", "--batch-check")); diff != "" {
					t.Errorf("objects (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// What go-git would take, or would reserve all memory for, is refused too.
func TestReceiveRefuses(t *testing.T) {
	base := entry(plumbing.BlobObject, 4, "", "base")
	distance := string([]byte{byte(len(base))})
	for name, test := range map[string]struct {
		data []byte
		says string
	}{
		"too many objects":    {forge(1<<31, base), "2147483648 objects"},
		"too large an object": {forge(1, entry(plumbing.BlobObject, maxObjectSize+1, "", "base")), "536870913 bytes"},
		"shorter":             {forge(1, entry(plumbing.BlobObject, 5, "", "base")), "4 bytes"},
		"longer":              {forge(1, entry(plumbing.BlobObject, 3, "", "base")), "exceeds declared size"},
		"type 0":              {forge(1, entry(0, 4, "", "base")), "type 0"},
		"type 5":              {forge(1, entry(5, 4, "", "base")), "type 5"},
		"large result": {forge(2, base, entry(plumbing.OFSDeltaObject, 7, distance,
			string(binary.AppendUvarint([]byte{4}, maxObjectSize+1))+"\x90")), "536870913 bytes"},
		"no sizes":        {forge(2, base, entry(plumbing.OFSDeltaObject, 1, distance, "\x84")), "it is a change"},
		"false base":      {forge(2, base, entry(plumbing.OFSDeltaObject, 4, distance, "\x05\x01\x01!")), "invalid delta"},
		"no such base":    {forge(2, base, entry(plumbing.REFDeltaObject, 4, strings.Repeat("x", 20), "\x04\x01\x01!")), "not found"},
		"base too far":    {forge(2, base, entry(plumbing.OFSDeltaObject, 4, "\x7f", "\x04\x01\x01!")), "offset"},
		"base of its own": {forge(1, entry(plumbing.OFSDeltaObject, 4, "\x00", "\x04\x01\x01!")), "offset"},
		"fewer objects":   {forge(2, base), "object 2 of 2"},
		"more objects":    {forge(1, base, base), "checksum"},
		"more after it":   {append(forge(1, base), 0xff), "follows"},
		"no checksum":     {forge(1, base)[:12+len(base)], "checksum"},
		"nothing":         {nil, "header"},
		"other version":   {bytes.Replace(forge(1, base), []byte{2}, []byte{9}, 1), "version"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, store := open(t)
			err := admit(t.Context(), store, bytes.NewReader(test.data))
			if !errors.Is(err, ErrTruncated) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want ErrTruncated that says %q", err, test.says)
			}
			assertNothingLeft(t, dir)
		})
	}
}

func TestReceiveRefusesDamage(t *testing.T) {
	from := commitFiles(t, 20, 20)
	for name, args := range map[string][]string{"by distance": {"--delta-base-offset"}, "by ID": {}} {
		data := packOf(t, from, args...)
		refused := func(what string, stream io.Reader) {
			t.Helper()
			dir, store := open(t)
			if err := admit(t.Context(), store, stream); !errors.Is(err, ErrTruncated) {
				t.Errorf("%s, %s: got %v, want ErrTruncated", name, what, err)
			}
			assertNothingLeft(t, dir)
		}
		for length := 0; length < len(data); length += 1 + len(data)/50 {
			refused(fmt.Sprintf("cut at %d", length), bytes.NewReader(data[:length]))
		}
		for at := 0; at < len(data); at += 1 + len(data)/100 {
			damaged := bytes.Clone(data)
			damaged[at] ^= 0x41
			refused(fmt.Sprintf("changed at %d", at), bytes.NewReader(damaged))
		}
		refused("cut behind it", io.MultiReader(bytes.NewReader(data), iotest.ErrReader(io.ErrUnexpectedEOF)))
	}
}

// A server that leaves out any of a tag's objects is found out.
func TestIncompleteTag(t *testing.T) {
	from := commitFiles(t, 2, 2)
	if err := errors.Join(os.Mkdir(filepath.Join(from, "folder"), 0o755), os.WriteFile(filepath.Join(from, "folder/file"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	runGit(t, from, "", "add", "-A")
	runGit(t, from, "", "commit", "-q", "--amend", "-m", "all")
	runGit(t, from, "", "tag", "-a", "-m", "tag", "v1")
	id := func(name string) string { return strings.TrimSpace(runGit(t, from, "", "rev-parse", name)) }
	all := []string{id("v1"), id("v1^{commit}"), id("v1^{tree}"), id("v1:folder"), id("v1:0"), id("v1:1"), id("v1:folder/file")}
	for i, missing := range append(all, "") {
		t.Run(missing, func(t *testing.T) {
			sent := slices.Clone(all)
			if missing != "" {
				sent = slices.Delete(sent, i, i+1)
			}
			dir, store := open(t)
			err := store.admit(func(aside *Store) error {
				data := runGit(t, from, strings.Join(sent, "\n")+"\n", "pack-objects", "-q", "--stdout")
				if err := aside.receive(t.Context(), strings.NewReader(data)); err != nil {
					return err
				}
				_, err := aside.complete(plumbing.NewHash(all[0]))
				return err
			})
			if missing == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, ErrTruncated) || !strings.Contains(err.Error(), missing) {
				t.Errorf("got %v, want ErrTruncated that names %s", err, missing)
			}
			assertNothingLeft(t, dir)
		})
	}
}

// A file that changes between the two times that a snapshot reads it.
func TestPackRefusesAlteredFile(t *testing.T) {
	dir, store := open(t)
	bundle := newBundle()
	for name, content := range map[string]string{"same": "same", "changed": "before"} {
		bundle.addBlob(name, plumbing.ComputeHash(plumbing.BlobObject, []byte(content)), int64(len(content)), func() ([]byte, error) {
			return []byte(strings.Replace(content, "before", "after!", 1)), nil
		})
	}
	if err := store.pack(bundle); !errors.Is(err, ErrAltered) || !strings.Contains(err.Error(), "changed") {
		t.Errorf("got %v, want ErrAltered that names the file", err)
	}
	assertNothingLeft(t, dir)
}

func TestReceiveCancelled(t *testing.T) {
	data := packOf(t, commitFiles(t, 20, 20))
	dir, store := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := admit(ctx, store, bytes.NewReader(data)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	assertNothingLeft(t, dir)
}

// FuzzInspect takes a packfile without its checksum, so that damage gets further. What is
// accepted must not make go-git panic or take all memory.
func FuzzInspect(f *testing.F) {
	f.Add([]byte("PACK"))
	for _, seed := range [][]byte{
		forge(2, entry(plumbing.BlobObject, 4, "", "base"), entry(plumbing.REFDeltaObject, 4, strings.Repeat("x", 20), "\x04\x01\x01!")),
		packOf(f, commitFiles(f, 3, 20), "--delta-base-offset"),
	} {
		f.Add(seed[:len(seed)-sha1.Size])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		checksum := sha1.Sum(body)
		data := append(bytes.Clone(body), checksum[:]...)
		if inspect(&relay{ctx: t.Context(), from: bytes.NewReader(data), to: io.Discard}) != nil {
			return
		}
		parser, err := packfile.NewParser(packfile.NewScanner(bytes.NewReader(data)), new(idxfile.Writer))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = parser.Parse()
	})
}

// A packfile that lost its index gets it again: the same one. What is damaged goes, and
// what is whole stays untouched.
func TestOpenRecovers(t *testing.T) {
	data := packOf(t, commitFiles(t, 20, 20), "--delta-base-offset")
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
		"killed while receiving": {func(_ *testing.T, base string) error {
			aside := filepath.Join(filepath.Dir(base), "../..", asideName, "objects/pack")
			return errors.Join(os.MkdirAll(aside, 0o755), os.WriteFile(filepath.Join(aside, "tmp_pack_1"), []byte("PACK"), 0o600))
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
			dir, store := open(t)
			if err := admit(t.Context(), store, bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
			found, err := filepath.Glob(filepath.Join(store.packFolder(), "*.pack"))
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			want := contents(t, store.packFolder())
			if err := test.spoil(t, strings.TrimSuffix(found[0], ".pack")); err != nil {
				t.Fatal(err)
			}
			if spoilt := strings.HasPrefix(name, "no index"); Whole(dir) == spoilt {
				t.Errorf("before, the store is whole: %v", !spoilt)
			}
			again, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if !Whole(dir) {
				t.Error("the store is not whole")
			}
			if !test.left {
				assertNothingLeft(t, dir)
				return
			}
			if diff := cmp.Diff(want, contents(t, store.packFolder())); diff != "" {
				t.Error("the files are not what they were")
			}
			runGit(t, filepath.Join(dir, "git"), "", "fsck", "--full")
		})
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[entry.Name()] = string(data)
	}
	return all
}
