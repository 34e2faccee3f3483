package export_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/export"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

func TestEveryPatchIsCanonical(t *testing.T) {
	tags := lockedTags(t)
	for _, s := range everySeries(t) {
		written, err := export.Canonical(s, tags)
		if errors.Is(err, source.ErrUnavailable) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, patch := range written {
			if !patch.Kept {
				t.Errorf("%s/%s is not canonical: edit it with `go tool mage edit` and `go tool mage export` (-file +canonical):\n%s",
					s.Name, patch.File, cmp.Diff(string(s.Entries[i].Patch.Text), string(patch.Text)))
			}
		}
	}
}

// What is not in canonical form is found, and what it would be is canonical.
func TestNotCanonical(t *testing.T) {
	const narrow = "@@ -4,2 +4,3 @@\n \tone()\n+\tours()\n \ttwo()\n"
	for name, hunk := range map[string]string{
		"wide context": "@@ -3,4 +3,5 @@\n func f() {\n \tone()\n+\tours()\n \ttwo()\n \tthree()\n",
		"other lines":  "@@ -14,2 +14,3 @@\n \tone()\n+\tours()\n \ttwo()\n",
	} {
		t.Run(name, func(t *testing.T) {
			written := canonicalOf(t, patchOf(hunk))
			if written.Kept {
				t.Error("it is called canonical")
			}
			again := canonicalOf(t, string(written.Text))
			if diff := cmp.Diff(string(written.Text), string(again.Text)); diff != "" || !again.Kept {
				t.Errorf("what is canonical is not (-once +twice):\n%s", diff)
			}
			if !strings.Contains(string(again.Text), "\n \tone()\n+\tours()\n \ttwo()\n") || strings.Contains(string(again.Text), "three") {
				t.Errorf("the context is not the smallest:\n%s", again.Text)
			}
		})
	}
	s := tiny(t, patchOf(narrow))
	if _, err := export.Canonical(s, nil); err == nil {
		t.Error("a patch that no tag gets is written anew")
	}
}

func patchOf(hunk string) string {
	return "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\nFrom: A <a@localhost>\nDate: Mon, 5 Jan 2026 12:00:00 +0000\n" +
		"Subject: [PATCH] Call ours\n\n---\n a.go | 1 +\n 1 file changed, 1 insertion(+)\n\n" +
		"diff --git a/a.go b/a.go\nindex 1111111..2222222 100644\n--- a/a.go\n+++ b/a.go\n" + hunk
}

// tiny is a series of one patch.
func tiny(t *testing.T, patch string) *series.Series {
	t.Helper()
	const index = "name: s\nsummary: S.\ncomponents: [kubelet]\npatches:\n  - file: 0001-a.patch\n    versions: \">=1.30.0 <1.31.0\"\n    why: For the test.\n"
	loaded, err := series.Load(fstest.MapFS{"s/series.yaml": {Data: []byte(index)}, "s/0001-a.patch": {Data: []byte(patch)}}, "s")
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func canonicalOf(t *testing.T, patch string) export.Patch {
	t.Helper()
	const source = "package a\n\nfunc f() {\n\tone()\n\ttwo()\n\tthree()\n}\n"
	on := export.Tag{
		Version: kubever.Version{Major: 1, Minor: 30, Patch: 4}, Files: series.FromFS(fstest.MapFS{"a.go": {Data: []byte(source)}}),
	}
	written, err := export.Canonical(tiny(t, patch), []export.Tag{on})
	if err != nil {
		t.Fatal(err)
	}
	return written[0]
}
