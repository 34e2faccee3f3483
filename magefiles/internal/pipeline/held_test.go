package pipeline_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
)

// A build whose patches are not those of the series' lock is refused before anything is
// fetched, and again before anything is applied.
func TestEditedPatchIsNotBuilt(t *testing.T) {
	for name, test := range map[string]struct {
		spoil       func(t *testing.T, series string)
		unrecorded  bool
		says        string
		untestedToo bool
	}{
		"patch edited": {func(t *testing.T, series string) {
			path := filepath.Join(series, "0001-keep.patch")
			writeFile(t, path, []byte(strings.Replace(read(t, path), `"keeps "`, `"edits "`, 1)))
		}, false, "0001-keep.patch: the patch was edited", false},
		"patch not recorded": {func(t *testing.T, series string) {
			path := filepath.Join(series, serieslock.FileName)
			writeFile(t, path, []byte(strings.Replace(read(t, path), "0001-keep", "0001-other", 1)))
		}, true, "0001-keep.patch: the patch is not recorded", false},
		"no lock": {func(t *testing.T, series string) {
			if err := os.Remove(filepath.Join(series, serieslock.FileName)); err != nil {
				t.Fatal(err)
			}
		}, true, "nothing of the series is recorded", true},
	} {
		t.Run(name, func(t *testing.T) {
			root, kubernetes := repository(t)
			mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug) // what is remembered does not help
			test.spoil(t, filepath.Join(root, "patches", pipeline.DefaultSeries))
			p, err := pipeline.Open(config(root))
			if err != nil {
				t.Fatal(err)
			}
			early := p.CheckSeries(pipeline.PatchOptions{Series: pipeline.DefaultSeries}, pipeline.SourceOptions{Version: "v1.36.3"})
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			_, late := run(t.Context(), config(root), kubernetes, pipeline.DefaultSeries, debug)
			for _, err := range []error{early, late} {
				if !errors.Is(err, serieslock.ErrDrift) || errors.Is(err, serieslock.ErrNotRecorded) != test.unrecorded {
					t.Fatalf("got %v", err)
				}
				for _, part := range []string{test.says, "go tool mage lock", serieslock.FileName} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("the error does not say %q: %v", part, err)
					}
				}
			}
			leftNothing(t, root)
			if test.untestedToo && !untestedBuild(t, root, kubernetes, debug).Series.Untested {
				t.Error("-untested builds it, and the manifest does not say so")
			}
		})
	}
}

