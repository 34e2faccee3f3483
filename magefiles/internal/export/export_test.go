package export_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/export"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/roottree"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

var patchesFolder = filepath.Join("..", "..", "..", "patches")

// everySeries loads the series of this repository.
func everySeries(t *testing.T) []*series.Series {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(patchesFolder, "*", series.IndexFile))
	if err != nil || len(found) == 0 {
		t.Fatalf("no series: %v", err)
	}
	var all []*series.Series
	for _, path := range found {
		loaded, err := series.Load(os.DirFS(patchesFolder), filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, loaded)
	}
	return all
}

// lockedTags returns the sources of the locked tags that the module cache has.
func lockedTags(t *testing.T) []export.Tag {
	t.Helper()
	locked, err := lock.Read(filepath.Join(patchesFolder, "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(programtest.ModuleCache(t), "k8s.io")
	var tags []export.Tag
	for _, version := range locked.Known() {
		root := filepath.Join(cache, "kubernetes@"+version.String())
		if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
			t.Logf("left out: the module cache doesn't have %s; go mod download k8s.io/kubernetes@%[1]s brings it", version)
			continue
		}
		published := &source.Published{Root: root, Staging: map[string]string{}, Unavailable: map[string]error{}}
		client := "client-go@" + version.StagingModule()
		if _, err := os.Stat(filepath.Join(cache, client)); err == nil {
			published.Staging["k8s.io/client-go"] = filepath.Join(cache, client)
		} else {
			published.Unavailable["k8s.io/client-go"] = fmt.Errorf("%w: go mod download k8s.io/%s brings it", source.ErrUnavailable, client)
		}
		tags = append(tags, export.Tag{Version: version, Files: roottree.NewFiles(published)})
	}
	if len(tags) == 0 {
		programtest.Module(t, "k8s.io/kubernetes@"+locked.Known()[0].String())
	}
	return tags
}

// Applied patches are exported as they were, to the byte, from every locked tag.
func TestRoundTrip(t *testing.T) {
	tags := lockedTags(t)
	for _, s := range everySeries(t) {
		for _, tag := range tags {
			patches, err := s.Select(tag.Version, false)
			if errors.Is(err, series.ErrRange) {
				continue
			}
			t.Run(s.Name+"/"+tag.Version.String(), func(t *testing.T) {
				exported, err := export.Series(s, tag, drafts(t, tag, patches), tags)
				if err != nil {
					t.Fatal(err)
				}
				for i, patch := range exported {
					if diff := cmp.Diff(string(patches[i].Text), string(patch.Text)); diff != "" || !patch.Kept {
						t.Errorf("%s (-file +exported):\n%s", patch.File, diff)
					}
				}
			})
		}
	}
}

// A patch written anew makes the same change as the file, and written again is the same
// text.
func TestCanonicalText(t *testing.T) {
	tags := lockedTags(t)
	for _, s := range everySeries(t) {
		for _, tag := range tags {
			patches, err := s.Select(tag.Version, false)
			if errors.Is(err, series.ErrRange) {
				continue
			}
			t.Run(s.Name+"/"+tag.Version.String(), func(t *testing.T) {
				before := tag.Files
				for i, draft := range drafts(t, tag, patches) {
					again := canonical(t, patches[i].File, draft, before)
					same, err := export.Makes(again, draft, before)
					if err != nil || !same {
						t.Errorf("%s: the canonical text makes another change (%v)", again.File, err)
					}
					before = series.Overlay(before, draft.Files)
				}
			})
		}
	}
}

// canonical formats a draft, and what the text makes, which has to give it again.
func canonical(t *testing.T, file string, draft series.Draft, before series.Files) *series.Patch {
	t.Helper()
	text, err := series.Format(file, draft, []series.Files{before})
	if err != nil {
		t.Fatal(err)
	}
	patch, err := series.Parse(file, text)
	if err != nil {
		t.Fatal(err)
	}
	result, err := series.Apply(before, []*series.Patch{patch})
	if err != nil {
		t.Fatal(err)
	}
	again, err := result.Drafts(before)
	if err != nil {
		t.Fatal(err)
	}
	again[0].Number, again[0].Count = draft.Number, draft.Count
	second, err := series.Format(file, again[0], []series.Files{before})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(second)); diff != "" {
		t.Errorf("%s changes when it is written again:\n%s", file, diff)
	}
	return patch
}

func drafts(t *testing.T, tag export.Tag, patches []*series.Patch) []series.Draft {
	t.Helper()
	result, err := series.Apply(tag.Files, patches)
	if errors.Is(err, source.ErrUnavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	made, err := result.Drafts(tag.Files)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// An edited commit changes the one patch that it belongs to.
func TestEditedCommit(t *testing.T) {
	tags := lockedTags(t)
	on := tags[len(tags)-1]
	s, patches := seriesFor(t, on.Version)
	commits := drafts(t, on, patches)
	last := len(commits) - 1
	commits[last].Title = "kubelet: another title"
	exported, err := export.Series(s, on, commits, tags)
	if err != nil {
		t.Fatal(err)
	}
	for i, patch := range exported {
		if patch.Kept != (i != last) {
			t.Errorf("%s: kept is %v", patch.File, patch.Kept)
		}
	}
	if !strings.Contains(string(exported[last].Text), "another title") {
		t.Errorf("the new title is not in\n%s", exported[last].Text)
	}
	var wrong *export.MatchError
	if _, err := export.Series(s, on, commits[1:], tags); !errors.As(err, &wrong) {
		t.Errorf("one commit less gives %v", err)
	}
}

func seriesFor(t *testing.T, version kubever.Version) (*series.Series, []*series.Patch) {
	t.Helper()
	for _, s := range everySeries(t) {
		if patches, err := s.Select(version, false); err == nil {
			return s, patches
		}
	}
	t.Fatalf("no series is made for %s", version)
	return nil, nil
}
