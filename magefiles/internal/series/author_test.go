package series

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Git writes an author above a patch, Parse reads it, Format writes it again, and git
// reads that: it stays the same author, at the same time in the same zone.
func TestAuthorAgreesWithGit(t *testing.T) {
	requireGit(t)
	when := time.Date(2026, time.March, 1, 23, 4, 5, 0, time.FixedZone("", -(3*60+30)*60))
	for name, author := range map[string]Author{
		"plain":       {"Ada Example", "ada@example.org", when},
		"dot":         {"J. Random Hacker", "jrh@example.org", when},
		"other signs": {"Jürgen Größe", "jg@example.org", when.UTC()},
		"long":        {strings.Repeat("Größe ", 6) + "Klein", "g@example.org", when},
		"quotes":      {`Ada "Countess" \ Example`, "ada@example.org", when},
		"brackets":    {"Ada (of Example)", "ada@example.org", when},
		"comma":       {"Example, Ada", "ada@localhost", when},
	} {
		t.Run(name, func(t *testing.T) {
			work := t.TempDir()
			git(t, work, "init", "-q")
			if err := os.WriteFile(filepath.Join(work, "a.txt"), []byte("a\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			git(t, work, "add", "a.txt")
			asAda := []string{"-c", "user.name=C", "-c", "user.email=c@localhost"}
			git(t, work, append(asAda, "commit", "-q", "--author", author.Name+" <"+author.Email+">", "--date", author.When.Format(time.RFC3339), "-m", "Add a Größe\n\nWhy.\n")...)
			git(t, work, "format-patch", "-q", "-1", "-o", "out")
			read := parseFile(t, filepath.Join(work, "out", "0001-Add-a-Gr-e.patch"))
			if diff := cmp.Diff(author.String(), read.Author.String()); diff != "" {
				t.Fatalf("what git writes reads as (-want +got):\n%s", diff)
			}
			draft := Draft{Number: 1, Count: 2, Author: read.Author, Title: read.Title, Body: read.Body, Files: []FileChange{{Path: "b.txt", New: text("b\n")}}}
			written, err := Format("0001-b.patch", draft, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(work, "again.patch"), written, 0o644); err != nil {
				t.Fatal(err)
			}
			git(t, work, append(asAda, "am", "-q", "again.patch")...)
			want := strings.Join([]string{author.Name, author.Email, author.When.Format("2006-01-02T15:04:05-0700"), "Add a Größe", "Why.\n"}, "|")
			if diff := cmp.Diff(want, logged(t, work, "--format=%an|%ae|%ad|%s|%b", "--date=format:%Y-%m-%dT%H:%M:%S%z")); diff != "" {
				t.Errorf("git reads (-want +got):\n%s", diff)
			}
		})
	}
}

func parseFile(t *testing.T, path string) *Patch {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := Parse(filepath.Base(path), data)
	if err != nil {
		t.Fatal(err)
	}
	return patch
}

// logged returns what git says of the last commit.
func logged(t *testing.T, dir string, arguments ...string) string {
	t.Helper()
	command := exec.Command("git", append([]string{"log", "-1"}, arguments...)...)
	command.Dir = dir
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// A patch without From and Date lines counts as the project's.
func TestNoAuthor(t *testing.T) {
	for header, want := range map[string]Author{
		"":                                     project(),
		"From: Ada <ada@localhost>":            {"Ada", "ada@localhost", project().When},
		"Date: Fri, 2 Jan 2026 03:04:05 +0000": {project().Name, project().Email, time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)},
	} {
		patch, err := Parse("0001-x.patch", []byte(strings.TrimPrefix(header+"\nSubject: A title\n\n"+smallDiff, "\n")))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), patch.Author.String()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", header, diff)
		}
	}
}

// A message that would not be the same any more above a patch is refused.
func TestMessageThatIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		draft Draft
		want  error
	}{
		"as it is":     {Draft{Title: "A title", Body: "Why.\n\n\nMore.  \n"}, nil},
		"end of text":  {Draft{Title: "A title", Body: "Why.\n\n---\n\nMore."}, ErrMalformed},
		"mail prefix":  {Draft{Title: "[PATCH] A title"}, ErrMalformed},
		"other prefix": {Draft{Title: "[kubelet] A title"}, nil},
		"odd name":     {Draft{Title: "A title", Author: Author{"a@b", "c@d", time.Unix(0, 0)}}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			test.draft.Number, test.draft.Count, test.draft.Files = 1, 1, []FileChange{{Path: "b.txt", New: text("b\n")}}
			if written, err := Format("0001-b.patch", test.draft, nil); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("got %v, want %v\n%s", err, test.want, written)
			}
		})
	}
}
