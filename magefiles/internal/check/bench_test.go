package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// thirtyPatches makes a series of as many patches: each changes one line of a file of its
// own, somewhere in the kubelet.
func thirtyPatches(b *testing.B, root string) *series.Series {
	b.Helper()
	found, err := filepath.Glob(filepath.Join(root, "pkg", "kubelet", "*", "*.go"))
	if err != nil || len(found) < 30 {
		b.Fatalf("%d files, %v", len(found), err)
	}
	dir := b.TempDir()
	index := "name: s\nsummary: Thirty patches.\ncomponents: [kubelet]\npatches:\n"
	for i, path := range found[:30] {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			b.Fatal(err)
		}
		old := series.File{Data: data}
		changed := series.File{Data: []byte(strings.Replace(string(data), "\npackage ", "\n\npackage ", 1))}
		draft := series.Draft{Number: i + 1, Count: 30, Title: "One line", Files: []series.FileChange{{Path: name, Old: &old, New: &changed}}}
		file := fmt.Sprintf("%04d-line.patch", i+1)
		text, err := series.Format(file, draft, []series.Files{series.FromFS(os.DirFS(root))})
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
			b.Fatal(err)
		}
		index += fmt.Sprintf("  - file: %s\n    versions: \">=1.30.4 <1.38.0\"\n    why: The benchmark.\n", file)
	}
	if err := os.WriteFile(filepath.Join(dir, series.IndexFile), []byte(index), 0o644); err != nil {
		b.Fatal(err)
	}
	loaded, err := series.Load(os.DirFS(filepath.Dir(dir)), filepath.Base(dir))
	if err != nil {
		b.Fatal(err)
	}
	return loaded
}

// BenchmarkThirtyPatches checks a series of thirty patches on a real tag. "described" knows
// the tag's tree already; "from scratch" reads every file of it first.
func BenchmarkThirtyPatches(b *testing.B) {
	root := programtest.Module(b, "k8s.io/kubernetes@v1.31.0")
	publishedVersion := kubever.Version{Major: 1, Minor: 31}
	s := thirtyPatches(b, root)
	published := &source.Published{Root: root}
	store, err := gittree.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	id, err := roottree.Describe(b.Context(), store, published)
	if err != nil {
		b.Fatal(err)
	}
	for _, scratch := range []bool{false, true} {
		b.Run(map[bool]string{false: "described", true: "from scratch"}[scratch], func(b *testing.B) {
			for b.Loop() {
				if scratch {
					if id, err = roottree.Describe(b.Context(), store, published); err != nil {
						b.Fatal(err)
					}
				}
				selection := check.Select(s, publishedVersion, true, &serieslock.Lock{})
				tree, err := roottree.New(store, published, id, selection.Paths())
				if err != nil {
					b.Fatal(err)
				}
				row, err := check.Apply(s, publishedVersion, selection, tree)
				if err != nil || !row.Passed() {
					b.Fatalf("%+v, %v", row, err)
				}
			}
		})
	}
}
