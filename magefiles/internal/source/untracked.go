package source

import (
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"github.com/steadylet/steadylet/magefiles/internal/gittree"
)

// sayUntracked names the files of a checkout that are not copied, although nobody told git
// to ignore them.
func (f Fetcher) sayUntracked(request Request) {
	if request.checkout.commit == "" {
		return // all files are copied
	}
	found, err := untracked(os.DirFS(request.Location), request.checkout.files)
	if err != nil {
		f.Progress.Say("warning: it is not known which files git does not track: %v", err)
	}
	if len(found) > 0 {
		f.Progress.Say("warning: git does not track %s: that is not copied; commit it, or pass -allowDirty to take it too", some(found))
	}
}

// untracked lists the files of a checkout that are neither tracked nor ignored.
func untracked(checkout fs.FS, tracked []gittree.Content) ([]string, error) {
	u := untrackedFiles{checkout: checkout, known: map[string]bool{}}
	for _, file := range tracked {
		for name := file.Path; name != "." && !u.known[name]; name = path.Dir(name) {
			u.known[name] = true
		}
	}
	patterns := u.patterns(".git/info/exclude", nil)
	err := u.walk(".", patterns)
	return u.found, err
}

type untrackedFiles struct {
	checkout fs.FS
	// known are the tracked files, and the folders that have some.
	known map[string]bool
	found []string
}

// walk looks into a folder; patterns are those of the folders above. (go-git's own walk
// reads every folder twice, and matches every file.)
func (u *untrackedFiles) walk(folder string, patterns []gitignore.Pattern) error {
	entries, err := fs.ReadDir(u.checkout, folder)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(entries, func(entry fs.DirEntry) bool { return entry.Name() == ".gitignore" }) {
		var domain []string
		if folder != "." {
			domain = strings.Split(folder, "/")
		}
		patterns = append(slices.Clip(patterns), u.patterns(path.Join(folder, ".gitignore"), domain)...)
	}
	ignored := gitignore.NewMatcher(patterns)
	for _, entry := range entries {
		name := path.Join(folder, entry.Name())
		switch {
		case entry.Name() == ".git" || !u.known[name] && ignored.Match(strings.Split(name, "/"), entry.IsDir()):
		case entry.IsDir():
			if err := u.walk(name, patterns); err != nil {
				return err
			}
		case !u.known[name]:
			u.found = append(u.found, name)
		}
	}
	return nil
}

// patterns reads what git ignores in a folder. A file that can't be read ignores nothing.
func (u *untrackedFiles) patterns(name string, domain []string) []gitignore.Pattern {
	text, _ := fs.ReadFile(u.checkout, name)
	var read []gitignore.Pattern
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimRight(line, "\r\n"); line != "" && !strings.HasPrefix(line, "#") {
			read = append(read, gitignore.ParsePattern(line, domain))
		}
	}
	return read
}
