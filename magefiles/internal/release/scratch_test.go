package release_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/programtest"
)

// busybox is where Debian's package busybox-static puts its program. The maintainer
// scripts of other packages need a shell in the scratch root.
const busybox = "/bin/busybox"

// scratch is the root of an installation that nothing but packages come to.
type scratch struct {
	t    *testing.T
	root string
}

// newScratch makes an empty root with a shell. Package managers change to it with
// chroot, which needs rights.
func newScratch(t *testing.T, program string) scratch {
	t.Helper()
	programtest.NeedsRoot(t)
	programtest.Needs(t, program, program)
	programtest.Needs(t, "busybox-static", busybox)
	shell, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	s := scratch{t: t, root: t.TempDir()}
	write(t, s.path("/bin/sh"), string(shell), 0o755)
	for _, folder := range []string{"/var/log", "/var/lib/dpkg/info", "/var/lib/dpkg/updates", "/tmp", "/dev"} {
		if err := os.MkdirAll(s.path(folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"status", "available"} {
		write(t, s.path("/var/lib/dpkg/"+name), "", 0o644)
	}
	write(t, s.path("/dev/null"), "", 0o666)
	return s
}

func (s scratch) path(installed string) string { return filepath.Join(s.root, installed) }

// dpkg runs dpkg on the root. It has no terminal to ask anybody at.
func (s scratch) dpkg(args ...string) (string, error) {
	s.t.Helper()
	return output(s.t, "", append([]string{"dpkg", "--root=" + s.root, "--log=" + s.path("/var/log/dpkg.log")}, args...)...)
}

// rpm runs rpm on the root. (Debian's rpm refuses to install anything without the flag.)
func (s scratch) rpm(args ...string) (string, error) {
	s.t.Helper()
	return output(s.t, "", append([]string{"rpm", "--root=" + s.root, "--dbpath=/var/lib/rpm", "--force-debian"}, args...)...)
}

// done fails the test if a run of a package manager failed.
func (s scratch) done(out string, err error) string {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// has holds the content of installed files against what it should be; empty means that
// there must be none.
func (s scratch) has(when string, want map[string]string) {
	s.t.Helper()
	for path, text := range want {
		data, err := os.ReadFile(s.path(path))
		if text == "" && !errors.Is(err, os.ErrNotExist) {
			s.t.Errorf("%s: %s is still there (%v)", when, path, err)
		}
		if text != "" && string(data) != text {
			s.t.Errorf("%s: %s is %.80q (%v), want %.80q", when, path, data, err, text)
		}
	}
}

// runKubelet starts the installed kubelet. The function that it returns reports whether
// that process still runs, from a file that is not the installed one any more.
func (s scratch) runKubelet() (runsOn func() bool) {
	s.t.Helper()
	cmd := exec.Command(s.path("/usr/bin/kubelet"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	s.t.Cleanup(func() { _ = stdin.Close(); <-ended })
	link := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "exe")
	return func() bool {
		program, err := os.Readlink(link)
		select {
		case <-ended:
			return false
		case <-time.After(time.Millisecond):
			return err == nil && strings.HasSuffix(program, " (deleted)")
		}
	}
}

// administrator leaves what belongs to the node and not to any package.
func (s scratch) administrator(settings string) map[string]string {
	owned := map[string]string{
		settings:                                "KUBELET_EXTRA_ARGS=--v=4\n",
		"/etc/kubernetes/manifests/etcd.yaml":   "kind: Pod\n",
		"/var/lib/kubelet/steadylet/state.json": "{}\n",
		"/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf": "[Service]\n",
	}
	for path, text := range owned {
		write(s.t, s.path(path), text, 0o600)
	}
	return owned
}

// scripts returns how other packages' maintainer scripts were called so far.
func (s scratch) scripts() string {
	data, err := os.ReadFile(s.path("/var/log/maintainer-scripts"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	return string(data)
}

// stockKubelet is a program that runs like a kubelet, and is another than ours.
func stockKubelet(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	unpack(t, "repository.txtar", dir)
	path := filepath.Join(dir, "stock")
	compile(t, dir, runtime.GOARCH, path, "-X=main.version=v1.30.14")
	return read(t, path)
}
