package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/statefile"
)

var ready = flag.String("kubelets", "", "folder like dist with debug kubelets to test the node command with, instead of building them")

// steadylet is the node command, built.
type steadylet string

// buildSteadylet builds it as it is released.
func buildSteadylet(t *testing.T) steadylet {
	t.Helper()
	path := filepath.Join(t.TempDir(), "steadylet")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/steadylet/steadylet/cmd/steadylet")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building steadylet: %v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 25<<20 {
		t.Errorf("it has %d bytes, want less than 25 MB", info.Size())
	}
	return steadylet(path)
}

// run runs it, wants an exit status and returns what it wrote.
func (s steadylet) run(t *testing.T, status int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), string(s), args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Fatalf("steadylet %s: exit status %d, want %d\n%s", strings.Join(args, " "), got, status, out.String())
	}
	return out.String()
}

// kubelets are debug builds: a stock one, and both kinds of the next version.
type kubelets struct{ stock, patched, nextStock string }

// debugKubelets returns ready kubelets, or builds them now.
func debugKubelets(t *testing.T) kubelets {
	t.Helper()
	if *ready != "" {
		at := func(version, kind string) string {
			return filepath.Join(*ready, version, "linux-"+runtime.GOARCH, kind, "kubelet")
		}
		return kubelets{at("v1.30.14", "stock-debug"), at("v1.31.0", "debug"), at("v1.31.0", "stock-debug")}
	}
	return buildKubelets(t, open(t))
}

// buildKubelets builds them now.
func buildKubelets(t *testing.T, p *pipeline.Pipeline) kubelets {
	t.Helper()
	old, next := fetch(t, p, pipeline.SourceOptions{Version: "v1.30.14", Kind: "module"}), fetch(t, p, pipeline.SourceOptions{Version: "v1.31.0", Kind: "module"})
	return kubelets{
		compile(t, p, old, pipeline.StockSeries).Path,
		compile(t, p, next, pipeline.DefaultSeries).Path, compile(t, p, next, pipeline.StockSeries).Path,
	}
}

// stateNode is a node with a static pod whose UID is not fixed, so that each version
// makes up another one.
type stateNode struct {
	*testnode.Node
	place    testnode.KubeletPlace
	manifest string
}

func startStateNode(t *testing.T) *stateNode {
	t.Helper()
	node, err := testnode.StartNode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	n := &stateNode{Node: node}
	if n.place, err = node.PlaceKubelet(); err != nil {
		t.Fatal(err)
	}
	n.manifest = filepath.Join(n.place.ManifestDir, "app.yaml")
	content := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: app\n  namespace: " + node.Name() + "\nspec:\n" +
		"  hostNetwork: true\n  terminationGracePeriodSeconds: 1\n  containers:\n" +
		"  - name: app\n    image: " + testnode.AppImage + "\n    imagePullPolicy: Never\n"
	if err := os.WriteFile(n.manifest, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return n
}

// start starts a kubelet and waits for the static pod's container.
func (n *stateNode) start(t *testing.T, program, version string) (kubelet *testnode.Process, container string) {
	t.Helper()
	parsed, err := kubever.Parse(version)
	if err != nil {
		t.Fatal(err)
	}
	if kubelet, err = n.StartKubelet("kubelet-"+version, program, parsed, n.place); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kubelet.Stop() }) // it has ended already, or the test has failed
	err = kubelet.Wait(t.Context(), 2*time.Minute, "the static pod's container", func() (bool, error) {
		container, err = n.Runtime.Running(t.Context(), "app")
		return container != "", err
	})
	if err != nil {
		t.Fatal(err)
	}
	return kubelet, container
}

// replaced watches a kubelet, for that long at most, and reports whether the container is
// another one than before.
func (n *stateNode) replaced(t *testing.T, kubelet *testnode.Process, before string, limit time.Duration) bool {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); {
		time.Sleep(500 * time.Millisecond)
		if err := kubelet.Exited(); err != nil {
			t.Fatal(err)
		}
		now, err := n.Runtime.Running(t.Context(), "app")
		if err != nil {
			t.Fatal(err)
		}
		if now != "" && now != before {
			return true
		}
	}
	return false
}

