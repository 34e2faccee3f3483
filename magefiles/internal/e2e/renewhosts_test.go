package e2e_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// sshd is where Debian's openssh-server has it; it wants to be started by that path.
const sshd = "/usr/sbin/sshd"

// serveSSH lets a real sshd serve each of the hosts on loopback, and returns a
// configuration of ssh that leads to them. What is at a path is on each host another
// folder, or the same one where that is empty.
func serveSSH(t *testing.T, path string, hosts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"host", "client"} {
		out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput()
		if err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	// Where nothing has started it before, the folder for its unprivileged half is missing.
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	var config strings.Builder
	for host, folder := range hosts {
		port, err := testnode.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&config, "Host %s\n  HostName 127.0.0.1\n  Port %d\n", host, port)
		startSSH(t, dir, host, port, path, folder)
	}
	fmt.Fprintf(&config, "Host *\n  User root\n  IdentityFile %s/client\n  UserKnownHostsFile %s/known\n  StrictHostKeyChecking accept-new\n  ConnectTimeout 10\n", dir, dir)
	write(t, filepath.Join(dir, "ssh_config"), config.String())
	return filepath.Join(dir, "ssh_config")
}

// startSSH starts the sshd of one host: where that has a folder of its own, in a mount
// namespace of its own.
func startSSH(t *testing.T, dir, host string, port int, path, folder string) {
	t.Helper()
	config := filepath.Join(dir, host)
	write(t, config, fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s/host\nAuthorizedKeysFile %s/client.pub\n"+
		"StrictModes no\nPermitRootLogin prohibit-password\nUsePAM no\nPidFile none\nSubsystem sftp internal-sftp\n", port, dir, dir))
	command := []string{sshd, "-D", "-e", "-f", config}
	if folder != "" {
		const start = `mount --bind "$0" "$1" && shift && exec "$@"`
		command = append([]string{"unshare", "--mount", "--propagation", "private", "sh", "-c", start, folder, path}, command...)
	}
	server, err := testnode.Start(dir, host, command[0], command[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	// A connection before it listens is refused, and the script takes that for a host that is gone.
	err = server.Wait(t.Context(), time.Minute, "sshd of "+host, func() (bool, error) { return answersSSH(port), nil })
	if err != nil {
		t.Fatal(err)
	}
}

// answersSSH says whether somebody on this port of loopback says the protocol's first line.
func answersSSH(port int) bool {
	c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return false
	}
	line := make([]byte, len("SSH-2.0-"))
	_, err = io.ReadFull(c, line)
	return err == nil && string(line) == "SSH-2.0-"
}

// masters are this node and two others, each with a file system of its own below one path.
type masters struct {
	*renewal
	others map[string]*renewal
	config string
}

func newMasters(t *testing.T, m master, k kubeadm, command steadylet) masters {
	t.Helper()
	all := masters{renewal: newRenewal(t, m, k, command), others: map[string]*renewal{}}
	folders := map[string]string{}
	for _, host := range []string{"master-2", "master-3"} {
		all.others[host] = newRenewal(t, m, k, command)
		folders[host] = all.others[host].root
	}
	all.config = serveSSH(t, all.root, folders)
	return all
}

// renewOthers runs the script on other hosts only.
func (all masters) renewOthers(t *testing.T, status int, args ...string) string {
	t.Helper()
	return all.renew(t, status, append([]string{"--ssh-config", all.config, "--only-hosts", "--skip-restart"}, args...)...)
}

// nothingLeft wants no folder of the script on the hosts.
func nothingLeft(t *testing.T) {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(home, ".renew-certs.*")); err != nil || len(left) > 0 {
		t.Errorf("left behind on the hosts: %v (%v)", left, err)
	}
}

