package progress_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

func TestPlainLinesHaveNoControlCharacters(t *testing.T) {
	var out bytes.Buffer
	r := progress.New(&out, false)
	step := r.Step("compile", progress.Packages)
	step.Set(10, 100)
	step.Done("3 packages")
	r.Say("dist/kubelet")
	r.Close()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || lines[0] != "compile: started" || lines[2] != "dist/kubelet" {
		t.Errorf("got %q", lines)
	}
	if strings.ContainsAny(out.String(), "\x1b\r") {
		t.Errorf("control characters in %q", out.String())
	}
}

// A step says that it goes on while nothing moves too, and nothing after its end.
func TestPlainLinesGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		step := progress.New(&out, false).Step("compile", progress.Packages)
		time.Sleep(11 * time.Second)
		step.Set(50, 100)
		time.Sleep(10 * time.Second)
		step.Set(100, 100)
		time.Sleep(10 * time.Second)
		step.Done("")
		time.Sleep(time.Minute)
		want := "compile: started\n" +
			"compile: 0 packages, 10s so far\n" +
			"compile: 50 of 100 packages (50%), 20s so far, about 20s left\n" +
			"compile: 100 of 100 packages (100%), 30s so far\n" +
			"compile: done in 31s\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	})
}

func TestFinishedStepsKeepTheirOrderAndNote(t *testing.T) {
	r := progress.New(&bytes.Buffer{}, false)
	r.Step("source", progress.Files).Done("cached")
	failed := r.Step("patch", progress.Patches)
	failed.Abort()
	failed.Done("never shown")
	r.Step("compile", progress.Packages).Done("")
	want := []progress.Finished{{Name: "source", Note: "cached"}, {Name: "compile"}}
	if diff := cmp.Diff(want, r.Finished(), cmpopts.IgnoreFields(progress.Finished{}, "Duration")); diff != "" {
		t.Errorf("finished steps (-want +got):\n%s", diff)
	}
}

// A bar whose step fails must not keep Close waiting for ever.
func TestTerminalBarsEnd(t *testing.T) {
	var out bytes.Buffer
	r := progress.New(&out, true)
	done := r.Step("checkout", progress.Files)
	done.Set(5, 5)
	done.Done("")
	unknown := r.Step("download", progress.Bytes)
	unknown.Set(7<<20, 0)
	unknown.Abort()
	closed := make(chan struct{})
	go func() { r.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("Close does not return")
	}
	if !strings.Contains(out.String(), "checkout") {
		t.Errorf("no bar was drawn: %q", out.String())
	}
}

func TestRound(t *testing.T) {
	for in, want := range map[time.Duration]string{
		123456 * time.Millisecond: "2m3s",
		1234 * time.Millisecond:   "1.2s",
		12345 * time.Microsecond:  "12ms",
	} {
		if got := progress.Round(in).String(); got != want {
			t.Errorf("Round(%v) = %s, want %s", in, got, want)
		}
	}
}
