package firstrun

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLoggedAt(t *testing.T) {
	began := time.Date(2026, 11, 24, 13, 0, 0, 0, time.Local)
	path := filepath.Join(t.TempDir(), "kubelet.log")
	log := "flags deprecated\nI1124 13:04:03.516722    3753 kubelet.go:2407] \"SyncLoop ADD\" source=\"file\" pods=[\"a/b\"]\n" +
		"I1124 13:04:09.000000    3753 kubelet.go:2407] \"SyncLoop ADD\" source=\"file\" pods=[\"a/c\"]\n"
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	want := time.Date(2026, 11, 24, 13, 4, 3, 516722000, time.Local)
	if got, err := loggedAt(path, firstSync, began); err != nil || !got.Equal(want) {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if got, err := loggedAt(path, "SyncLoop REMOVE", began); err != nil || !got.IsZero() {
		t.Errorf("got %s, %v for what was not logged", got, err)
	}
}
