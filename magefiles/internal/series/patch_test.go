package series

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestRefusedPatches(t *testing.T) {
	want := map[string]error{
		"crlf":                   ErrCRLF,
		"crlf-one-line":          ErrCRLF,
		"binary-literal":         ErrBinary,
		"binary-differ":          ErrBinary,
		"nul":                    ErrBinary,
		"path-parent":            ErrPath,
		"path-absolute":          ErrPath,
		"path-rename-absolute":   ErrPath,
		"path-no-prefix":         ErrPath,
		"path-backslash":         ErrPath,
		"path-git":               ErrPath,
		"path-git-case":          ErrPath,
		"path-quoted":            ErrPath,
		"path-new-file":          ErrPath,
		"symlink-new":            ErrMode,
		"symlink-changed":        ErrMode,
		"submodule":              ErrMode,
		"mode-setuid":            ErrMode,
		"copy":                   ErrCopy,
		"empty":                  ErrEmpty,
		"only-a-message":         ErrEmpty,
		"no-header":              ErrNoTitle,
		"no-subject":             ErrNoTitle,
		"empty-subject":          ErrNoTitle,
		"count-too-few":          ErrMalformed,
		"count-too-many":         ErrMalformed,
		"hunk-cut-off":           ErrMalformed,
		"text-between":           ErrMalformed,
		"blank-context":          ErrMalformed,
		"no-index":               ErrMalformed,
		"traditional":            ErrMalformed,
		"no-context":             ErrMalformed,
		"no-context-above":       ErrMalformed,
		"into-empty-file":        ErrMalformed,
		"twice":                  ErrMalformed,
		"hunks-disordered":       ErrMalformed,
		"newline-missing-inside": ErrMalformed,
	}
	files, err := filepath.Glob("testdata/refused/*.patch")
	if err != nil || len(files) != len(want) {
		t.Fatalf("testdata/refused holds %d patches, the table %d (%v)", len(files), len(want), err)
	}
	for name, sentinel := range want {
		t.Run(name, func(t *testing.T) {
			file := name + ".patch"
			data, err := os.ReadFile(filepath.Join("testdata", "refused", file))
			if err != nil {
				t.Fatal(err)
			}
			patch, err := parsePatch(file, data)
			var refused *PatchError
			if patch != nil || !errors.Is(err, sentinel) || !errors.As(err, &refused) {
				t.Fatalf("parsePatch = %v, %v; want %v", patch, err, sentinel)
			}
			if refused.File != file || refused.Reason == "" {
				t.Errorf("the error does not say which file and why: %+v", refused)
			}
			t.Log(err)
		})
	}
}

const smallDiff = "---\n 1 file changed\n\n" +
	"diff --git a/a.txt b/a.txt\nindex 1111111..2222222 100644\n--- a/a.txt\n+++ b/a.txt\n" +
	"@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"

func TestPatchMessage(t *testing.T) {
	tests := []struct{ name, header, title, body string }{
		{"plain", "Subject: A title\n\n", "A title", ""},
		{"numbered", "From 1234567 Mon Sep 17 00:00:00 2001\nFrom: Ada <ada@example.org>\nSubject: [PATCH 1/2] A title\n\nWhy it is.\n\nMore.\n", "A title", "Why it is.\n\nMore."},
		{"own prefix", "Subject: [PATCH] [steadylet] A title\n\n", "[steadylet] A title", ""},
		{"folded", "Subject: [PATCH] A title that\n goes on\n\n", "A title that goes on", ""},
		{"encoded", "Subject: [PATCH] =?UTF-8?q?Gr=C3=B6=C3=9Fe?=\n\n", "Größe", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			patch, err := parsePatch("0001-x.patch", []byte(test.header+smallDiff))
			if err != nil {
				t.Fatal(err)
			}
			if patch.Title != test.title || patch.Body != test.body {
				t.Errorf("title %q, body %q; want %q, %q", patch.Title, patch.Body, test.title, test.body)
			}
		})
	}
}

func TestPatchEnds(t *testing.T) {
	for _, end := range []string{"", "\n", "-- \n2.39.5\n\n", "-- \n2.39.5 (a build)\n", "-- \n"} {
		if _, err := parsePatch("0001-x.patch", []byte("Subject: A title\n\n"+smallDiff+end)); err != nil {
			t.Errorf("patch that ends with %q: %v", end, err)
		}
	}
	for _, end := range []string{"+four\n", "-- \n+four\n", "-- \n2.39.5\n+four\n", "words\n"} {
		if _, err := parsePatch("0001-x.patch", []byte("Subject: A title\n\n"+smallDiff+end)); !errors.Is(err, ErrMalformed) {
			t.Errorf("patch that ends with %q: %v; want ErrMalformed", end, err)
		}
	}
}
