package export

import (
	"errors"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// Two sources: the one that the hook's patches know, and one after a change.
const (
	known  = "package pkg\n\nfunc f() {\n\tone()\n\ttwo()\n}\n"
	hooked = "package pkg\n\nfunc f() {\n\tone()\n\tours()\n\ttwo()\n}\n"
	moved  = "package pkg\n\nfunc f() {\n\tzero()\n\ttwo()\n}\n"
	again  = "package pkg\n\nfunc f() {\n\tzero()\n\tours()\n\ttwo()\n}\n"
	better = "package pkg\n\nfunc f() {\n\tours()\n\tzero()\n\ttwo()\n}\n"
)

func fixture(t *testing.T) fstest.MapFS {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "onto.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for _, file := range archive.Files {
		files[file.Name] = &fstest.MapFile{Data: file.Data}
	}
	return files
}

// rebased are the patches of a tag, as commits on another one that has the files.
func rebased(t *testing.T, folder fs.FS, from, to string, files fstest.MapFS, locked ...string) Rebased {
	t.Helper()
	loaded, err := series.Load(folder, "s")
	if err != nil {
		t.Fatal(err)
	}
	index, err := fs.ReadFile(folder, "s/"+series.IndexFile)
	if err != nil {
		t.Fatal(err)
	}
	patches, err := loaded.Select(tag(t, from), false)
	if err != nil {
		t.Fatal(err)
	}
	r := Rebased{Series: loaded, Index: index, Patches: patches, On: Tag{tag(t, to), series.FromFS(files)}}
	for i, patch := range patches {
		r.Commits = append(r.Commits, series.Draft{Number: i + 1, Count: len(patches), Author: patch.Author, Title: patch.Title, Body: patch.Body})
	}
	r.Commits[1].Files = []series.FileChange{{Path: "pkg/ours.go", New: file("package pkg\n")}}
	for _, version := range locked {
		r.Locked = append(r.Locked, tag(t, version))
	}
	return r
}

func (r Rebased) hook(path, before, after string) Rebased {
	r.Commits = slices.Clone(r.Commits)
	r.Commits[0].Files = []series.FileChange{{Path: path, Old: file(before), New: file(after)}}
	return r
}

// store writes an outcome into the folder.
func store(folder fstest.MapFS, made *Outcome) fstest.MapFS {
	folder = maps.Clone(folder)
	for _, patch := range made.Patches {
		folder["s/"+patch.File] = &fstest.MapFile{Data: patch.Text}
	}
	folder["s/"+series.IndexFile] = &fstest.MapFile{Data: made.Index}
	return folder
}

func TestOnto(t *testing.T) {
	for name, test := range map[string]struct {
		from, to, path, before, after string
		locked                        []string
		notes                         []string
		files                         []string // new or changed
	}{
		"served as it is": {"v1.30.4", "v1.31.0", "pkg/b.go", known, hooked, nil, nil, nil},
		"another variant has it, with a message of its own": {"v1.20.2", "v1.31.0", "pkg/b.go", known, hooked, nil, nil, nil},
		"wider": {"v1.30.4", "v1.38.1", "pkg/b.go", known, hooked, []string{"v1.30.4"},
			[]string{"0001-hook.patch now serves >=1.30.4 <1.39.0", "0002-new.patch now serves >=1.20.2 <1.39.0"}, nil},
		"variant": {"v1.30.4", "v1.38.1", "pkg/b.go", moved, again, []string{"v1.30.4"},
			[]string{"0001-hook.v1.38.patch is new, for >=1.38.1 <1.39.0", "0002-new.patch now serves >=1.20.2 <1.39.0"}, []string{"0001-hook.v1.38.patch"}},
		"variant in a range": {"v1.31.0", "v1.37.2", "pkg/b.go", moved, again, []string{"v1.31.0", "v1.37.2"},
			[]string{"0001-hook.v1.37.patch is new, for >=1.37.2 <1.38.0"}, []string{"0001-hook.v1.37.patch"}},
		"a variant of its own already": {"v1.20.2", "v1.37.2", "pkg/b.go", moved, again, []string{"v1.20.2", "v1.37.2"},
			[]string{"0001-hook.patch is changed"}, []string{"0001-hook.patch"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder, files := fixture(t), fstest.MapFS{test.path: {Data: []byte(test.before)}}
			made, err := Onto(rebased(t, folder, test.from, test.to, files, test.locked...).hook(test.path, test.before, test.after))
			if err != nil {
				t.Fatal(err)
			}
			var written []string
			for _, patch := range made.Patches {
				written = append(written, patch.File)
			}
			if diff := cmp.Diff([][]string{test.notes, test.files}, [][]string{made.Notes, written}); diff != "" {
				t.Fatalf("notes, files (-want +got):\n%s", diff)
			}
			folder = store(folder, made)
			after := rebased(t, folder, test.from, test.to, files, test.locked...)
			if _, err := after.Series.Select(tag(t, test.to), false); err != nil {
				t.Error(err)
			}
			if made, err = Onto(after.hook(test.path, test.before, test.after)); err != nil || len(made.Notes)+len(made.Patches) > 0 {
				t.Errorf("exported again, %v changes: %v", made, err)
			}
		})
	}
}

