package graft

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// moduleRoot makes a folder with this repository's go.mod, and with its go.sum
// as edit returns it.
func moduleRoot(t *testing.T, edit func(sums string) string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "go.sum" {
			data = []byte(edit(string(data)))
		}
		if err := os.WriteFile(filepath.Join(root, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func unchanged(sums string) string { return sums }

func TestRenameioDir(t *testing.T) {
	// What a person set for other work must not matter.
	environment := append(os.Environ(), "GOFLAGS=-mod=vendor", "GOTOOLCHAIN=go1.20", "GOWORK=/nowhere/go.work")
	dir, err := RenameioDir(t.Context(), moduleRoot(t, unchanged), environment)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tempfile.go")); err != nil {
		t.Errorf("%s is not the module's folder: %v", dir, err)
	}
}

func TestRenameioDirChecksSums(t *testing.T) {
	edit := func(change func(line string) string) func(string) string {
		return func(sums string) string {
			var out strings.Builder
			for line := range strings.Lines(sums) {
				if strings.HasPrefix(line, renameioPath+" v") && !strings.Contains(line, "/go.mod ") {
					line = change(line)
				}
				out.WriteString(line)
			}
			return out.String()
		}
	}
	other := edit(func(line string) string {
		fields := strings.Fields(line)
		return fields[0] + " " + fields[1] + " h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	})
	t.Run("other sum", func(t *testing.T) {
		dir, err := RenameioDir(t.Context(), moduleRoot(t, other), os.Environ())
		if err == nil || dir != "" || !strings.Contains(err.Error(), "checksum mismatch") {
			t.Errorf("folder %q, error %v, want none and a checksum mismatch", dir, err)
		}
	})
	t.Run("no sum", func(t *testing.T) {
		missing := edit(func(string) string { return "" })
		dir, err := RenameioDir(t.Context(), moduleRoot(t, missing), os.Environ())
		if !errors.Is(err, ErrModuleSum) || dir != "" {
			t.Errorf("folder %q, error %v, want none and %v", dir, err, ErrModuleSum)
		}
	})
	t.Run("not a module", func(t *testing.T) {
		if dir, err := RenameioDir(t.Context(), t.TempDir(), os.Environ()); !errors.Is(err, os.ErrNotExist) || dir != "" {
			t.Errorf("folder %q, error %v, want none and %v", dir, err, os.ErrNotExist)
		}
	})
}

// The go command trusts the module cache; what is copied into a tree is hashed
// nevertheless.
func TestModuleCheckFindsAnEditedFolder(t *testing.T) {
	sums, err := os.ReadFile(filepath.Join("..", "..", "..", "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := download(t.Context(), moduleRoot(t, unchanged), os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	edited := *found
	edited.Dir = t.TempDir()
	if err := os.CopyFS(edited.Dir, os.DirFS(found.Dir)); err != nil {
		t.Fatal(err)
	}
	if err := edited.check(sums); err != nil {
		t.Fatalf("an unchanged copy is refused: %v", err)
	}
	if err := os.WriteFile(filepath.Join(edited.Dir, "added.go"), []byte("package renameio\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := edited.check(sums); !errors.Is(err, ErrModuleSum) {
		t.Errorf("error %v, want %v", err, ErrModuleSum)
	}
}
