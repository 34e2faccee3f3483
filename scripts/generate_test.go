package scripts_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/statefile"
)

// shells are those that the script must run in, with the packages that have them.
var shells = map[string][]string{"bash": {"bash"}, "dash": {"dash"}, "busybox-static": {"busybox", "sh"}}

// place is a kubelet's root directory, and a program that says it is a kubelet.
type place struct{ root, kubelet string }

func (p place) state() string { return statefile.Path(p.root) }

func makePlace(t *testing.T, version string) place {
	t.Helper()
	p := place{filepath.Join(t.TempDir(), "root dir"), filepath.Join(t.TempDir(), "kubelet")}
	must(t, errors.Join(os.Mkdir(p.root, 0o700), programtest.WriteKubelet(p.kubelet, programtest.Says(version))))
	return p
}

// generate runs the script in a shell.
func generate(t *testing.T, shell []string, args ...string) (int, string) {
	t.Helper()
	return run(t, exec.CommandContext(t.Context(), shell[0], append(append(shell[1:len(shell):len(shell)], "./generate-state.sh"), args...)...))
}

// save saves a state of another version.
func save(t *testing.T, path string) {
	t.Helper()
	must(t, statefile.Save(path, statefile.State{Kubelet: statefile.Kubelet{Version: "v1.2.3"}}))
}

// future is a state of schema 2, with the checksum that sha256sum gives it.
const future = `{"schemaVersion": 2, "checksum": "2d8a61033f38f1d9cfc311ca8ccfbfe6f39147e01de0466224058f7ebf2665f5"}`

// What is there, what the script is told, and what is there then.
func TestGenerateState(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, p place)
		args    []string
		status  int
		says    string
		// left are the names in the state folder afterwards; times are cut off.
		left []string
	}{
		"nothing":   {nil, nil, 0, "state.json", []string{"state.json"}},
		"dry run":   {nil, []string{"--dry-run"}, 0, `"version": "v1.30.14"`, nil},
		"good":      {func(t *testing.T, p place) { save(t, p.state()) }, nil, 5, "--force replaces it", []string{"state.json"}},
		"forced":    {func(t *testing.T, p place) { save(t, p.state()) }, []string{"--force"}, 0, "", []string{"state.json", "state.json.prev"}},
		"twice":     {func(t *testing.T, p place) { save(t, p.state()); save(t, p.state()) }, []string{"--force"}, 0, "", []string{"state.json", "state.json.prev"}},
		"good, dry": {func(t *testing.T, p place) { save(t, p.state()) }, []string{"--dry-run"}, 0, "this is refused", []string{"state.json"}},
		"damaged": {func(t *testing.T, p place) {
			save(t, p.state())
			must(t, os.WriteFile(p.state(), []byte(strings.Replace(read(t, p.state()), "v1.2.3", "v1.2.4", 1)), 0o600))
		}, nil, 0, "is kept as", []string{"state.json", "state.json.corrupt-"}},
		"binary": {func(t *testing.T, p place) {
			save(t, p.state())
			must(t, os.WriteFile(p.state(), []byte("\x00\"\\%s\n"), 0o600))
		}, nil, 0, "is kept as", []string{"state.json", "state.json.corrupt-"}},
		"readable": {func(t *testing.T, p place) { save(t, p.state()); must(t, os.Chmod(p.state(), 0o644)) }, nil, 0, "is kept as", []string{"state.json", "state.json.corrupt-"}},
		"a link": {func(t *testing.T, p place) {
			save(t, p.state())
			must(t, errors.Join(os.Rename(p.state(), p.root+"/elsewhere"), os.Symlink("../elsewhere", p.state())))
		}, nil, 0, "is kept as", []string{"state.json", "state.json.corrupt-"}},
		"later":         {writeFuture, nil, 4, "later release", []string{"state.json"}},
		"later, forced": {writeFuture, []string{"--force"}, 4, "later release", []string{"state.json"}},
		"folder a link": {func(t *testing.T, p place) { link(t, t.TempDir(), filepath.Dir(p.state())) }, nil, 1, "is a link", nil},
		"folder a file": {func(t *testing.T, p place) { write(t, filepath.Dir(p.state()), "") }, nil, 1, "is not a folder", nil},
		"a folder":      {func(t *testing.T, p place) { must(t, os.MkdirAll(p.state(), 0o700)) }, nil, 1, "is a folder", []string{"state.json"}},
		"no root":       {func(t *testing.T, p place) { must(t, os.Remove(p.root)) }, nil, 1, "--root-dir", nil},
		"another root":  {giveAway, nil, 1, "another user", nil},
		"another answer": {func(t *testing.T, p place) {
			must(t, programtest.WriteKubelet(p.kubelet, "echo hello\n"))
		}, nil, 1, "as a kubelet does", nil},
		"injection": {func(t *testing.T, p place) {
			must(t, programtest.WriteKubelet(p.kubelet, "echo 'Kubernetes v1.3.0\", \"'\n"))
		}, nil, 1, "as a kubelet does", nil},
		"failing":        {func(t *testing.T, p place) { must(t, programtest.WriteKubelet(p.kubelet, "exit 3\n")) }, nil, 1, "--version", nil},
		"unknown option": {nil, []string{"--fast=1"}, 1, "--fast is not known", nil},
		"both":           {nil, []string{"--pid", "1"}, 1, "give one of them", nil},
	} {
		for pack, shell := range shells {
			t.Run(name+" in "+pack, func(t *testing.T) {
				t.Parallel()
				programtest.Needs(t, pack, shell[0])
				p := makePlace(t, "v1.30.14")
				if test.prepare != nil {
					test.prepare(t, p)
				}
				status, out := generate(t, shell, append(test.args, "--kubelet="+p.kubelet, "--root-dir", p.root)...)
				if status != test.status || !strings.Contains(out, test.says) {
					t.Errorf("status %d, want %d with %q:\n%s", status, test.status, test.says, out)
				}
				p.check(t, test.left, status == 0 && len(test.left) > 0 && !strings.Contains(out, "refused"))
			})
		}
	}
}