// A new variant says who made the change, and when. Where its commit is amended, it is
// written anew.
func TestOntoAgain(t *testing.T) {
	folder, files := fixture(t), fstest.MapFS{"pkg/b.go": {Data: []byte(moved)}}
	made, err := Onto(rebased(t, folder, "v1.30.4", "v1.38.1", files, "v1.30.4").hook("pkg/b.go", moved, again))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(made.Patches[0].Text); !strings.Contains(text, "\nFrom: Ada Example <ada@example.org>\nDate: Fri, 2 Jan 2026 03:04:05 +0100\nSubject: [PATCH 1/2] Call ours\n") {
		t.Errorf("the variant is\n%s", text)
	}
	folder = store(folder, made)
	amended := rebased(t, folder, "v1.30.4", "v1.38.1", files, "v1.30.4").hook("pkg/b.go", moved, better)
	amended.Commits[0].Title = "Call ours first"
	if made, err = Onto(amended); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0001-hook.v1.38.patch is changed"}, made.Notes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := string(made.Patches[0].Text); !strings.Contains(text, "+\tours()\n \tzero()\n") || !strings.Contains(text, "Call ours first") {
		t.Errorf("the variant is\n%s", text)
	}
}

func TestOntoRefuses(t *testing.T) {
	drop := func(r Rebased) Rebased { r.Commits = r.Commits[:1]; return r }
	swap := func(r Rebased) Rebased {
		r.Commits = []series.Draft{r.Commits[1], r.Commits[0]}
		return r
	}
	add := func(r Rebased) Rebased {
		r.Commits = append(slices.Clone(r.Commits), series.Draft{Number: 3, Title: "Something else"})
		return r
	}
	replace := func(r Rebased) Rebased {
		return add(Rebased{r.Series, r.Index, r.Patches, r.Commits[1:], r.On, r.Locked})
	}
	mark := func(r Rebased) Rebased {
		return r.hook("pkg/b.go", known, strings.Replace(hooked, "\tours()\n", "<<<<<<< HEAD\n=======\n\tours()\n>>>>>>> Call ours\n", 1))
	}
	var wrong *MatchError
	for name, test := range map[string]struct {
		spoil func(Rebased) Rebased
		locks []string
		says  []string
		match bool
		is    error
	}{
		"dropped":           {drop, nil, []string{"no commit is 0002-new.patch (Add ours)", "can't leave a patch out"}, true, nil},
		"swapped":           {swap, nil, []string{"in the order of series.yaml", "git rebase -i v1.38.1"}, true, nil},
		"added":             {add, nil, []string{"no patch is commit 3 (Something else)", "by hand"}, true, nil},
		"dropped and added": {replace, nil, []string{"no commit is 0001-hook.patch (Call ours)", "no patch is commit 3"}, true, nil},
		"marked":            {mark, nil, []string{"pkg/b.go, of commit 1 (Call ours)"}, false, ErrMarks},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"pkg/b.go": {Data: []byte(known)}}
			made, err := Onto(test.spoil(rebased(t, fixture(t), "v1.30.4", "v1.38.1", files).hook("pkg/b.go", known, hooked)))
			if err == nil || made != nil || errors.As(err, &wrong) != test.match || test.is != nil && !errors.Is(err, test.is) {
				t.Fatalf("got %v, %v", made, err)
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error does not say %q: %v", part, err)
				}
			}
		})
	}
	// In the middle of a range that is proven before and after, only a person can divide it.
	files := fstest.MapFS{"pkg/b.go": {Data: []byte(moved)}}
	_, err := Onto(rebased(t, fixture(t), "v1.30.4", "v1.33.0", files, "v1.30.4", "v1.36.1").hook("pkg/b.go", moved, again))
	if !errors.Is(err, ErrPerson) || !strings.Contains(err.Error(), "commit 1 (Call ours)") {
		t.Errorf("dividing a range gives %v", err)
	}
}

// A commit with a title of its own is the patch in its place.
func TestMatch(t *testing.T) {
	patches := []*series.Patch{{Title: "one"}, {Title: "same"}, {Title: "same"}}
	for titles, want := range map[string]bool{
		"one same same": true, "uno same same": true, "uno due same": true, "one same tre": true, "same one same": false,
		"one same": false, "one same same four": false, "same same uno": false,
	} {
		var commits []series.Draft
		for i, title := range strings.Fields(titles) {
			commits = append(commits, series.Draft{Number: i + 1, Title: title})
		}
		if err := match("s", kubever.Version{}, patches, commits); (err == nil) != want {
			t.Errorf("%s: %v", titles, err)
		}
	}
}

// What is exported where it is keeps its author too, and is not mistaken for another patch.
func TestSeries(t *testing.T) {
	files := fstest.MapFS{"pkg/b.go": {Data: []byte(known)}}
	r := rebased(t, fixture(t), "v1.30.4", "v1.30.4", files).hook("pkg/b.go", known, hooked)
	same, err := Series(r.Series, r.On, r.Commits, nil)
	if err != nil || !same[0].Kept || !same[1].Kept {
		t.Errorf("nothing was edited, and that gives %+v, %v", same, err)
	}
	r.Commits[0].Title = "Call ours at once"
	r.Commits[1].Author.Name = "Grace Example"
	edited, err := Series(r.Series, r.On, r.Commits, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"From: Ada Example <ada@example.org>\nDate: Fri, 2 Jan 2026 03:04:05 +0100\nSubject: [PATCH 1/2] Call ours at once\n",
		"From: Grace Example <ada@example.org>\nDate: Fri, 2 Jan 2026 03:04:05 +0100\nSubject: [PATCH 2/2] Add ours\n",
	} {
		if edited[i].Kept || !strings.Contains(string(edited[i].Text), want) {
			t.Errorf("commit %d is kept: %v; it is exported as\n%s", i+1, edited[i].Kept, edited[i].Text)
		}
	}
	swapped := rebased(t, fixture(t), "v1.30.4", "v1.30.4", files).hook("pkg/b.go", known, hooked)
	var wrong *MatchError
	if exported, err := Series(r.Series, r.On, []series.Draft{swapped.Commits[1], swapped.Commits[0]}, nil); !errors.As(err, &wrong) {
		t.Errorf("two commits in another order give %+v, %v", exported, err)
	}
}
