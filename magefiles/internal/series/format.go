package series

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
)

// Draft is a patch that is to be written: a commit, and the change that it makes.
type Draft struct {
	// Number and Count are its place in the series, counted from 1.
	Number, Count int
	// Author made the change.
	Author Author
	// Title and Body are the commit message's.
	Title, Body string
	// Files are the changed files in the order of their paths.
	Files []FileChange
}

// FileChange is one file before and after a change; nil is an absent file.
type FileChange struct {
	Path     string
	Old, New *File
}

const (
	// longestTitle keeps the subject on one line, as git does not fold it then.
	longestTitle = 72
	// widestContext is how many lines of context are tried before a hunk counts as one
	// that can't be told from others.
	widestContext = 25
	// statColumns is the width of the widest bar in the list of changed files.
	statColumns = 30
	// idDigits are given of a blob's ID.
	idDigits = 7
)

// Format writes a draft as the text of a patch file, the canonical form: the author, the
// message, LF, and around each change the fewest lines of context (at least one, with something
// in it that can be recognised) with which it has exactly one place in every base. (Where
// equal lines leave a choice of which are added or deleted, it is the one that fits.) The
// bases are the trees that the patch is made for, each as it is before the patch; the
// draft's own is one of them. Equal drafts and bases give equal bytes.
//
// The error is a *ConflictError where the change does not fit a base, and a *PatchError
// where a series can't hold it.
func Format(file string, draft Draft, bases []Files) ([]byte, error) {
	if len(draft.Title) > longestTitle || draft.Title == "" || strings.Contains(draft.Title, "\n") {
		return nil, &PatchError{file, fmt.Sprintf("its title %q is not one line of at most %d characters: reword it", draft.Title, longestTitle), ErrNoTitle}
	}
	var parts []*filePart
	for _, change := range draft.Files {
		part, err := newFilePart(file, change)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	for {
		text := draft.text(parts)
		patch, err := parsePatch(file, text)
		if err == nil {
			err = draft.comesBack(patch)
		}
		if err != nil {
			return nil, err
		}
		refitted, err := fit(patch, parts, bases)
		if err != nil || !refitted {
			return text, err
		}
	}
}

// comesBack makes sure that a patch says what the draft says: a message can hold lines
// that end it above a diff, and a name what no header can hold.
func (d Draft) comesBack(patch *Patch) error {
	switch {
	case !SameMessage(patch, d):
		return &PatchError{patch.File, fmt.Sprintf("of the message %q a patch would keep %q: say it in other words with `git commit --amend`",
			d.Title+"\n\n"+d.Body, patch.Title+"\n\n"+patch.Body), ErrMalformed}
	case !SameAuthor(patch, d):
		return &PatchError{patch.File, fmt.Sprintf("of its author %q a patch would keep %q", d.Author, patch.Author), ErrMalformed}
	}
	return nil
}

// SameMessage reports whether a patch has the message of a draft.
func SameMessage(patch *Patch, draft Draft) bool {
	return patch.Title == draft.Title && patch.Body == tidy(draft.Body)
}

// SameAuthor reports whether a patch has the author and the date of a draft.
func SameAuthor(patch *Patch, draft Draft) bool {
	return patch.Author.String() == draft.author().String()
}

func (d Draft) author() Author {
	if d.Author == (Author{}) {
		return project()
	}
	return d.Author
}

// tidy drops blank lines and white space at the end of lines as git does where it makes a
// commit.
func tidy(body string) string {
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(body)) {
		line = strings.TrimRightFunc(line, unicode.IsSpace)
		if line != "" || lines[len(lines)-1] != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// fit tries a patch on every base. The first hunk that has not exactly one place is
// refitted; then the patch has to be written again.
func fit(patch *Patch, parts []*filePart, bases []Files) (refitted bool, err error) {
	for _, base := range bases {
		_, conflicts, err := Try(base, []*Patch{patch})
		if err != nil {
			return false, err
		}
		if len(conflicts) == 0 {
			continue
		}
		if !refit(parts, conflicts[0]) {
			return false, &ConflictError{conflicts}
		}
		return true, nil
	}
	return false, nil
}

// refit writes a hunk in another way, and reports whether there is one: with more
// context where it has several places, in another place where it has none.
func refit(parts []*filePart, conflict Conflict) bool {
	for _, part := range parts {
		switch {
		case part.change.Path != conflict.File:
		case conflict.Reason == ReasonSeveral:
			return part.widen(conflict.Hunk - 1)
		case conflict.Reason == ReasonNotFound || conflict.Reason == ReasonApplied:
			return part.slide(conflict.Hunk - 1)
		}
	}
	return false
}

func (d Draft) text(parts []*filePart) []byte {
	var text bytes.Buffer
	text.WriteString(mailboxLine + d.author().String())
	fmt.Fprintf(&text, "Subject: [PATCH %d/%d] %s\n\n", d.Number, d.Count, d.Title)
	if body := tidy(d.Body); body != "" {
		text.WriteString(body + "\n")
	}
	text.WriteString("---\n")
	writeStat(&text, parts)
	text.WriteString("\n")
	for _, part := range parts {
		part.write(&text)
	}
	return text.Bytes()
}

// writeStat lists the changed files, in the manner of git diff --stat.
func writeStat(text *bytes.Buffer, parts []*filePart) {
	widest, insertions, deletions := 0, 0, 0
	for _, part := range parts {
		widest = max(widest, len(part.change.Path))
	}
	for _, part := range parts {
		added, deleted := part.counts()
		insertions, deletions = insertions+added, deletions+deleted
		plus, minus := bar(added, deleted)
		fmt.Fprintf(text, " %-*s | %d %s%s\n", widest, part.change.Path, added+deleted, strings.Repeat("+", plus), strings.Repeat("-", minus))
	}
	fmt.Fprintf(text, " %s changed", plural(len(parts), "file", "files"))
	if insertions > 0 || deletions == 0 {
		fmt.Fprintf(text, ", %s", plural(insertions, "insertion(+)", "insertions(+)"))
	}
	if deletions > 0 {
		fmt.Fprintf(text, ", %s", plural(deletions, "deletion(-)", "deletions(-)"))
	}
	text.WriteString("\n")
	for _, part := range parts {
		switch {
		case part.change.Old == nil:
			fmt.Fprintf(text, " create mode %s %s\n", part.mode(part.change.New), part.change.Path)
		case part.change.New == nil:
			fmt.Fprintf(text, " delete mode %s %s\n", part.mode(part.change.Old), part.change.Path)
		}
	}
}

// bar shares the columns between what was added and what was deleted.
func bar(added, deleted int) (plus, minus int) {
	total := added + deleted
	if total <= statColumns {
		return added, deleted
	}
	plus = added * statColumns / total
	return plus, statColumns - plus
}

func plural(count int, one, many string) string {
	if count == 1 {
		return fmt.Sprintf("1 %s", one)
	}
	return fmt.Sprintf("%d %s", count, many)
}

// Drafts turns what a result changes into drafts, one a patch, with the patches' own
// messages.
func (r *Result) Drafts(base Files) ([]Draft, error) {
	before := map[string]*File{}
	var drafts []Draft
	for i, applied := range r.Patches {
		draft := Draft{Number: i + 1, Count: len(r.Patches), Author: applied.Patch.Author, Title: applied.Patch.Title, Body: applied.Patch.Body}
		for _, change := range applied.Changes {
			old, known := before[change.Path]
			if !known {
				var err error
				if old, err = readIfThere(base, change.Path); err != nil {
					return nil, err
				}
			}
			var now *File
			if change.Kind != Delete {
				now = &File{Data: change.Data, Executable: change.Executable}
			}
			before[change.Path] = now
			draft.Files = append(draft.Files, FileChange{change.Path, old, now})
		}
		drafts = append(drafts, draft.sorted())
	}
	return drafts, nil
}

func readIfThere(files Files, path string) (*File, error) {
	file, err := files.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return &file, err
}

// blobID returns what git calls the content of a file that a patch adds. Those of other
// files are zeros: they differ from tag to tag, and nothing needs them.
func blobID(change FileChange) string {
	zeros := strings.Repeat("0", idDigits)
	if change.Old != nil {
		return zeros + ".." + zeros
	}
	hash := sha1.New()
	fmt.Fprintf(hash, "blob %d\x00", len(change.New.Data))
	hash.Write(change.New.Data)
	return zeros + ".." + fmt.Sprintf("%x", hash.Sum(nil))[:idDigits]
}
