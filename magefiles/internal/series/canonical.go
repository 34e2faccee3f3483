package series

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

// signature is what git format-patch prints below the diff: its version, or
// with --no-signature nothing.
var signature = regexp.MustCompile(`\A(-- \n([0-9][^\n]*\n)?)?\n*\z`)

// checkCanonical prints the parsed diff again and compares it with the text it
// was read from. Like git, the parser skips what it doesn't know, such as the
// lines that follow a hunk whose header counts too few; here a difference is
// refused, so no line of a patch can be lost without a word.
func checkCanonical(file, text string, files []*gitdiff.File) error {
	var printed strings.Builder
	for _, f := range files {
		printed.WriteString(f.String())
	}
	for number, want := range strings.SplitAfter(printed.String(), "\n") {
		if want == "" {
			continue
		}
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		if canonicalLine(line+"\n") == canonicalLine(want) {
			continue
		}
		if namesFile(line, want) {
			return &PatchError{file, fmt.Sprintf("line %d of its diff, %q, does not name the file as a/PATH and b/PATH", number+1, line), ErrPath}
		}
		return &PatchError{file, fmt.Sprintf("line %d of its diff is %q where %q belongs", number+1, line, strings.TrimSuffix(want, "\n")), ErrMalformed}
	}
	if !signature.MatchString(text) {
		line, _, _ := strings.Cut(text, "\n")
		return &PatchError{file, fmt.Sprintf("%q follows its last hunk; the hunk's header counts too few lines, or the text does not belong there", line), ErrMalformed}
	}
	return nil
}

// namesFile reports whether both lines are the same kind that holds a path.
func namesFile(line, want string) bool {
	for _, prefix := range []string{"diff --git ", "--- ", "+++ "} {
		if strings.HasPrefix(line, prefix) && strings.HasPrefix(want, prefix) {
			return true
		}
	}
	return false
}

// canonicalLine takes away what git and the printer write differently in a hunk
// header: a count of one, and white space around the section name.
func canonicalLine(line string) string {
	if !strings.HasPrefix(line, "@@ -") {
		return line
	}
	numbers, section, _ := strings.Cut(line[2:], "@@")
	return strings.ReplaceAll(numbers, ",1 ", " ") + "@@" + strings.TrimSpace(section)
}

// checkFiles refuses changes that a series must not make.
func checkFiles(file string, files []*gitdiff.File) error {
	touched := map[string]bool{}
	for _, f := range files {
		if f.IsCopy {
			return &PatchError{file, fmt.Sprintf("%s is a copy of %s; add it as a new file", f.NewName, f.OldName), ErrCopy}
		}
		for _, mode := range []os.FileMode{f.OldMode, f.NewMode} {
			if mode != 0 && mode != modeRegular && mode != modeExecutable {
				return &PatchError{file, fmt.Sprintf("%s has mode %o; only 100644 and 100755 are taken", pathOf(f), mode), ErrMode}
			}
		}
		if err := checkPaths(file, f, touched); err != nil {
			return err
		}
		if err := checkHunks(file, f); err != nil {
			return err
		}
	}
	return nil
}

func checkPaths(file string, f *gitdiff.File, touched map[string]bool) error {
	names := []string{f.OldName}
	if f.NewName != f.OldName {
		names = append(names, f.NewName)
	}
	if f.OldName != "" && f.NewName != "" && f.OldName != f.NewName && !f.IsRename {
		return &PatchError{file, fmt.Sprintf("it changes %s into %s without saying that it renames it", f.OldName, f.NewName), ErrMalformed}
	}
	for _, name := range names {
		if name == "" {
			continue // the other side of a new or deleted file
		}
		if reason := refusePath(name); reason != "" {
			return &PatchError{file, fmt.Sprintf("%q %s", name, reason), ErrPath}
		}
		if touched[name] {
			return &PatchError{file, fmt.Sprintf("%s is changed twice", name), ErrMalformed}
		}
		touched[name] = true
	}
	return nil
}

// refusePath returns why a path can't be patched, or an empty text. Names that
// git would have to quote are refused: no Kubernetes source needs them, and
// they hide what a reader sees.
func refusePath(name string) string {
	for _, r := range name {
		if r <= ' ' || r > '~' || r == '\\' || r == '"' {
			return "holds a character other than plain letters, digits and signs"
		}
	}
	if !fs.ValidPath(name) || name == "." {
		return "leaves the tree or is not a clean relative path"
	}
	for _, element := range strings.Split(name, "/") {
		if strings.EqualFold(strings.TrimRight(element, ". "), ".git") {
			return "is inside .git"
		}
	}
	return ""
}

// checkHunks makes sure of what finding a hunk by its pre-image relies on.
func checkHunks(file string, f *gitdiff.File) error {
	if len(f.TextFragments) > 0 && f.OldOIDPrefix == "" {
		return &PatchError{file, fmt.Sprintf("%s has no index line", pathOf(f)), ErrMalformed}
	}
	if (f.IsNew || f.IsDelete) && len(f.TextFragments) > 1 {
		return &PatchError{file, fmt.Sprintf("%s is new or deleted, but in more than one hunk", pathOf(f)), ErrMalformed}
	}
	var end int64
	for i, h := range f.TextFragments {
		if reason := refuseHunk(f, h, end); reason != "" {
			return &PatchError{file, fmt.Sprintf("hunk %d of %s %s", i+1, pathOf(f), reason), ErrMalformed}
		}
		end = h.OldPosition + h.OldLines
	}
	return nil
}

// refuseHunk returns why a hunk can't be located, or an empty text. Previous is
// the first old line below the hunk before it.
func refuseHunk(f *gitdiff.File, h *gitdiff.TextFragment, previous int64) string {
	if err := h.Validate(); err != nil {
		return "is inconsistent: " + err.Error()
	}
	switch {
	case h.OldPosition < 0 || h.NewPosition < 0 || h.OldLines < 0 || h.NewLines < 0:
		return "has a negative position"
	case h.OldPosition < previous:
		return "is not below the hunk before it"
	case h.OldLines == 0 && !f.IsNew:
		return "has no context; make the patch with at least one line of it"
	case h.LeadingContext == 0 && h.OldPosition > 1:
		return "has no context above the change; make the patch with at least one line of it"
	}
	old, changed := sides(h)
	if !endsOnce(old) || !endsOnce(changed) {
		return "has a line without newline that is not the last one"
	}
	return ""
}

// endsOnce reports whether only the last line may lack its newline.
func endsOnce(lines []string) bool {
	for i, line := range lines {
		if !strings.HasSuffix(line, "\n") && i < len(lines)-1 {
			return false
		}
	}
	return true
}
