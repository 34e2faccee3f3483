package series

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// What a fixture's patches make is written anew, and makes the same again: here, and
// with git.
func TestFormat(t *testing.T) {
	requireGit(t)
	for _, name := range []string{"clean", "deletion", "edges", "mode-change", "new-file", "no-newline", "offset", "rename", "sequence"} {
		t.Run(name, func(t *testing.T) {
			dir, patches := loadCase(t, name)
			base := FromFS(os.DirFS(filepath.Join(dir, "before")))
			result, err := Apply(base, patches)
			if err != nil {
				t.Fatal(err)
			}
			drafts, err := result.Drafts(base)
			if err != nil {
				t.Fatal(err)
			}
			rewritten := reformat(t, base, drafts)
			again, err := Apply(base, rewritten)
			if err != nil {
				t.Fatal(err)
			}
			want := changed(t, beforeTree(t, dir), result)
			sameTree(t, want, changed(t, beforeTree(t, dir), again))
			there := t.TempDir()
			writeTree(t, there, beforeTree(t, dir))
			git(t, there, "init", "-q")
			for _, patch := range rewritten {
				file := filepath.Join(t.TempDir(), patch.File)
				if err := os.WriteFile(file, patch.Text, 0o644); err != nil {
					t.Fatal(err)
				}
				// git asks for three lines of context unless it is told that fewer suffice.
				git(t, there, "apply", "--whitespace=nowarn", "-C1", file)
			}
			sameTree(t, want, readTree(t, there))
		})
	}
}

// reformat writes drafts, each for the tree that those before it leave.
func reformat(t *testing.T, base Files, drafts []Draft) []*Patch {
	t.Helper()
	var rewritten []*Patch
	for _, draft := range drafts {
		text, err := Format("0001-x.patch", draft, []Files{base})
		if err != nil {
			t.Fatal(err)
		}
		patch, err := Parse("0001-x.patch", text)
		if err != nil {
			t.Fatal(err)
		}
		rewritten, base = append(rewritten, patch), Overlay(base, draft.Files)
	}
	return rewritten
}

func text(lines string) *File { return &File{Data: []byte(lines)} }

// The text is the same whatever the tag, apart from the lines' numbers.
func TestFormatText(t *testing.T) {
	const old = "package a\n\nfunc f() {\n\tg()\n}\n\nfunc h() {\n\tg()\n}\n"
	draft := Draft{Number: 2, Count: 3, Title: "a: call k", Body: "Why.\n", Files: []FileChange{
		{Path: "a/a.go", Old: text(old), New: text(strings.Replace(old, "h() {\n\tg()\n", "h() {\n\tg()\n\tk()\n", 1))},
		{Path: "a/b.go", New: text("package a\n")},
		{Path: "a/c.go", Old: text("package a\n")},
	}}
	base := Overlay(FromFS(os.DirFS(t.TempDir())), []FileChange{{Path: "a/a.go", New: text(old)}, {Path: "a/c.go", New: text("package a\n")}})
	got, err := Format("0002-k.patch", draft, []Files{base})
	if err != nil {
		t.Fatal(err)
	}
	sameAsFile(t, filepath.Join("testdata", "format", "0002-k.patch"), got)
}

// Context grows until a change has one place in every base, and no further.
func TestFormatContext(t *testing.T) {
	const one = "a\nx\nb\nc\n"
	change := FileChange{Path: "f", Old: text(one), New: text("a\nx\nnew\nb\nc\n")}
	for name, test := range map[string]struct {
		base  string
		lines int // of context above
		err   error
	}{
		"as it is":      {one, 1, nil},
		"moved":         {"0\n" + one, 1, nil},
		"another above": {"x\nb\n" + one, 2, nil},
		"not there":     {"nothing\n", 0, ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			bases := []Files{
				Overlay(FromFS(os.DirFS(t.TempDir())), []FileChange{{Path: "f", New: text(one)}}),
				Overlay(FromFS(os.DirFS(t.TempDir())), []FileChange{{Path: "f", New: text(test.base)}}),
			}
			got, err := Format("0001-f.patch", Draft{Number: 1, Count: 1, Title: "f: new", Files: []FileChange{change}}, bases)
			if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if test.err != nil {
				return
			}
			_, hunk, _ := strings.Cut(string(got), "@@ -")
			above, _, _ := strings.Cut(hunk, "+new\n")
			if count := strings.Count(above, "\n "); count != test.lines {
				t.Errorf("%d lines of context, want %d:\n%s", count, test.lines, got)
			}
		})
	}
}

