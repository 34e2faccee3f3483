package gitpack_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"

	"github.com/steadylet/steadylet/magefiles/internal/gitpack"
)

// Whatever form git gives a packfile, the objects must be those that git reads,
// and git must agree with the index.
func TestReceiveAgreesWithGit(t *testing.T) {
	from := repository(t)
	want := objects(t, from)
	for name, args := range map[string][]string{
		"deltas by distance": {"--delta-base-offset"},
		"deltas by ID":       {},
		"long chains":        {"--delta-base-offset", "--depth=200", "--window=60"},
		"no deltas":          {"--window=0"},
	} {
		t.Run(name, func(t *testing.T) {
			data := pack(t, from, args...)
			for _, workers := range []int{1, 2, 5} {
				dir, packs := folder(t)
				var seen collector
				if err := gitpack.Receive(t.Context(), bytes.NewReader(data), packs, workers, &seen); err != nil {
					t.Fatal(err)
				}
				if !maps.Equal(want, seen.contents) || seen.completed != 1 {
					t.Errorf("%d workers: the objects are not those that git reads", workers)
				}
				git(t, dir, "", "fsck", "--full", "--strict")
				for _, index := range glob(t, packs, "*.idx") {
					git(t, dir, "", "verify-pack", index)
				}
				if left := glob(t, packs, "tmp_*"); len(left) > 0 {
					t.Errorf("left behind: %v", left)
				}
			}
		})
	}
}

