package testnode

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTunables(t *testing.T) {
	sys, dir := t.TempDir(), t.TempDir()
	write := func(name, value string) {
		path := filepath.Join(sys, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := restoreTunables(sys, dir); err != nil {
		t.Errorf("nothing was saved: %v", err)
	}
	if err := saveTunables(sys, dir); err == nil || !strings.Contains(err.Error(), tunables[0]) {
		t.Errorf("got %v, want the name of the setting that can't be read", err)
	}
	for _, name := range tunables {
		write(name, "before "+name+"\n")
	}
	if err := saveTunables(sys, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range tunables {
		write(name, "changed\n")
	}
	if err := restoreTunables(sys, dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range tunables {
		got, err := os.ReadFile(filepath.Join(sys, name))
		if err != nil || string(got) != "before "+name+"\n" {
			t.Errorf("%s is %q after restoring (%v)", name, got, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, tunablesFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := restoreTunables(sys, dir); err == nil {
		t.Error("a damaged file passes")
	}
}
