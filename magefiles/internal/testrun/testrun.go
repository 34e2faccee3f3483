// Package testrun runs the project's checks and tests, and counts what was left
// out: a test that is skipped on a developer's machine for want of a program must
// not go unnoticed where everything is supposed to be there.
package testrun

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/command"
)

// Config says what is run, and how strictly.
type Config struct {
	// Root is the repository's root.
	Root string
	// Out takes what a person reads.
	Out io.Writer
	// NoSkips makes a skipped test a failure.
	NoSkips bool
	// Short leaves out the tests that build and run real kubelets.
	Short bool
}

// endToEnd is the package whose tests build and run real kubelets.
const endToEnd = "github.com/steadylet/steadylet/magefiles/internal/e2e"

// packing lists the packages whose tests pack whole releases, for which the race detector
// takes five times as long: they run without it.
func packing() []string {
	const internal = "github.com/steadylet/steadylet/magefiles/internal/"
	return []string{internal + "pipeline", internal + "release"}
}

// Run checks the sources, then runs every test. The last lines that it writes count the
// tests, and say what was left out and why.
func Run(ctx context.Context, config Config) error {
	if err := config.checks(ctx); err != nil {
		return err
	}
	out, err := command.Command{Args: []string{"go", "list", "./..."}, Dir: config.Root}.Output(ctx)
	if err != nil {
		return err
	}
	packages := slices.DeleteFunc(strings.Fields(string(out)), func(path string) bool {
		return path == endToEnd || slices.Contains(packing(), path)
	})
	sum := result{noRace: withoutRace(ctx)}
	flags := []string{"-timeout=20m"}
	if sum.noRace == "" {
		flags = append(flags, "-race")
	}
	err = config.test(ctx, &sum, append(flags, packages...)...)
	if err == nil {
		err = config.test(ctx, &sum, append([]string{"-timeout=20m"}, packing()...)...)
	}
	if err == nil && !config.Short {
		err = config.long(ctx, &sum)
	}
	if err == nil && config.NoSkips && (len(sum.skipped) > 0 || sum.noRace != "") {
		err = errors.New("tests were skipped where none may be, or ran without the race detector: see above what they lack")
	}
	if config.Short {
		const reason = "-short leaves out real kubelets, ten thousand kills, and the minutes of fuzzing: run go tool mage test"
		err = errors.Join(err, sum.leaveOut(endToEnd, filepath.Join(config.Root, "magefiles", "internal", "e2e"), reason))
	}
	sum.write(config.Out)
	return err
}

// withoutRace says why this host can't run tests under the race detector, which is linked
// with C code, or nothing.
func withoutRace(ctx context.Context) string {
	if err := build.CheckCompiler(ctx, os.Environ(), "the race detector", runtime.GOARCH); err != nil {
		return "no C compiler works here: install Debian's packages gcc and libc6-dev"
	}
	out, err := command.Command{Args: []string{"go", "env", "CGO_ENABLED"}}.Output(ctx)
	if err == nil && strings.TrimSpace(string(out)) == "0" {
		return "CGO_ENABLED is 0: unset it"
	}
	return ""
}

// long runs the tests that take half an hour. Those of real kubelets, one after the other,
// mostly wait; the ones that only compute run beside them, and are shown afterwards.
func (c Config) long(ctx context.Context, sum *result) error {
	var shown later
	var beside result
	computing := c
	computing.Out = &shown
	ended := make(chan error, 1)
	go func() { ended <- computing.reliability(ctx, &beside) }()
	err := c.test(ctx, sum, "-timeout=60m", "-count=1", "-v", endToEnd, "-args", "-root="+c.Root)
	err = errors.Join(err, <-ended)
	sum.add(beside)
	_, shownErr := shown.text.WriteTo(c.Out)
	return errors.Join(err, shownErr)
}

// later keeps what is to be shown afterwards. The go command's errors come beside the
// events, so it is safe for concurrent use.
type later struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *later) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(text)
}

// runtimeLibrary is the package that is compiled into the kubelet.
const runtimeLibrary = "./statefile"

// reliability kills processes while they save the state, and runs each fuzz target
// of the runtime library for a minute.
func (c Config) reliability(ctx context.Context, sum *result) error {
	err := c.test(ctx, sum, "-count=1", "-v", "-run=^TestKilledWhileSaving$", "-timeout=15m", runtimeLibrary, "-args", "-kills=10000")
	for _, target := range []string{"FuzzDecode", "FuzzDecide", "FuzzDecideOverVersions", "FuzzVariants"} {
		if err == nil {
			err = c.fuzz(ctx, sum, target)
		}
	}
	return err
}

