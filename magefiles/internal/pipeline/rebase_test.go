package pipeline_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/export"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/workbench"
)

// resolve is what a person does at the one conflict.
const resolve = `printf 'package kubelet\n\nfunc changed(container string, pod string) bool {\n\treturn ours(hash(container, pod) != known(container))\n}\n' >pkg/kubelet/changed.go
git add pkg/kubelet/changed.go`

// onNewTag brings the series of rebase.txtar to the second tag.
func onNewTag(t *testing.T) maintainer {
	t.Helper()
	m := tiny(t)
	commands := m.edit("v1.37.0", "v1.38.0")
	if out, err := m.shell(commands[0]); err == nil {
		t.Fatalf("the second patch applies:\n%s", out)
	}
	m.must(resolve + "\n" + commands[1])
	return m
}

// The commands that edit says to run bring the series to the tag. Before the end of the
// rebase nothing is laid out or exported over it.
func TestRebaseWithGit(t *testing.T) {
	m := tiny(t)
	commands := m.edit("v1.37.0", "v1.38.0")
	m.said.Reset()
	again := pipeline.EditOptions{Series: "tiny", Version: "v1.38.0", From: "v1.37.0"}
	if err := m.Edit(t.Context(), again); !errors.Is(err, pipeline.ErrEditing) || !strings.Contains(m.said.String(), commands[0]) {
		t.Errorf("laying it out again gives %v, and says\n%s", err, m.said)
	}
	if err := m.Export(t.Context(), 0); !errors.Is(err, gittree.ErrHistory) || !strings.Contains(err.Error(), "v1.38.0") {
		t.Errorf("exporting before the rebase gives %v", err)
	}
	if out, err := m.shell(commands[0]); err == nil || !strings.Contains(out, "CONFLICT (content): Merge conflict in pkg/kubelet/changed.go") {
		t.Fatalf("%v: git says\n%s", err, out)
	}
	if err := m.Export(t.Context(), 0); !errors.Is(err, workbench.ErrUnfinished) || !strings.Contains(err.Error(), "git rebase --continue") {
		t.Errorf("exporting at the conflict gives %v", err)
	}
	m.must(resolve + "\n" + commands[1])
	if out := m.must(commands[2]); !strings.Contains(out, " = 1:") || !strings.Contains(out, " > 2:") || !strings.Contains(out, " = 3:") {
		t.Errorf("git's range-diff is\n%s", out)
	}
}