func giveAway(t *testing.T, p place) {
	t.Helper()
	programtest.NeedsRoot(t)
	must(t, os.Chown(p.root, 12345, -1))
}

func writeFuture(t *testing.T, p place) {
	t.Helper()
	save(t, p.state())
	write(t, p.state(), future)
}

// check wants these files, and if one was written the right one.
func (p place) check(t *testing.T, want []string, written bool) {
	t.Helper()
	var left []string
	entries, _ := os.ReadDir(filepath.Dir(p.state())) // none where there is no folder
	for _, entry := range entries {
		name, _, corrupt := strings.Cut(entry.Name(), "-")
		if corrupt {
			name += "-"
		}
		left = append(left, name)
	}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("left in the folder: %s", diff)
	}
	if !written {
		return
	}
	got, err := statefile.Load(p.state())
	if err != nil {
		t.Fatal(err)
	}
	if got.Kubelet.Version != "v1.30.14" || !got.Kubelet.StartTime.IsZero() {
		t.Errorf("the state is %+v", got)
	}
	for path, mode := range map[string]os.FileMode{p.state(): 0o600, filepath.Dir(p.state()): 0o700} {
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if before := statefile.PreviousPath(p.state()); exists(before) {
		if previous, err := statefile.Load(before); err != nil || previous.Kubelet.Version != "v1.2.3" {
			t.Errorf("the previous file is %+v, %v", previous, err)
		}
	}
	// It is the library's own text, to the byte.
	if data, err := got.Encode(); err != nil || string(data) != read(t, p.state()) {
		t.Errorf("the text is\n%s\nwant\n%s (%v)", read(t, p.state()), data, err)
	}
}

// Of a kubelet that runs: its version is that of its program as it was started, its start
// the one that the node command reads.
func TestGenerateStateOfARunningKubelet(t *testing.T) {
	for pack, shell := range shells {
		t.Run(pack, func(t *testing.T) {
			programtest.Needs(t, pack, shell[0])
			n := startNode(t)
			must(t, os.Remove(n.path("bin", "kubelet")))
			pid := strings.TrimSpace(read(t, n.path("pid")))
			number, err := strconv.Atoi(pid)
			must(t, err)
			processes, err := kubeletproc.Here().Find()
			must(t, err)
			process, err := kubeletproc.Only(processes, number)
			must(t, err)
			// Its start is rounded up, and may lie ahead: no reason to mistrust the clock.
			if status, out := generate(t, shell, "--pid", pid); status != 0 || strings.Contains(out, "clock") {
				t.Fatalf("status %d\n%s", status, out)
			}
			state, err := statefile.Load(statefile.Path(n.path("root")))
			must(t, err)
			if state.Kubelet.Version != "v1.30.14" || !state.Kubelet.StartTime.Equal(process.Started) || !state.Kubelet.LastStart.Equal(process.Started) {
				t.Errorf("got %+v, the process started at %s", state.Kubelet, process.Started)
			}
		})
	}
}

// A patched kubelet that runs keeps its own record.
func TestGenerateStateRefusesAPatchedKubelet(t *testing.T) {
	n := startNode(t)
	status, out := n.run(t, "upgrade-kubelet", "--skip-doctor", next(t))
	if status != 0 {
		t.Fatal(out)
	}
	status, out = generate(t, shells["dash"], "--force", "--pid", strings.TrimSpace(read(t, n.path("pid"))))
	if status != 5 || !strings.Contains(out, "patched kubelet runs") {
		t.Errorf("status %d\n%s", status, out)
	}
	if status, out := generate(t, shells["dash"], "--root-dir", n.path("root"), "--kubelet", n.path("bin", "kubelet")); status != 1 || !strings.Contains(out, "leave --kubelet out") {
		t.Errorf("status %d\n%s", status, out)
	}
}

// A loss of power leaves the file, and the folder that was made for it.
func TestGenerateStateSyncs(t *testing.T) {
	for _, shell := range []string{"bash", "dash"} {
		t.Run(shell, func(t *testing.T) {
			n := node{dir: t.TempDir()}
			must(t, errors.Join(os.Mkdir(n.path("stubs"), 0o700), os.Mkdir(n.path("root"), 0o700), programtest.WriteKubelet(n.path("kubelet"), programtest.Says("v1.30.14"))))
			n.trace(t, ":", "sync", "mv", "mkdir")
			cmd := exec.CommandContext(t.Context(), shell, "./generate-state.sh", "--kubelet", n.path("kubelet"), "--root-dir", n.path("root"))
			cmd.Env = append(os.Environ(), "PATH="+n.path("stubs")+":"+os.Getenv("PATH"))
			if status, out := run(t, cmd); status != 0 {
				t.Fatalf("status %d\n%s", status, out)
			}
			for _, problem := range unsynced(n.steps(t)) {
				t.Error(problem)
			}
		})
	}
}
