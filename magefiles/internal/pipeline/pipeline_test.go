package pipeline_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// repository lays out a repository with a tiny Kubernetes tree beside it, and the
// real state file library in it.
func repository(t *testing.T) (root, kubernetes string) {
	t.Helper()
	dir := t.TempDir()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "repository.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		data := bytes.ReplaceAll(file.Data, []byte("TOOLCHAIN"), []byte(runtime.Version()))
		writeFile(t, filepath.Join(dir, file.Name), data)
	}
	root = filepath.Join(dir, "repository")
	up := filepath.Join("..", "..", "..")
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(up, name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(root, name), data)
	}
	if err := os.CopyFS(filepath.Join(root, "statefile"), os.DirFS(filepath.Join(up, "statefile"))); err != nil {
		t.Fatal(err)
	}
	return root, filepath.Join(dir, "kubernetes")
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func config(root string) pipeline.Config {
	return pipeline.Config{Root: root, Command: "test", Environment: os.Environ(), Messages: io.Discard, Results: io.Discard}
}

// run does what the target build does.
func run(ctx context.Context, config pipeline.Config, kubernetes, seriesName string, options build.Options) (built *pipeline.Built, err error) {
	p, err := pipeline.Open(config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	tree, err := p.Source(ctx, pipeline.SourceOptions{Version: "v1.36.3", Kind: "dir", Location: kubernetes})
	if err != nil {
		return nil, err
	}
	patched, err := p.Patch(ctx, tree, pipeline.PatchOptions{Series: seriesName})
	if err != nil {
		return nil, err
	}
	return p.Build(ctx, patched, options)
}

var debug = build.Options{Component: "kubelet", Mode: build.Debug, Arch: runtime.GOARCH}

func mustRun(t *testing.T, root, kubernetes, seriesName string, options build.Options) *pipeline.Built {
	t.Helper()
	built, err := run(t.Context(), config(root), kubernetes, seriesName, options)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func says(t *testing.T, binary string) string {
	t.Helper()
	out, err := exec.Command(binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestBuildTakesEffect(t *testing.T) {
	root, kubernetes := repository(t)
	patched := mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
	described, err := manifest.Read(patched.ManifestPath)
	if err != nil {
		t.Fatal(err)
	}
	version := "v1.36.3+steadylet." + described.Series.Digest[:8]
	if got, want := says(t, patched.Path), "Kubernetes "+version+"\nkeeps container\n"; got != want {
		t.Errorf("the binary says %q, want %q", got, want)
	}
	if patched.Version != version || described.Version != version || described.Base.Source.Verified {
		t.Errorf("%+v\n%+v", patched, described)
	}
	digest, size, err := build.Digest(patched.Path)
	want := manifest.File{Name: "kubelet", SHA256: digest, Size: size}
	if diff := cmp.Diff(want, described.Binary); err != nil || diff != "" {
		t.Errorf("%v: the manifest's binary (-want +got):\n%s", err, diff)
	}
	stock := mustRun(t, root, kubernetes, pipeline.StockSeries, debug)
	if got, want := says(t, stock.Path), "Kubernetes v1.36.3\nrestarts container\n"; got != want {
		t.Errorf("the stock control says %q, want %q", got, want)
	}
	if stock.Path == patched.Path {
		t.Errorf("both builds went to %s", stock.Path)
	}
}

func TestNothingChangedMeansNoWork(t *testing.T) {
	root, kubernetes := repository(t)
	first := mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
	before, err := os.Stat(first.Path)
	if err != nil {
		t.Fatal(err)
	}
	second := mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
	if after, err := os.Stat(first.Path); !second.Cached || err != nil || !os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) {
		t.Errorf("the binary was made again: cached %t, %v", second.Cached, err)
	}
	for name, damage := range map[string]func() error{
		"a damaged binary":   func() error { return os.WriteFile(first.Path, []byte("x"), 0o755) },
		"a missing manifest": func() error { return os.Remove(first.ManifestPath) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if again := mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug); again.Cached || !strings.Contains(says(t, first.Path), "keeps") {
			t.Errorf("%s counts as built", name)
		}
	}
}

// A file that somebody edited in the worktree must not get into a binary.
func TestWorktreeIsRepairedBeforeABuild(t *testing.T) {
	root, kubernetes := repository(t)
	mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
	found, err := filepath.Glob(filepath.Join(root, ".steadylet/trees/*/src/pkg/kubelet/steadylet/steadylet.go"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	writeFile(t, found[0], []byte("package steadylet\n\nfunc Keep(string) string { return \"hacked\" }\n"))
	release := debug
	release.Mode = build.Release
	if got := says(t, mustRun(t, root, kubernetes, pipeline.DefaultSeries, release).Path); !strings.Contains(got, "keeps container") {
		t.Errorf("the binary says %q", got)
	}
}

// The stripped binary and the file with its DWARF are found for each other by
// build ID, and two builds in different folders are equal to the byte.
func TestRelease(t *testing.T) {
	options := debug
	options.Mode = build.Release
	var digests []string
	for range 2 {
		root, kubernetes := repository(t)
		built := mustRun(t, root, kubernetes, pipeline.DefaultSeries, options)
		described, err := manifest.Read(built.ManifestPath)
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, described.Binary.SHA256)
		id := described.Build.BuildID
		link := filepath.Join(filepath.Dir(built.Path), ".build-id", id[:2], id[2:]+".debug")
		if sections(t, built.Path)[".debug_info"] || !sections(t, link)[".debug_info"] {
			t.Error("want DWARF in the separate file alone")
		}
		for _, path := range []string{built.Path, link} {
			if got := noteID(t, path); got != id {
				t.Errorf("%s has build ID %q, want %q", path, got, id)
			}
		}
		if got := debuggerFinds(t, built.Path); !strings.Contains(got, "kuberuntime_manager.go") {
			t.Errorf("the debugger does not find the source line: %s", got)
		}
		if data, err := os.ReadFile(built.Path); err != nil || bytes.Contains(data, []byte(root)) {
			t.Errorf("the binary has the build's folder in it (%v)", err)
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("two builds differ: %v", digests)
	}
}

func sections(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	names := map[string]bool{}
	for _, section := range file.Sections {
		names[strings.Replace(section.Name, ".zdebug", ".debug", 1)] = true
	}
	return names
}

// debuggerFinds asks a real debugger where a function of a stripped binary lies,
// with the binary's folder as its debug file directory.
func debuggerFinds(t *testing.T, path string) string {
	t.Helper()
	programtest.Needs(t, "gdb", "gdb")
	out, err := exec.Command("gdb", "-batch", "-nx", "-iex", "set debug-file-directory "+filepath.Dir(path),
		"-ex", "info line k8s.io/kubernetes/pkg/kubelet/kuberuntime.Describe", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func noteID(t *testing.T, path string) string {
	t.Helper()
	programtest.Needs(t, "binutils", "readelf")
	out, err := exec.Command("readelf", "-n", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	_, id, _ := strings.Cut(string(out), "Build ID: ")
	id, _, _ = strings.Cut(id, "\n")
	return strings.TrimSpace(id)
}

func TestCrossBuild(t *testing.T) {
	root, kubernetes := repository(t)
	options := debug
	options.Arch = "arm64"
	built := mustRun(t, root, kubernetes, pipeline.DefaultSeries, options)
	file, err := elf.Open(built.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if file.Machine != elf.EM_AARCH64 || !strings.Contains(built.Path, "/linux-arm64/debug/") {
		t.Errorf("%s is for %s", built.Path, file.Machine)
	}
}

// With C code linked in, as upstream builds it.
func TestBuildWithCGO(t *testing.T) {
	programtest.NeedsC(t)
	root, kubernetes := repository(t)
	options := debug
	options.CGO = true
	built := mustRun(t, root, kubernetes, pipeline.DefaultSeries, options)
	described, err := manifest.Read(built.ManifestPath)
	if err != nil || !described.Build.CGO || !slices.Contains(described.Build.Settings, "CGO_ENABLED=1") {
		t.Errorf("%+v %v", described.Build, err)
	}
	if got := says(t, built.Path); !strings.Contains(got, "keeps container") {
		t.Errorf("the binary says %q", got)
	}
}

// TestMain lets the test binary be the run that is killed.
func TestMain(m *testing.M) {
	root, kubernetes := os.Getenv("STEADYLET_TEST_ROOT"), os.Getenv("STEADYLET_TEST_KUBERNETES")
	if root == "" {
		os.Exit(m.Run())
	}
	if _, err := run(context.Background(), config(root), kubernetes, pipeline.DefaultSeries, debug); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

// Killed at whatever point, the next run goes on, and ends with the same binary.
func TestKilledAtAnyPoint(t *testing.T) {
	root, kubernetes := repository(t)
	for delay := 20 * time.Millisecond; delay < 3*time.Second; delay += delay/2 + 20*time.Millisecond {
		process := exec.Command(os.Args[0])
		process.Env = append(os.Environ(), "STEADYLET_TEST_ROOT="+root, "STEADYLET_TEST_KUBERNETES="+kubernetes)
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(delay)
		_ = process.Process.Kill()
		_ = process.Wait()
	}
	built := mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
	if got := says(t, built.Path); !strings.Contains(got, "keeps container") {
		t.Errorf("the binary says %q", got)
	}
	leftNothing(t, root)
	trees, err := os.ReadDir(filepath.Join(root, ".steadylet", "trees"))
	if err != nil || len(trees) != 1 {
		t.Errorf("trees: %v %v", trees, err)
	}
}

func leftNothing(t *testing.T, root string) {
	t.Helper()
	if left, err := os.ReadDir(filepath.Join(root, ".steadylet", "tmp")); err == nil && len(left) != 0 {
		t.Errorf("unfinished work is left: %v", left)
	}
}

func TestTwoRunsAtOnce(t *testing.T) {
	root, kubernetes := repository(t)
	p, err := pipeline.Open(config(root))
	if err != nil {
		t.Fatal(err)
	}
	_, err = run(t.Context(), config(root), kubernetes, pipeline.DefaultSeries, debug)
	var held *workspace.HeldError
	if !errors.As(err, &held) || held.Holder.PID != os.Getpid() {
		t.Errorf("got %v, want a *HeldError that names process %d", err, os.Getpid())
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
}

func TestFailuresLeaveNothingBehind(t *testing.T) {
	replace := func(t *testing.T, path, from, to string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, []byte(strings.Replace(string(data), from, to, 1)))
	}
	const manager = "pkg/kubelet/kuberuntime/kuberuntime_manager.go"
	for name, test := range map[string]struct {
		spoil func(t *testing.T, root, kubernetes string)
		want  func(error) bool
		says  string
	}{
		"context changed": {
			func(t *testing.T, _, kubernetes string) {
				replace(t, filepath.Join(kubernetes, manager), "restarts", "stops")
			},
			func(err error) bool { return errors.Is(err, series.ErrConflict) }, manager,
		},
		"outside the range": {
			func(t *testing.T, root, _ string) {
				replace(t, filepath.Join(root, "patches/restart-suppression/series.yaml"), "<1.37.0", "<1.36.1")
			},
			func(err error) bool { return errors.Is(err, series.ErrRange) }, "untested",
		},
		"not in the lock": {
			func(t *testing.T, root, _ string) {
				path := filepath.Join(root, "patches/kubernetes.lock.yaml")
				replace(t, path, "version: v1.36.3", "version: v1.36.4")
				replace(t, path, "kubernetes v1.36.3", "kubernetes v1.36.4")
			},
			func(err error) bool { return err != nil }, "v1.36.4",
		},
		"no kubelet in the folder": {
			func(t *testing.T, _, kubernetes string) {
				if err := os.RemoveAll(filepath.Join(kubernetes, "pkg")); err != nil {
					t.Fatal(err)
				}
			},
			func(err error) bool { return err != nil }, "no Kubernetes tree",
		},
		"link out of the folder": {
			func(t *testing.T, _, kubernetes string) {
				if err := os.Symlink("/etc/passwd", filepath.Join(kubernetes, "link")); err != nil {
					t.Fatal(err)
				}
			},
			func(err error) bool { return errors.Is(err, source.ErrUnsafe) }, "link",
		},
		"does not compile": {
			func(t *testing.T, _, kubernetes string) {
				replace(t, filepath.Join(kubernetes, "cmd/kubelet/main.go"), "func main", "func main(x) {}\nfunc main")
			},
			func(err error) bool { return err != nil }, "main.go",
		},
		"toolchain that does not exist": {
			func(t *testing.T, root, _ string) {
				t.Setenv("GOPROXY", "off")
				replace(t, filepath.Join(root, "patches/kubernetes.lock.yaml"), runtime.Version(), "go1.99.0")
			},
			func(err error) bool { return err != nil }, "go1.99.0",
		},
		"series that does not exist": {
			func(t *testing.T, root, _ string) {
				if err := os.RemoveAll(filepath.Join(root, "patches/restart-suppression")); err != nil {
					t.Fatal(err)
				}
			},
			func(err error) bool { return err != nil }, "restart-suppression",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root, kubernetes := repository(t)
			test.spoil(t, root, kubernetes)
			_, err := run(t.Context(), config(root), kubernetes, pipeline.DefaultSeries, debug)
			if !test.want(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want it to say %q", err, test.says)
			}
			leftNothing(t, root)
			if _, err := os.Stat(filepath.Join(root, "dist")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("there is a dist folder: %v", err)
			}
		})
	}
}

// canceller cancels once a text is written.
type canceller struct {
	at     string
	cancel func()
}

func (c canceller) Write(text []byte) (int, error) {
	if strings.Contains(string(text), c.at) {
		c.cancel()
	}
	return len(text), nil
}

func TestInterruptedBuild(t *testing.T) {
	root, kubernetes := repository(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	interrupted := config(root)
	interrupted.Messages = canceller{"compile: started", cancel}
	if _, err := run(ctx, interrupted, kubernetes, pipeline.DefaultSeries, debug); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	leftNothing(t, root)
	mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
}

func TestCleanRemovesTreesAndResults(t *testing.T) {
	root, kubernetes := repository(t)
	mustRun(t, root, kubernetes, pipeline.DefaultSeries, debug)
	var said bytes.Buffer
	loud := config(root)
	loud.Messages = &said
	p, err := pipeline.Open(loud)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Clean(true), p.Close()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), filepath.Join(root, "dist")) {
		t.Errorf("it does not name dist/: %q", said.String())
	}
	for _, name := range []string{"dist", ".steadylet/trees", ".steadylet/steps"} {
		if _, err := os.Stat(filepath.Join(root, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

// Whoever asks for JSON gets it, also where nothing is amiss.
func TestPatchedAsJSON(t *testing.T) {
	root, kubernetes := repository(t)
	var out bytes.Buffer
	quiet := config(root)
	quiet.Results = &out
	p, err := pipeline.Open(quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	patched := patch(t, p, kubernetes, pipeline.PatchOptions{Series: pipeline.DefaultSeries})
	if err := p.PrintPatched(patched, true); err != nil || out.String() != "{\n  \"conflicts\": []\n}\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

// patch patches the tree of a folder.
func patch(t *testing.T, p *pipeline.Pipeline, kubernetes string, options pipeline.PatchOptions) *pipeline.Patched {
	t.Helper()
	tree, err := p.Source(t.Context(), pipeline.SourceOptions{Version: "v1.36.3", Kind: "dir", Location: kubernetes})
	if err != nil {
		t.Fatal(err)
	}
	patched, err := p.Patch(t.Context(), tree, options)
	if err != nil {
		t.Fatal(err)
	}
	return patched
}