func TestFormatRefuses(t *testing.T) {
	change := []FileChange{{Path: "f", New: text("a\n")}}
	for name, test := range map[string]struct {
		draft Draft
		want  error
	}{
		"no title":   {Draft{Files: change}, ErrNoTitle},
		"long title": {Draft{Title: strings.Repeat("x", longestTitle+1), Files: change}, ErrNoTitle},
		"two lines":  {Draft{Title: "a\nb", Files: change}, ErrNoTitle},
		"no file":    {Draft{Title: "a"}, ErrEmpty},
		"absent":     {Draft{Title: "a", Files: []FileChange{{Path: "f"}}}, ErrEmpty},
		"binary":     {Draft{Title: "a", Files: []FileChange{{Path: "f", New: text("a\x00\n")}}}, ErrBinary},
		"CRLF":       {Draft{Title: "a", Files: []FileChange{{Path: "f", New: text("a\r\n")}}}, ErrCRLF},
		"outside":    {Draft{Title: "a", Files: []FileChange{{Path: "../f", New: text("a\n")}}}, ErrPath},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Format("0001-f.patch", test.draft, nil)
			var refused *PatchError
			if !errors.Is(err, test.want) || !errors.As(err, &refused) || got != nil {
				t.Errorf("got %q, %v; want %v", got, err, test.want)
			}
		})
	}
}

// FuzzFormat: whatever is written, it makes the change, and has one place.
func FuzzFormat(f *testing.F) {
	f.Add("a\nb\nc\n", "a\nx\nc\n")
	f.Add("a\n\n\nb\n", "a\n\n\n\nb\n")
	f.Add("a\nb", "a\nb\n")
	f.Add("a\na\na\na\n", "a\na\na\n")
	f.Fuzz(func(t *testing.T, old, changed string) {
		draft := Draft{Number: 1, Count: 1, Title: "f: fuzz", Files: []FileChange{{Path: "f", Old: text(old), New: text(changed)}}}
		base := Overlay(FromFS(os.DirFS(t.TempDir())), []FileChange{{Path: "f", New: text(old)}})
		written, err := Format("0001-f.patch", draft, []Files{base})
		if err != nil {
			return // binary, empty, or without a place of its own
		}
		patch, err := Parse("0001-f.patch", written)
		if err != nil {
			t.Fatal(err)
		}
		result, err := Apply(base, []*Patch{patch})
		if err != nil {
			t.Fatalf("%v\n%s", err, written)
		}
		got, err := result.ReadFile("f")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(changed, string(got)); diff != "" {
			t.Errorf("(-want +got):\n%s\n%s", diff, written)
		}
	})
}

// Where equal lines leave a choice of which are deleted, it is the one that fits every
// base; what is around the other is not the same everywhere.
func TestFormatSlides(t *testing.T) {
	const before, between = "top\n\n// gone\nGone = 1\n\n", "// kept\n"
	for name, test := range map[string]struct {
		old, changed string
		bases        []string
		want         string // empty: it can't be written for all
	}{
		"one base, lowest place": {before + between, "top\n\n" + between, nil, " \n-// gone\n-Gone = 1\n-\n // kept\n"},
		"slides up":              {before + between, "top\n\n" + between, []string{before + "// other\n"}, " top\n-\n-// gone\n-Gone = 1\n \n"},
		"insertion slides up":    {"top\n\n" + between, before + between, []string{"top\n\n// other\n"}, " top\n+\n+// gone\n+Gone = 1\n \n"},
		"nowhere to slide":       {"a\nb\nc\n", "a\nc\n", []string{"a\nb\nx\n"}, ""},
		"replaced lines stay":    {"a\nb\nc\n", "a\nz\nc\n", []string{"a\nb\nx\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bases := []Files{tree(test.old)}
			for _, base := range test.bases {
				bases = append(bases, tree(base))
			}
			draft := Draft{Number: 1, Count: 1, Title: "Slide", Files: []FileChange{{"a", &File{Data: []byte(test.old)}, &File{Data: []byte(test.changed)}}}}
			text, err := Format("0001-a.patch", draft, bases)
			if test.want == "" {
				if !errors.Is(err, ErrConflict) {
					t.Errorf("got %v, want %v", err, ErrConflict)
				}
				return
			}
			if err != nil || !strings.HasSuffix(string(text), test.want) {
				t.Errorf("%v, got\n%s\nwant it to end with\n%s", err, text, test.want)
			}
		})
	}
}

func tree(content string) Files { return FromFS(fstest.MapFS{"a": {Data: []byte(content)}}) }