// The one conflict gives a variant with the author, the date and the message of the patch;
// the other patches are for more versions then, and keep their bytes.
func TestExportOfRebased(t *testing.T) {
	m := onNewTag(t)
	before := map[string]string{}
	for _, file := range []string{"0001-start.patch", "0002-changed.patch", "0003-help.patch", series.IndexFile} {
		before[file] = m.read(file)
	}
	if err := m.Export(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	variant := filepath.Join(m.series, "0002-changed.v1.38.patch")
	if diff := cmp.Diff(variant+"\n"+filepath.Join(m.series, series.IndexFile)+"\n", m.results.String()); diff != "" {
		t.Errorf("changed files (-want +got):\n%s", diff)
	}
	old, changed, _ := strings.Cut(before["0002-changed.patch"], "---\n pkg")
	got, _, _ := strings.Cut(read(t, variant), "---\n pkg")
	if diff := cmp.Diff(old, got); diff != "" || changed == "" {
		t.Errorf("above the change (-old +variant):\n%s", diff)
	}
	if !strings.Contains(read(t, variant), "+\treturn ours(hash(container, pod) != known(container))\n") {
		t.Errorf("the variant is\n%s", read(t, variant))
	}
	index := strings.ReplaceAll(before[series.IndexFile], "<1.38.0", "<1.39.0")
	index = strings.Replace(index, "slot: changed\n    versions: \">=1.30.4 <1.39.0\"\n    why: The test asks for it.\n",
		"slot: changed\n    versions: \">=1.30.4 <1.38.0\"\n    why: The test asks for it.\n"+
			"  - file: 0002-changed.v1.38.patch\n    slot: changed\n    versions: \">=1.38.0 <1.39.0\"\n    why: The same, where pkg/kubelet/changed.go differs. (Say how.)\n", 1)
	if diff := cmp.Diff(index, m.read(series.IndexFile)); diff != "" {
		t.Errorf("series.yaml (-want +got):\n%s", diff)
	}
	delete(before, series.IndexFile)
	for file, text := range before {
		if text != m.read(file) {
			t.Errorf("%s changed", file)
		}
	}
	m.exportsNothing("serves v1.38.0 as it is: nothing changed")
	m.must("git commit -q --amend -m 'kubelet: add ours' -m 'Reworded.'") // of the last
	m.results.Reset()
	if err := m.Export(t.Context(), 0); err != nil || !strings.HasPrefix(m.results.String(), filepath.Join(m.series, "0003-help.v1.38.patch\n")) {
		t.Errorf("an amended commit gives %v\n%s", err, m.results)
	}
	if err := m.DiscardEdit(); err != nil {
		t.Error(err)
	}
}

// A run that is killed while it writes is taken up: by the next export, which ends with
// the same series, or by dropping the tree, which leaves the series as it was.
func TestExportIsKilled(t *testing.T) {
	for name, drop := range map[string]bool{"exported again": false, "dropped": true} {
		t.Run(name, func(t *testing.T) {
			m := onNewTag(t)
			old := m.read(series.IndexFile)
			if err := m.Export(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			want, variant := m.read(series.IndexFile), m.read("0002-changed.v1.38.patch")
			// It was killed between the last patch and series.yaml.
			writeFile(t, filepath.Join(m.series, series.IndexFile), []byte(old))
			if _, err := series.Load(os.DirFS(filepath.Dir(m.series)), "tiny"); err == nil {
				t.Error("half a series is read")
			}
			if drop {
				if err := m.DiscardEdit(); err != nil {
					t.Fatal(err)
				}
				if _, err := series.Load(os.DirFS(filepath.Dir(m.series)), "tiny"); err != nil || m.read(series.IndexFile) != old {
					t.Errorf("the series is not as it was: %v", err)
				}
				return
			}
			if err := m.Export(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{want, variant}, []string{m.read(series.IndexFile), m.read("0002-changed.v1.38.patch")}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What a person may make of the commits with git, and what export makes of that. Where it
// refuses, nothing is written.
func TestExportOfOtherCommits(t *testing.T) {
	const todo = "GIT_SEQUENCE_EDITOR=\"sed -i '%s'\" git rebase -q -i v1.38.0"
	for name, test := range map[string]struct {
		command string
		says    string // of the error, or of what is exported
		is      error
	}{
		"dropped":   {fmt.Sprintf(todo, "1d"), "no commit is 0001-start.patch (kubelet: start ours)", nil},
		"squashed":  {fmt.Sprintf(todo, "2s/pick/squash/"), "no commit is 0002-changed.patch (kubelet: ask ours)", nil},
		"reordered": {fmt.Sprintf(todo, "1{h;d};2G"), "in the order of series.yaml", nil},
		"added":     {"git commit -q --allow-empty -m 'Another thing'", "no patch is commit 4 (Another thing)", nil},
		"empty":     {"git checkout -q HEAD~ -- . && git rm -q pkg/kubelet/ours.go && git commit -q --amend --allow-empty --no-edit", "it changes no file", series.ErrEmpty},
		"merged":    {"git checkout -q -b side HEAD~ && git commit -q --allow-empty -m side && git checkout -q series && git merge -q --no-edit side", "is a merge", gittree.ErrHistory},
		"marked": {"printf '<<<<<<< HEAD\\n=======\\n>>>>>>> x\\n' >>pkg/kubelet/ours.go && git commit -q -a --amend --no-edit",
			"pkg/kubelet/ours.go, of commit 3 (kubelet: add ours)", export.ErrMarks},
		"hook lost": {"sed -i 's/ours(hash(container, pod) != known(container))/hash(container, pod) != known(container)/; $a// ours' pkg/kubelet/changed.go && git commit -q -a --fixup HEAD~ && " +
			fmt.Sprintf(todo, ""), "the assertions in series.yaml", hookcheck.ErrHookMissing},
		"no place": {"printf 'x\\n' >new.go", "no patch changes new.go", export.ErrHomeless},
	} {
		t.Run(name, func(t *testing.T) {
			m := onNewTag(t)
			before, err := os.ReadDir(m.series)
			if err != nil {
				t.Fatal(err)
			}
			index := m.read(series.IndexFile)
			m.must(strings.Replace(test.command, "rebase -q -i v1.38.0", "rebase -q -i --autosquash v1.38.0", 1))
			err = m.Export(t.Context(), 0)
			if err == nil || !strings.Contains(err.Error(), test.says) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("want it to say %q: %v", test.says, err)
			}
			var wrong *export.MatchError
			if test.is == nil && !errors.As(err, &wrong) {
				t.Errorf("got %v", err)
			}
			after, err := os.ReadDir(m.series)
			if err != nil || len(after) != len(before) || m.read(series.IndexFile) != index || m.results.Len() > 0 {
				t.Errorf("something was written: %v, %v", after, err)
			}
		})
	}
}

// What is not committed goes into the commit that changed the file.
func TestExportOfUncommitted(t *testing.T) {
	m := onNewTag(t)
	m.must("sed -i 's/startOurs()/startOurs() \\/\\/ first/' pkg/kubelet/run.go")
	if err := m.Export(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if text := m.read("0001-start.v1.38.patch"); !strings.Contains(text, "+\tstartOurs() // first\n") || !strings.Contains(text, "\nFrom: Ada Example <ada@example.org>\n") {
		t.Errorf("the variant is\n%s", text)
	}
	if status := m.must("git status --short; git log -3 --format='%an %ad' --date=iso"); status != "Ada Example 2026-01-02 03:04:06 +0100\nJ. Random Hacker 2026-01-03 03:04:05 -0800\nAda Example 2026-01-02 03:04:05 +0100\n" {
		t.Errorf("git says\n%s", status)
	}
	m.exportsNothing("nothing changed")
}

func TestEditRefuses(t *testing.T) {
	m := tiny(t)
	for name, test := range map[string]struct {
		options pipeline.EditOptions
		says    string
	}{
		"the same tag":    {pipeline.EditOptions{Series: "tiny", Version: "v1.37.0", From: "v1.37.0"}, "are both v1.37.0"},
		"not a tag":       {pipeline.EditOptions{Series: "tiny", Version: "v1.38.0", From: "1.37"}, "is not a Kubernetes version"},
		"from no range":   {pipeline.EditOptions{Series: "tiny", Version: "v1.37.0", From: "v1.38.0"}, "not made for v1.38.0"},
		"no such tag":     {pipeline.EditOptions{Series: "tiny", Version: "v1.39.0", From: "v1.37.0"}, "v1.39.0"},
		"no such series":  {pipeline.EditOptions{Series: "none-such", Version: "v1.38.0", From: "v1.37.0"}, "is not in patches/"},
		"not in the lock": {pipeline.EditOptions{Series: "tiny", Version: "v1.38.0"}, "is not in patches/kubernetes.lock.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := m.Edit(t.Context(), test.options); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("want it to say %q: %v", test.says, err)
			}
			if left, err := filepath.Glob(filepath.Join(m.root, ".steadylet", "edit*")); err != nil || len(left) > 0 {
				t.Errorf("left are %v, %v", left, err)
			}
		})
	}
}

// On real tags: a variant is taken away, the series is brought to the tag that it was for,
// and the variant comes back to the byte.
func TestRebaseOnRealTags(t *testing.T) {
	const missing = "0003-run-kubelet.v1.24.patch"
	root, _ := ownSeries(t)
	m := opened(t, root, pipeline.DefaultSeries, os.Environ())
	want, index := m.read(missing), m.read(series.IndexFile)
	before, rest, _ := strings.Cut(index, "  - file: "+missing+"\n")
	_, after, found := strings.Cut(rest, "  - file: ")
	if !found {
		t.Fatal(index)
	}
	writeFile(t, filepath.Join(m.series, series.IndexFile), []byte(before+"  - file: "+after))
	if err := os.Remove(filepath.Join(m.series, missing)); err != nil {
		t.Fatal(err)
	}
	commands := m.edit("v1.23.17", "v1.24.17")
	if out, err := m.shell(commands[0]); err == nil || strings.Count(out, "CONFLICT (") != 1 {
		t.Fatalf("%v: git says\n%s", err, out)
	}
	// Of both sides, the import that is ours is kept.
	m.must("sed -i '/^<<<<<<< /d; /^=======$/d; /^>>>>>>> /d; /^\tkubetypes /d' cmd/kubelet/app/server.go && git add -u && " + commands[1])
	if err := m.Export(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, m.read(missing)); diff != "" {
		t.Errorf("(-variant +exported):\n%s", diff)
	}
	if !strings.Contains(m.read(series.IndexFile), "  - file: "+missing+"\n    slot: run-kubelet\n    versions: \">=1.24.17 <1.25.0\"\n") {
		t.Errorf("series.yaml is\n%s", m.read(series.IndexFile))
	}
	m.exportsNothing("nothing changed")
}