// archived packs a folder as a release's tarball is packed.
func archived(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubernetes.tar.gz")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	compressor := gzip.NewWriter(file)
	archive := tar.NewWriter(compressor)
	err = errors.Join(archive.AddFS(os.DirFS(filepath.Dir(folder))), archive.Close(), compressor.Close(), file.Close())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// patchArchive patches the tree of a tarball, and returns the root module's sum.
func patchArchive(t *testing.T, root, path string) (sum string, err error) {
	t.Helper()
	p, err := pipeline.Open(config(root))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	digest, _, err := build.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := p.Source(t.Context(), pipeline.SourceOptions{Version: "v1.36.3", Kind: "archive", Location: path, SHA256: digest})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Patch(t.Context(), tree, pipeline.PatchOptions{Series: pipeline.DefaultSeries})
	return tree.Origin.RootSum, err
}

// What the patches make of a tag's tree has to be what was recorded. A tree that is not
// the tag's is not compared.
func TestTreeIsHeldAgainstTheLock(t *testing.T) {
	root, kubernetes := repository(t)
	only := filepath.Join(t.TempDir(), "kubernetes")
	if err := os.CopyFS(filepath.Join(only, "kubernetes"), os.DirFS(kubernetes)); err != nil {
		t.Fatal(err)
	}
	path := archived(t, filepath.Join(only, "kubernetes"))
	sum, err := patchArchive(t, root, path)
	if err != nil || sum == "" {
		t.Fatalf("a tree of an unknown sum gives %q, %v", sum, err)
	}
	known := filepath.Join(root, "patches", "kubernetes.lock.yaml")
	writeFile(t, known, []byte(strings.Replace(read(t, known), "h1:unknown=", sum, 1)))
	_, err = patchArchive(t, root, path)
	if !errors.Is(err, serieslock.ErrNotRecorded) || !strings.Contains(err.Error(), "v1.36.3: the tag is not recorded") {
		t.Fatalf("a tag that is not recorded gives %v", err)
	}
	lockPath := filepath.Join(root, "patches", pipeline.DefaultSeries, serieslock.FileName)
	recorded, err := serieslock.Read(lockPath)
	if err != nil {
		t.Fatal(err)
	}
	zero := strings.Repeat("0", 40)
	version := serieslock.Version{Version: kubever.Version{Major: 1, Minor: 36, Patch: 3}, Source: zero, After: []serieslock.After{{File: "0001-keep.patch", Tree: zero}}}
	for _, says := range []string{"the tree before the first patch", "0001-keep.patch: the tree after the patch"} {
		recorded.Put(version)
		if err := recorded.Write(lockPath); err != nil {
			t.Fatal(err)
		}
		_, err = patchArchive(t, root, path)
		var drift *serieslock.Error
		if !errors.As(err, &drift) || errors.Is(err, serieslock.ErrNotRecorded) || !strings.Contains(err.Error(), says) {
			t.Fatalf("got %v, want it to say %q", err, says)
		}
		if version.Source == zero {
			version.Source = drift.Drifts[0].Got
		} else {
			version.After[0].Tree = drift.Drifts[0].Got
		}
	}
	recorded.Put(version)
	if err := recorded.Write(lockPath); err != nil {
		t.Fatal(err)
	}
	if _, err := patchArchive(t, root, path); err != nil {
		t.Errorf("what was recorded is refused: %v", err)
	}
}

// A packfile without an index, as a killed run leaves it, would make the whole tree
// unreadable. It is repaired; where it is damaged too, or all of it is gone, the tree is
// fetched again.
func TestTreeIsRepaired(t *testing.T) {
	eachPack := func(t *testing.T, tree string, spoil func(base string) error) {
		indexes, err := filepath.Glob(filepath.Join(tree, "git/objects/pack/*.idx"))
		if err != nil || len(indexes) == 0 {
			t.Fatal(indexes, err)
		}
		for _, index := range indexes {
			if err := spoil(strings.TrimSuffix(index, ".idx")); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, test := range map[string]struct {
		spoil func(t *testing.T, tree string)
		says  string
	}{
		"no index": {func(t *testing.T, tree string) {
			eachPack(t, tree, func(base string) error { return os.Remove(base + ".idx") })
		}, "is repaired\n"},
		"damaged, and no index": {func(t *testing.T, tree string) {
			eachPack(t, tree, func(base string) error {
				return errors.Join(os.Remove(base+".idx"), os.Chmod(base+".pack", 0o600), os.Truncate(base+".pack", 100))
			})
		}, "is fetched again"},
		"no packfile": {func(t *testing.T, tree string) {
			eachPack(t, tree, func(base string) error { return os.Remove(base + ".pack") })
		}, "is fetched again"},
		"gone": {func(t *testing.T, tree string) {
			if err := os.RemoveAll(tree); err != nil {
				t.Fatal(err)
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			root, kubernetes := repository(t)
			first := mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
			trees, err := filepath.Glob(filepath.Join(root, ".steadylet/trees/v1.36.3-*"))
			if err != nil || len(trees) != 1 {
				t.Fatal(trees, err)
			}
			test.spoil(t, trees[0])
			if err := os.RemoveAll(filepath.Join(root, "dist")); err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			settings := config(root)
			settings.Messages = &said
			for _, series := range []string{pipeline.StockSeries, pipeline.DefaultSeries} {
				built, err := run(t.Context(), settings, kubernetes, series, debug)
				if err != nil {
					t.Fatal(err)
				}
				if keeps := strings.Contains(says(t, built.Path), "keeps container"); keeps != (built.Path == first.Path) {
					t.Errorf("%s keeps containers: %v", built.Path, keeps)
				}
			}
			if !strings.Contains(said.String(), test.says) || test.says == "" && strings.Contains(said.String(), "incomplete") {
				t.Errorf("want it to say %q:\n%s", test.says, &said)
			}
		})
	}
}
