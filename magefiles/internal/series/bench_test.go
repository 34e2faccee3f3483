package series

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// benchmarkTree is a tree whose one file is as long as the files that a kubelet
// patch changes, with the fixture's lines in its middle.
func benchmarkTree(b *testing.B) (patches string, tree map[string]File) {
	b.Helper()
	dir := filepath.Join("testdata", "apply", "clean")
	patches, err := filepath.Abs(filepath.Join(dir, "patches"))
	if err != nil {
		b.Fatal(err)
	}
	tree = readTree(b, filepath.Join(dir, "before"))
	filler := strings.Repeat("\tif err := doSomething(argument); err != nil {\n\t\treturn err\n\t}\n", 500)
	list := tree["pkg/list.txt"]
	list.Data = []byte(filler + string(list.Data) + filler)
	tree["pkg/list.txt"] = list
	return patches, tree
}

// BenchmarkApply reads the series, applies it and writes the changed files,
// which is what BenchmarkGitApply's program does.
func BenchmarkApply(b *testing.B) {
	dir, tree := benchmarkTree(b)
	version := kubever.Version{Major: 1, Minor: 30}
	work := b.TempDir()
	for b.Loop() {
		b.StopTimer()
		writeTree(b, work, tree)
		b.StartTimer()
		s, err := Load(os.DirFS(dir), ".")
		if err != nil {
			b.Fatal(err)
		}
		patches, err := s.Select(version, false)
		if err != nil {
			b.Fatal(err)
		}
		result, err := Apply(FromFS(os.DirFS(work)), patches)
		if err != nil {
			b.Fatal(err)
		}
		for _, applied := range result.Patches {
			for _, c := range applied.Changes {
				if err := os.WriteFile(filepath.Join(work, c.Path), c.Data, 0o644); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
}

func BenchmarkGitApply(b *testing.B) {
	requireGit(b)
	dir, tree := benchmarkTree(b)
	work := b.TempDir()
	git(b, work, "init", "-q")
	for b.Loop() {
		b.StopTimer()
		writeTree(b, work, tree)
		b.StartTimer()
		git(b, work, "apply", filepath.Join(dir, "0001-change.patch"), filepath.Join(dir, "0002-change-again.patch"))
	}
}