// Other masters are done one after the other, and none after the first that fails.
func TestRenewalOfOtherHosts(t *testing.T) {
	needsSSH(t)
	p := open(t)
	command, k := buildSteadylet(t), buildKubeadm(t, p, "v1.30.14", usual)
	m := newMaster(t, k, t.TempDir(), 6443)
	quick := record(t, m, k, command).kubeadm
	for name, test := range map[string]struct {
		hosts   []string
		args    []string
		ill     string
		status  int
		renewed []string
		says    string
	}{
		"both":             {[]string{"master-2", "master-3"}, nil, "", 0, []string{"master-2", "master-3"}, "== master-3"},
		"one that is gone": {[]string{"master-2", "127.0.0.1.invalid", "master-3"}, nil, "", 6, []string{"master-2"}, "can't be reached over ssh"},
		"one that is ill": {
			[]string{"master-2", "master-3"}, nil, "master-2", 6, nil, "master-2: renew-certs ended with exit status 2 there; hosts after it were left alone",
		},
		"the last is ill":   {[]string{"master-2", "master-3"}, nil, "master-3", 6, []string{"master-2"}, "master-3: renew-certs ended"},
		"looking (dry run)": {[]string{"master-2"}, []string{"--dry-run"}, "", 0, nil, "dry run: they would become"},
	} {
		t.Run(name, func(t *testing.T) {
			all := newMasters(t, m, k, command)
			if test.ill != "" {
				write(t, all.others[test.ill].kubernetes("pki", "ca.crt"), "damaged")
			}
			before := map[string]map[string]string{"": all.state(t)}
			args := append(test.args, quick)
			for _, host := range test.hosts {
				args = append(args, "--host", host)
			}
			for host, other := range all.others {
				before[host] = other.state(t)
			}
			out := all.renewOthers(t, test.status, args...)
			if !strings.Contains(out, test.says) || test.ill == "master-2" && strings.Contains(out, "== master-3") {
				t.Errorf("it says\n%s", out)
			}
			for _, host := range test.renewed {
				all.others[host].renewed(t, before[host])
				before[host] = all.others[host].state(t)
			}
			for host, other := range all.others {
				if diff := cmp.Diff(before[host], other.state(t)); diff != "" {
					t.Errorf("%s was changed:\n%s", host, diff)
				}
			}
			if diff := cmp.Diff(before[""], all.state(t)); diff != "" {
				t.Errorf("this node was changed:\n%s", diff)
			}
			nothingLeft(t)
		})
	}
}

// Each host puts its own newest backup back; a loop around the script reaches its end; and
// what is to be done on a host is said as it is done from here.
func TestOtherHostsGoBack(t *testing.T) {
	needsSSH(t)
	p := open(t)
	command, k := buildSteadylet(t), buildKubeadm(t, p, "v1.30.14", usual)
	m := newMaster(t, k, t.TempDir(), 6443)
	quick := record(t, m, k, command).kubeadm
	all := newMasters(t, m, k, command)
	nodes := maps.Clone(all.others)
	nodes[""] = all.renewal
	before := map[string]map[string]string{}
	for host, node := range nodes {
		before[host] = node.state(t)
	}
	hosts := []string{"--ssh-config", all.config, "--skip-restart", "--host", "master-2", "--host", "master-3"}
	out := all.renew(t, 0, append(hosts, quick)...)
	backups := map[string]bool{}
	for host, node := range nodes {
		node.renewed(t, before[host])
		made, err := filepath.Glob(filepath.Join(node.backups, "certs-*"))
		if err != nil || len(made) != 1 {
			t.Fatalf("%s has the backups %v: %v", host, made, err)
		}
		backups[filepath.Base(made[0])] = true
	}
	if len(backups) != len(nodes) {
		t.Errorf("backups of one name prove nothing: %v", backups)
	}
	all.renew(t, 0, append(hosts, "--restore")...)
	for host, node := range nodes {
		if diff := cmp.Diff(before[host], node.state(t)); diff != "" {
			t.Errorf("%s is not as it was:\n%s", host, diff)
		}
	}
	// The command that was said of the last host names its backup.
	_, said, _ := strings.Cut(out, "== master-3")
	ends(t, all.inShell(t, next(t, said, "to be put back with")+" --dry-run"), 0)

	const loop = `printf 'master-2\nmaster-3\n' | while read -r host; do "$0" "$@" --host "$host" || exit; done`
	script := all.script(t, "--ssh-config", all.config, "--only-hosts", "--skip-restart", quick).Args[3:]
	out = ends(t, all.inShell(t, loop, script...), 0)
	for _, host := range []string{"master-2", "master-3"} {
		if !strings.Contains(out, "== "+host) {
			t.Errorf("the loop did not come to %s:\n%s", host, out)
		}
		all.others[host].renewed(t, before[host])
	}
	nothingLeft(t)
}
