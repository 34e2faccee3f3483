package workspace_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// TestMain lets the test binary play the second process: it takes the
// workspace, says so, and waits to be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("STEADYLET_TEST_HOLD"); dir != "" {
		w, err := workspace.Acquire(dir, "mage build", now)
		if err != nil {
			panic(err)
		}
		tmp, err := w.TempDir()
		if err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(tmp, "half"), []byte("half"), 0o600); err != nil {
			panic(err)
		}
		os.Stdout.WriteString("holding\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestSecondProcessIsToldWhoHoldsTheWorkspace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".steadylet")
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), "STEADYLET_TEST_HOLD="+dir)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	defer holder.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "holding\n" {
		t.Fatalf("the holder said %q: %v", line, err)
	}

	_, err = workspace.Acquire(dir, "mage patch", now)
	var held *workspace.HeldError
	if !errors.As(err, &held) {
		t.Fatalf("got %v, want a *HeldError", err)
	}
	want := workspace.Holder{PID: holder.Process.Pid, Command: "mage build", Since: now}
	if diff := cmp.Diff(want, held.Holder); diff != "" {
		t.Errorf("holder (-want +got):\n%s", diff)
	}

	// SIGKILL leaves no chance to clean up: the next owner does.
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()
	w, err := workspace.Acquire(dir, "mage build", now)
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	defer w.Release()
	if left, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(left) != 0 {
		t.Errorf("unfinished work is left: %v %v", left, err)
	}
}

func TestReleaseLetsTheNextIn(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		w, err := workspace.Acquire(dir, "mage build", now)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Release(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "holder.json")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the holder's name outlives it: %v", err)
	}
}

func TestRecordAndRecall(t *testing.T) {
	w, err := workspace.Acquire(t.TempDir(), "test", now)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Release()
	type result struct{ Tree string }
	key := workspace.KeyOf("v1.36.3", "module")
	var got result
	if w.Recall("source", key, &got) {
		t.Error("something was recalled before anything was recorded")
	}
	if err := w.Record("source", key, result{"abc"}); err != nil {
		t.Fatal(err)
	}
	if !w.Recall("source", key, &got) || got.Tree != "abc" {
		t.Errorf("recalled %+v", got)
	}
	path := filepath.Join(w.Dir(), "steps", "source", string(key)+".json")
	if err := os.WriteFile(path, []byte(`{"Tree":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if w.Recall("source", key, &got) {
		t.Error("a damaged record was recalled")
	}
}

func TestKeyOfSeparatesItsInputs(t *testing.T) {
	if workspace.KeyOf("ab", "c") == workspace.KeyOf("a", "bc") {
		t.Error("moving a character to the next input gives the same key")
	}
}

func TestCleanLeavesNothingButTheLock(t *testing.T) {
	w, err := workspace.Acquire(t.TempDir(), "test", now)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Record("source", "key", strings.Repeat("x", 1000)); err != nil {
		t.Fatal(err)
	}
	freed, err := w.Clean()
	if err != nil || freed < 1000 {
		t.Errorf("freed %d bytes: %v", freed, err)
	}
	if err := w.Release(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(w.Dir())
	if err != nil || len(entries) != 1 || entries[0].Name() != "lock" {
		t.Errorf("left behind: %v %v", entries, err)
	}
}
