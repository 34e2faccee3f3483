package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// A cluster whose certificates are renewed goes on: its API server serves with the new
// ones, the kubelet is connected, and nothing was restarted but what used the old ones. It
// begins with a patched kubeadm of 1.30.14, and is renewed with one of more years.
func TestRenewedCluster(t *testing.T) {
	needsRenewal(t)
	needsCluster(t)
	p := open(t)
	longer := certvalidity.Years{Leaf: 20, CA: usual.CA}
	command, old, long := buildSteadylet(t), buildKubeadm(t, p, "v1.30.14", usual), buildKubeadm(t, p, "v1.30.14", longer)
	kubelet, apiserver := clusterPrograms(t, p)
	c := startControlPlane(t, old, command, kubelet, apiserver)
	before := c.containers(t)
	checkYears(t, c.renewal.years(t), usual)
	c.serves(t, usual.Leaf)
	if out := c.command.run(t, 0, c.restart("--dry-run")...); !strings.Contains(out, "[]") {
		t.Errorf("before anything was renewed it would restart %s", out)
	}
	// Whoever reads what it says may go away, and its exit status counts all the same.
	script := c.script(t, "--calm", "5", "--healthy-within", "120", long.path)
	out := ends(t, c.inShell(t, `set -o pipefail; "$0" "$@" 2>&1 | head -n 1`, script.Args[3:]...), 0)
	if log := string(fileOf(t, filepath.Join(c.backups, "log"))); strings.Count(out, "\n") != 1 || !strings.Contains(log, "restarting kube-apiserver") || !strings.Contains(log, "ended with exit status 0") {
		t.Errorf("it says %q, and in the log\n%s", out, log)
	}
	renewed := time.Now()
	after := c.containers(t)
	c.checkReplaced(t, before, after)
	found := c.renewal.years(t)
	// The kubelet has its own.
	if found["kubelet.conf"] != usual.Leaf {
		t.Errorf("kubelet.conf is valid for %d years, want %d as before", found["kubelet.conf"], usual.Leaf)
	}
	delete(found, "kubelet.conf")
	checkYears(t, found, longer)
	c.serves(t, longer.Leaf)
	c.goesOn(t, renewed)
	if out := c.command.run(t, 0, c.restart("--dry-run")...); !strings.Contains(out, "[]") {
		t.Errorf("afterwards it would restart %s", out)
	}
	if *unhealthy {
		c.checkOtherHosts(t, long)
	}
}

// checkOtherHosts renews this node as another host, over ssh, with a control plane that does
// not become healthy. The host after it has files of its own, which must stay as they are.
func (c *controlPlane) checkOtherHosts(t *testing.T, k kubeadm) {
	t.Helper()
	last := newRenewal(t, c.origin, k, c.command)
	untouched := last.state(t)
	// A probe of a port where nobody listens, of the last that is restarted.
	manifest := filepath.Join(c.place.ManifestDir, "kube-scheduler.yaml")
	port, err := testnode.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	text := string(fileOf(t, manifest))
	probe := func(of string) {
		was := c.containers(t)["kube-scheduler"]
		write(t, manifest, strings.Replace(text, "    volumeMounts:\n", "    readinessProbe:\n      httpGet: {host: 127.0.0.1, "+of+"}\n    volumeMounts:\n", 1))
		c.await(t, "the edited pod", func() bool {
			is := c.containers(t)["kube-scheduler"]
			return is != "" && is != was
		})
	}
	probe(fmt.Sprintf("path: /healthz, port: %d", port))
	config := serveSSH(t, c.root, map[string]string{"master-2": "", "master-3": last.root})
	args := []string{"--ssh-config", config, "--only-hosts", "--host", "master-2", "--host", "master-3", "--calm", "5", "--healthy-within", "60"}
	out := c.renew(t, 6, append(args, k.path)...)
	for _, says := range []string{"the control plane is not healthy", "master-2: renew-certs ended with exit status 4 there; hosts after it were left alone"} {
		if !strings.Contains(out, says) {
			t.Errorf("it does not say %q:\n%s", says, out)
		}
	}
	if diff := cmp.Diff(untouched, last.state(t)); diff != "" || strings.Contains(out, "== master-3") {
		t.Errorf("the host after it was changed: %s\n%s", diff, out)
	}
	if made, err := filepath.Glob(filepath.Join(last.backups, "*")); err != nil || len(made) > 0 {
		t.Errorf("the host after it has %v: %v", made, err)
	}
	nothingLeft(t)
	// What is to be done next is said as it is done from here.
	line := next(t, out, "To go on with the restarts")
	if !strings.Contains(line, "--only-hosts --host master-2") {
		t.Errorf("what it says is to be done next: %s", line)
	}
	probe(fmt.Sprintf("path: /livez, port: %d, scheme: HTTPS", c.port))
	out = ends(t, c.inShell(t, line), 0)
	if !strings.Contains(out, "going on with a run that was interrupted") {
		t.Errorf("it does not go on:\n%s", out)
	}
	c.await(t, "the API server", func() bool { return c.request(t, http.MethodGet, "/readyz", "", nil) == nil })
}

// serves wants the API server and etcd to serve with certificates of so many years that the
// authorities signed, by what openssl says of them.
func (c *controlPlane) serves(t *testing.T, years int) {
	t.Helper()
	client := c.kubernetes("pki", "etcd", "healthcheck-client")
	for port, args := range map[int][]string{
		c.port: {"-CAfile", c.kubernetes("pki", "ca.crt")},
		c.etcd: {"-CAfile", c.kubernetes("pki", "etcd", "ca.crt"), "-cert", client + ".crt", "-key", client + ".key"},
	} {
		cmd := exec.CommandContext(t.Context(), "openssl", append([]string{"s_client", "-verify_return_error", "-connect", fmt.Sprintf("127.0.0.1:%d", port)}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("Verify return code: 0 (ok)")) {
			t.Errorf("openssl s_client: %v\n%s", err, out)
			continue
		}
		if found := opensslYears(t, out); found != years {
			t.Errorf("what is served at port %d is valid for %d years, want %d", port, found, years)
		}
	}
}

func (c *controlPlane) restart(args ...string) []string {
	return append([]string{"certs", "restart", "--pid", fmt.Sprint(c.kubelet.PID()), "--kubernetes-dir", c.kubernetes(), "-o", "json"}, args...)
}

// checkReplaced wants the four pods of the control plane to have new containers, and all
// others the ones of before.
func (c *controlPlane) checkReplaced(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, id := range before {
		uses := name == "etcd" || strings.HasPrefix(name, "kube-")
		if replaced := after[name] != id; replaced != uses || after[name] == "" {
			t.Errorf("%s: container %.12s became %.12s, uses the certificates: %t", name, id, after[name], uses)
		}
	}
	if len(before) != 6 || len(after) != 6 {
		t.Errorf("containers %v became %v", before, after)
	}
}