// A state that is generated from a stock node keeps its static pod, where a patched
// kubelet alone can't know any more: the manifest was touched meanwhile. Without the
// file it is recreated, which is the control.
func TestGeneratedStateKeepsAStaticPod(t *testing.T) {
	needsNode(t)
	command := buildSteadylet(t)
	built := debugKubelets(t)
	stock, patched := built.stock, built.patched
	verify(t, command, stock, patched)
	for name, generate := range map[string]bool{"generated": true, "without (control)": false} {
		t.Run(name, func(t *testing.T) {
			n := startStateNode(t)
			kubelet, before := n.start(t, stock, "v1.30.14")
			if generate {
				n.generate(t, command, kubelet)
			}
			if err := errors.Join(kubelet.Stop(), os.Chtimes(n.manifest, time.Time{}, time.Now())); err != nil {
				t.Fatal(err)
			}
			if generate {
				n.mend(t, command, stock)
			}
			kubelet, _ = n.start(t, patched, "v1.31.0")
			limit := 2 * time.Minute
			if generate {
				limit = 20 * time.Second
			}
			if replaced := n.replaced(t, kubelet, before, limit); replaced == generate {
				t.Errorf("replaced: %t; the kubelet's log ends with\n%s", replaced, kubelet.LogEnd())
			}
			command.run(t, 5, "state", "generate", "--force", "--pid", strconv.Itoa(kubelet.PID()))
			command.run(t, 5, "state", "repair", "--root-dir", n.damage(t))
			if err := kubelet.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// verify holds real kubelets against their manifests, and a copy with one byte more.
func verify(t *testing.T, command steadylet, stock, patched string) {
	t.Helper()
	if out := command.run(t, 0, "verify", stock, "-o", "table"); !strings.Contains(out, "a stock kubelet") {
		t.Errorf("of the stock kubelet it says\n%s", out)
	}
	if out := command.run(t, 0, "verify", patched, "-o", "table"); strings.Count(out, "Patch  ") < 5 {
		t.Errorf("of the patched kubelet it says\n%s", out)
	}
	if *ready == "" { // else it may be of another day's patches
		lock := filepath.Join("..", "..", "..", "patches", "kubernetes.lock.yaml")
		command.run(t, 0, "verify", stock, "--lock", lock)
		command.run(t, 0, "verify", patched, "--lock", lock)
	}
	content, err := os.ReadFile(patched)
	if err != nil {
		t.Fatal(err)
	}
	changed := filepath.Join(t.TempDir(), "kubelet")
	if err := os.WriteFile(changed, append(content, 0), 0o700); err != nil {
		t.Fatal(err)
	}
	command.run(t, 3, "verify", changed)
	if out := command.run(t, 2, "verify", changed, "--manifest", patched+".manifest.json"); !strings.Contains(out, "it is not the one of its manifest") {
		t.Errorf("of the changed kubelet it says\n%s", out)
	}
	command.run(t, 2, "verify", changed, "--manifest", stock+".manifest.json")
}

// damage damages the state file, and returns the root directory.
func (n *stateNode) damage(t *testing.T) string {
	t.Helper()
	if err := os.WriteFile(statefile.Path(n.place.RootDir), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	return n.place.RootDir
}

// generate generates the state with the stock kubelet running.
func (n *stateNode) generate(t *testing.T, command steadylet, kubelet *testnode.Process) {
	t.Helper()
	pid := strconv.Itoa(kubelet.PID())
	path := statefile.Path(n.place.RootDir)
	command.run(t, 3, "state", "verify", "--pid", pid)
	command.run(t, 0, "state", "generate", "--dry-run", "--pid", pid)
	if out := command.run(t, 0, "doctor", "--to", "v1.31.0", "--pid", pid, "-o", "table"); !strings.Contains(out, "v1.30.14 to v1.31.0") {
		t.Errorf("doctor says\n%s", out)
	}
	if _, err := os.Lstat(filepath.Dir(path)); !os.IsNotExist(err) {
		t.Errorf("a dry run made %s (%v)", filepath.Dir(path), err)
	}
	began := time.Now()
	out := command.run(t, 0, "state", "generate", "--pid", pid, "-o", "yaml")
	t.Logf("generated in %s:\n%s", time.Since(began).Round(time.Millisecond), out)
	command.run(t, 0, "state", "verify", "--pid", pid)
	command.run(t, 5, "state", "generate", "--pid", pid)
	state, err := statefile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	started := state.Kubelet.StartTime
	if state.Kubelet.Version != "v1.30.14" || time.Since(started) > 3*time.Minute || time.Since(started) < -time.Second || len(state.StaticPods) != 1 {
		t.Errorf("generated %+v", state)
	}
}

// mend damages the file with the kubelet stopped, and has it repaired from its
// previous copy: the manifest was touched, so a new one would lack the pod.
func (n *stateNode) mend(t *testing.T, command steadylet, stock string) {
	t.Helper()
	path := statefile.Path(n.place.RootDir)
	good, err := statefile.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	stopped := []string{"--kubelet", stock, "--root-dir", n.place.RootDir, "--config", n.place.ConfigFile, "--node-name", testnode.NodeName, "--runtime-endpoint", n.place.Endpoint}
	out := command.run(t, 0, append([]string{"state", "generate", "--force"}, stopped...)...)
	if !strings.Contains(out, "the manifest was changed after its sandbox was made") {
		t.Errorf("no warning of the manifest that was touched:\n%s", out)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	command.run(t, 2, "state", "verify", "--root-dir", n.place.RootDir)
	command.run(t, 0, append([]string{"state", "repair"}, stopped...)...)
	aside, err := filepath.Glob(path + ".corrupt-*")
	if err != nil || len(aside) != 1 {
		t.Errorf("the damaged file is kept as %v (%v)", aside, err)
	}
	mended, err := statefile.Load(path)
	if err != nil || mended.Checksum != good.Checksum {
		t.Errorf("repaired to %+v, want %+v (%v)", mended, good, err)
	}
}
