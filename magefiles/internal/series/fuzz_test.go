package series

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
	"github.com/google/go-cmp/cmp"
)

func addFiles(f *testing.F, pattern string) {
	f.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		f.Fatalf("no seeds match %s (%v)", pattern, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// FuzzParsePatch: what is taken has a title and safe paths, and reads the same
// when it is printed again.
func FuzzParsePatch(f *testing.F) {
	addFiles(f, "testdata/refused/*.patch")
	addFiles(f, "testdata/apply/*/patches/*.patch")
	f.Fuzz(func(t *testing.T, data []byte) {
		patch, err := parsePatch("0001-x.patch", data)
		if err != nil {
			return
		}
		if patch.Title == "" || len(patch.Files) == 0 {
			t.Fatalf("taken without title or files: %+v", patch)
		}
		printed := "Subject: x\n\n"
		for _, file := range patch.Files {
			for _, name := range []string{file.OldName, file.NewName} {
				if name != "" && (!fs.ValidPath(name) || strings.ContainsAny(name, "\\\n\"")) {
					t.Errorf("path %q was taken", name)
				}
			}
			printed += file.String()
		}
		again, err := parsePatch("0001-x.patch", []byte(printed))
		if err != nil {
			t.Fatalf("printed again it is refused: %v\n%s", err, printed)
		}
		if diff := cmp.Diff(patch.Files, again.Files); diff != "" {
			t.Errorf("printed again it reads differently:\n%s", diff)
		}
	})
}

// FuzzParseIndex: what is taken is complete.
func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(goodIndex))
	f.Add([]byte("name: a\nsummary: b\ncomponents: [c]\npatches: [{file: 1.patch, versions: =1.30.0, why: d}]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := parseIndex(data)
		if err != nil {
			return
		}
		if parsed.Name == "" || len(parsed.Patches) == 0 {
			t.Errorf("taken without name or patches: %+v", parsed)
		}
		for _, e := range parsed.Patches {
			if strings.ContainsAny(e.File, "/") || e.Why == "" || e.Versions.String() == "" {
				t.Errorf("taken: %+v", e)
			}
		}
	})
}

// FuzzApply makes a patch that replaces lines of one text, and applies it to
// another. When it applies, the pre-image was there once, and nothing but the
// pre-image has changed; a text always takes its own patch unless its pre-image
// is there twice.
func FuzzApply(f *testing.F) {
	f.Add("a\nb\nc\nd\ne\n", "x\na\nb\nc\nd\ne\n", 2, 1, "C\n", 2)
	f.Add("a\nb\n", "a\nb", 1, 1, "", 3)
	f.Add("a\nb", "a\nb", 1, 1, "b\nc", 3)
	f.Add("a\na\na\na\na\n", "a\na\na\na\na\na\n", 2, 1, "b\n", 1)
	f.Add("a\nb\nc\n", "a\nb\nc\n", 3, 0, "d\n", 1)
	f.Fuzz(func(t *testing.T, origin, target string, at, count int, inserted string, context int) {
		diff := makeDiff(origin, at, count, inserted, context)
		patch, err := parsePatch("0001-x.patch", []byte("Subject: x\n\n"+diff))
		if err != nil {
			return // for example CRLF, or a change that changes nothing
		}
		hunk := patch.Files[0].TextFragments[0]
		checkApply(t, patch, hunk, origin)
		checkApply(t, patch, hunk, target)
	})
}

// oneFile is a tree with one file.
type oneFile string

func (f oneFile) ReadFile(string) (File, error) { return File{Data: []byte(f)}, nil }

func checkApply(t *testing.T, patch *Patch, hunk *gitdiff.TextFragment, content string) {
	t.Helper()
	before, after := images(hunk)
	old, replacement := strings.Join(before.content(), ""), strings.Join(after.content(), "")
	var places []string // the texts that replacing one pre-image can give
	for start := 0; start+len(old) <= len(content); start++ {
		end := start + len(old)
		switch {
		case content[start:end] != old,
			start > 0 && content[start-1] != '\n',
			before.above == 1 && start > 0,
			before.below == 1 && end < len(content),
			end < len(content) && !strings.HasSuffix(old, "\n"):
			continue
		}
		places = append(places, content[:start]+replacement+content[end:])
	}
	result, err := Apply(oneFile(content), []*Patch{patch})
	if applied := err == nil; applied != (len(places) == 1) {
		t.Fatalf("pre-image %q is %d times in %q, but Apply says %v", old, len(places), content, err)
	}
	if err != nil {
		var report bytes.Buffer
		if err := err.(*ConflictError).Report(&report); err != nil {
			t.Error(err)
		}
		return
	}
	if got := string(result.Patches[0].Changes[0].Data); got != places[0] {
		t.Errorf("Apply made %q of %q; want %q", got, content, places[0])
	}
}

// makeDiff prints the patch that replaces count lines of origin, from the line
// with index at, by the lines of inserted.
func makeDiff(origin string, at, count int, inserted string, context int) string {
	lines := textLines(origin)
	at = min(max(at, 0), len(lines))
	end := min(at+max(count, 0), len(lines))
	context = min(max(context, 0), 5)
	first, last := max(0, at-context), min(len(lines), end+context)
	var body strings.Builder
	write := func(mark string, lines []string) {
		for _, line := range lines {
			body.WriteString(mark + line)
			if !strings.HasSuffix(line, "\n") {
				body.WriteString("\n" + noNewline + "\n")
			}
		}
	}
	write(" ", lines[first:at])
	write("-", lines[at:end])
	write("+", textLines(inserted))
	write(" ", lines[end:last])
	old := last - first
	return fmt.Sprintf("diff --git a/a.txt b/a.txt\nindex 1111111..2222222 100644\n--- a/a.txt\n+++ b/a.txt\n@@ -%d,%d +%d,%d @@\n%s",
		first+1, old, first+1, old-(end-at)+len(textLines(inserted)), body.String())
}

func textLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	return lines[:len(lines)-1+min(1, len(lines[len(lines)-1]))]
}