func glob(t testing.TB, folder, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A stream may come in pieces of any size, its last with or without the end.
func TestReceiveFromAnyReader(t *testing.T) {
	data := pack(t, repository(t), "--delta-base-offset", "--window=20")
	for name, reader := range map[string]io.Reader{
		"with the end": iotest.DataErrReader(bytes.NewReader(data)),
		"halves":       iotest.HalfReader(bytes.NewReader(data)),
		"odd pieces":   &pieces{data: data},
	} {
		t.Run(name, func(t *testing.T) {
			dir, packs := folder(t)
			if err := gitpack.Receive(t.Context(), reader, packs, 2, &collector{}); err != nil {
				t.Fatal(err)
			}
			git(t, dir, "", "fsck", "--full")
		})
	}
}

// pieces gives data in pieces of 0, 1, 2, … bytes.
type pieces struct {
	data []byte
	next int
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(into, p.data[:min(p.next, len(p.data))])
	p.data, p.next = p.data[n:], p.next+1
	return n, nil
}

func TestReceiveRefusesDamage(t *testing.T) {
	small := t.TempDir()
	git(t, small, "", "init", "-q")
	for i := range 20 {
		content := strings.Repeat("the same in every file\n", 50) + fmt.Sprint(i)
		if err := os.WriteFile(filepath.Join(small, fmt.Sprint(i)), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	git(t, small, "", "add", "-A")
	git(t, small, "", "commit", "-q", "-m", "first")
	for name, data := range map[string][]byte{
		"by distance": pack(t, small, "--delta-base-offset"),
		"by ID":       pack(t, small),
	} {
		refused := func(what string, damaged []byte) {
			t.Helper()
			packs := filepath.Join(t.TempDir(), "pack")
			err := gitpack.Receive(t.Context(), bytes.NewReader(damaged), packs, 2, &collector{})
			if !errors.Is(err, gitpack.ErrMalformed) {
				t.Errorf("%s, %s: got %v, want ErrMalformed", name, what, err)
			}
			assertNothingLeft(t, packs)
		}
		for length := 0; length < len(data); length += 1 + len(data)/50 {
			refused(fmt.Sprintf("cut at %d", length), data[:length])
		}
		for at := 0; at < len(data); at += 1 + len(data)/200 {
			damaged := bytes.Clone(data)
			damaged[at] ^= 0x41
			refused(fmt.Sprintf("changed at %d", at), damaged)
		}
		refused("longer", append(bytes.Clone(data), 0))
	}
}

// A whole packfile in a stream that then breaks off is refused as one that is cut.
func TestReceiveRefusesStreamCutBehindIt(t *testing.T) {
	from := repository(t)
	_, packs := folder(t)
	stream := io.MultiReader(bytes.NewReader(pack(t, from)), iotest.ErrReader(io.ErrUnexpectedEOF))
	err := gitpack.Receive(t.Context(), stream, packs, 2, &collector{})
	if !errors.Is(err, gitpack.ErrMalformed) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want ErrMalformed and io.ErrUnexpectedEOF", err)
	}
	assertNothingLeft(t, packs)
}

func TestReceiveRefusesThinPack(t *testing.T) {
	from := repository(t)
	first := strings.TrimSpace(git(t, from, "", "rev-parse", "HEAD"))
	similar := filepath.Join(from, "pkg/f1/similar.go")
	content, err := os.ReadFile(similar)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(similar, append(content, "more\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, from, "", "commit", "-q", "-a", "-m", "second")
	thin := git(t, from, "HEAD\n^"+first+"\n", "pack-objects", "-q", "--revs", "--thin", "--stdout", "--delta-base-offset")
	_, packs := folder(t)
	if err := gitpack.Receive(t.Context(), strings.NewReader(thin), packs, 2, &collector{}); !errors.Is(err, gitpack.ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
	assertNothingLeft(t, packs)
}

func TestReceivePassesErrorsOn(t *testing.T) {
	data := pack(t, repository(t), "--delta-base-offset")
	broken := errors.New("broken")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx     context.Context
		stream  io.Reader
		visitor *collector
		want    error
	}{
		"visitor":   {t.Context(), bytes.NewReader(data), &collector{refuse: broken}, broken},
		"stream":    {t.Context(), io.MultiReader(bytes.NewReader(data[:5000]), iotest.ErrReader(broken)), &collector{}, broken},
		"cancelled": {cancelled, bytes.NewReader(data), &collector{}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			_, packs := folder(t)
			if err := gitpack.Receive(test.ctx, test.stream, packs, 2, test.visitor); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if test.visitor.completed != 0 {
				t.Error("it was called complete")
			}
			assertNothingLeft(t, packs)
		})
	}
}

// Blobs must come after the folders that precede them.
func TestReceiveVisitsStructureFirst(t *testing.T) {
	data := pack(t, repository(t), "--delta-base-offset")
	order := orderOf(t, data)
	_, packs := folder(t)
	visitor := &orderCheck{expected: order}
	if err := gitpack.Receive(t.Context(), bytes.NewReader(data), packs, 4, visitor); err != nil {
		t.Fatal(err)
	}
	if len(visitor.early) > 0 {
		t.Errorf("blobs came before what precedes them: %v", visitor.early)
	}
}

// orderOf counts, for each blob, the other objects before it, as git lists them.
func orderOf(t testing.TB, data []byte) map[string]int {
	dir, packs := folder(t)
	if err := gitpack.Receive(t.Context(), bytes.NewReader(data), packs, 1, &collector{}); err != nil {
		t.Fatal(err)
	}
	var listed [][]string
	for line := range strings.Lines(git(t, dir, "", "verify-pack", "-v", glob(t, packs, "*.idx")[0])) {
		if fields := strings.Fields(line); len(fields) >= 5 && len(fields[0]) == 40 {
			listed = append(listed, fields)
		}
	}
	slices.SortFunc(listed, func(a, b []string) int {
		return cmp.Or(cmp.Compare(len(a[4]), len(b[4])), strings.Compare(a[4], b[4])) // the offset
	})
	structure, before := 0, map[string]int{}
	for _, fields := range listed {
		if fields[1] == "blob" {
			before[fields[0]] = structure
		} else {
			structure++
		}
	}
	return before
}

type orderCheck struct {
	mutex    sync.Mutex
	expected map[string]int
	seen     int
	early    []string
}

func (o *orderCheck) Visit(_ int, object gitpack.Object) error {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if object.Kind != plumbing.BlobObject {
		o.seen++
	} else if o.seen < o.expected[object.ID.String()] {
		o.early = append(o.early, object.ID.String())
	}
	return nil
}

func (o *orderCheck) Complete(*idxfile.MemoryIndex) error { return nil }