// fuzz runs a fuzz target for a minute, with one worker: real kubelets are compiled
// meanwhile. One that fails without an input that it fails for gets a second minute, since
// the go command at times takes the end of the first for a failure ("context deadline
// exceeded": golang/go#75804, up to Go 1.26).
func (c Config) fuzz(ctx context.Context, sum *result, target string) error {
	minute := func() (result, error) {
		var counted result
		err := c.test(ctx, &counted, "-run=^$", "-fuzz=^"+target+"$", "-fuzztime=60s", "-parallel=1", runtimeLibrary)
		return counted, err
	}
	before := c.inputs(target)
	counted, err := minute()
	if err != nil && ctx.Err() == nil && len(c.inputs(target)) == len(before) {
		fmt.Fprintf(c.Out, "%s failed without an input that it fails for (%v): once more\n", target, err)
		counted, err = minute()
	}
	sum.add(counted)
	return err
}

// inputs are those that a fuzz target has failed for: the go command keeps each in a file.
func (c Config) inputs(target string) []string {
	found, _ := filepath.Glob(filepath.Join(c.Root, runtimeLibrary, "testdata", "fuzz", target, "*")) // the pattern is a right one
	return found
}

// checks holds the sources against gofmt, vet and staticcheck, the targets
// included.
func (c Config) checks(ctx context.Context) error {
	files, err := sourceFiles(c.Root)
	if err != nil {
		return err
	}
	out, err := command.Command{Args: append([]string{"gofmt", "-l"}, files...), Dir: c.Root}.Output(ctx)
	if err != nil {
		return err
	}
	if len(out) > 0 {
		return fmt.Errorf("these files are not formatted, run gofmt -w on them:\n%s", out)
	}
	for _, args := range [][]string{
		{"go", "vet", "./..."}, {"go", "vet", "-tags=mage", "./magefiles"},
		{"go", "tool", "staticcheck", "./..."}, {"go", "tool", "staticcheck", "-tags=mage", "./magefiles"},
	} {
		fmt.Fprintln(c.Out, strings.Join(args, " "))
		if err := (command.Command{Args: args, Dir: c.Root, Stderr: c.Out}).Run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sourceFiles lists the Go files of the repository, its own results left out.
func sourceFiles(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "dist" || name == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// test runs go test and shows the output of what fails.
func (c Config) test(ctx context.Context, sum *result, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Dir, cmd.Stderr = c.Root, c.Out
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running go test: %w", err)
	}
	sum.read(out, c.Out, slices.Contains(args, "-v"))
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("running go test: %w", err)
	}
	return nil
}

// read counts the events of a run. Output is shown as it comes when the run is
// verbose, else once its test or package has failed.
func (r *result) read(events io.Reader, out io.Writer, verbose bool) {
	kept := map[string]string{}
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text()) // the go command's own words, such as a compiler's
			continue
		}
		name := strings.TrimSuffix(e.Package+" "+e.Test, " ")
		switch e.Action {
		case "output", "build-output":
			if verbose {
				io.WriteString(out, e.Output) //nolint:errcheck // it is only shown
			}
			kept[name] += e.Output
		case "pass", "fail", "skip":
			r.ended(e, name, kept[name], out, verbose)
			delete(kept, name)
		}
	}
}

func (r *result) ended(e event, name, output string, out io.Writer, verbose bool) {
	switch {
	case e.Action == "fail":
		if e.Test != "" {
			r.failed++
		}
		if !verbose {
			io.WriteString(out, output) //nolint:errcheck // it is only shown
		}
	case e.Test == "" && e.Action == "pass":
		fmt.Fprintf(out, "ok  %s\n", name)
	case e.Test != "" && e.Action == "pass":
		r.passed++
	case e.Test != "" && e.Action == "skip":
		r.skipped = append(r.skipped, skip{name, reason(output)})
	}
}

// reason picks what a skipped test said from its output.
func reason(output string) string {
	for line := range strings.Lines(output) {
		if _, text, found := strings.Cut(strings.TrimSpace(line), ".go:"); found {
			_, text, _ = strings.Cut(text, ": ") // the number of the line
			return text
		}
	}
	return "no reason given"
}
