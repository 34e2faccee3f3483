package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// sshd is where Debian's openssh-server has it; it wants to be started by that path.
const sshd = "/usr/sbin/sshd"

// serveSSH lets a real sshd serve hosts of these names on loopback, and returns a
// configuration of ssh that leads to them.
func serveSSH(t *testing.T, hosts ...string) string {
	t.Helper()
	if _, err := exec.LookPath(sshd); err != nil {
		t.Skip("renews certificates over ssh: install Debian's package openssh-server")
	}
	dir := t.TempDir()
	for _, name := range []string{"host", "client"} {
		out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput()
		if err != nil {
			t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	port, err := testnode.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "sshd_config"), fmt.Sprintf("ListenAddress 127.0.0.1:%d\nHostKey %s/host\nAuthorizedKeysFile %s/client.pub\n"+
		"StrictModes no\nPermitRootLogin prohibit-password\nUsePAM no\nPidFile none\nSubsystem sftp internal-sftp\n", port, dir, dir))
	var config strings.Builder
	for _, host := range hosts {
		fmt.Fprintf(&config, "Host %s\n  HostName 127.0.0.1\n  Port %d\n", host, port)
	}
	fmt.Fprintf(&config, "Host *\n  User root\n  IdentityFile %s/client\n  UserKnownHostsFile %s/known\n  StrictHostKeyChecking accept-new\n  ConnectTimeout 10\n", dir, dir)
	path := filepath.Join(dir, "ssh_config")
	write(t, path, config.String())
	// Where nothing has started it before, the folder for its unprivileged half is missing.
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	server, err := testnode.Start(dir, "sshd", sshd, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return path
}

// Other masters are done one after the other, and none after the first that fails.
func TestRenewalOfOtherHosts(t *testing.T) {
	requireOpenSSL(t)
	p := open(t)
	config := serveSSH(t, "master-2", "master-3")
	command, k := buildSteadylet(t), buildKubeadm(t, p, "v1.31.0", false)
	m := newMaster(t, k, t.TempDir(), 6443)
	// They share one file system, so whoever renews there leaves a backup.
	for name, test := range map[string]struct {
		hosts   []string
		damaged bool
		status  int
		backups int
		says    string
	}{
		"both":              {[]string{"master-2", "master-3"}, false, 0, 2, "== master-3"},
		"one that is gone":  {[]string{"master-2", "127.0.0.1.invalid", "master-3"}, false, 6, 1, "can't be reached over ssh"},
		"one that is ill":   {[]string{"master-2", "master-3"}, true, 6, 0, "master-2: renew-certs ended with exit status 2 there; hosts after it were left alone"},
		"looking (dry run)": {[]string{"master-2"}, false, 0, 0, "dry run: they would become"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRenewal(t, m, k, command)
			if test.damaged {
				write(t, r.kubernetes("pki", "ca.crt"), "damaged")
			}
			args := []string{"--ssh-config", config, "--only-hosts", "--skip-restart"}
			for _, host := range test.hosts {
				args = append(args, "--host", host)
			}
			if strings.Contains(name, "dry run") {
				args = append(args, "--dry-run")
			}
			out := r.renew(t, test.status, append(args, k.path)...)
			if !strings.Contains(out, test.says) || test.status == 6 && strings.Contains(out, "== master-3") {
				t.Errorf("it says\n%s", out)
			}
			made, err := filepath.Glob(filepath.Join(r.backups, "certs-*"))
			if err != nil || len(made) != test.backups {
				t.Errorf("%d backups (%v), want %d\n%s", len(made), err, test.backups, out)
			}
			home, err := os.UserHomeDir()
			if err != nil {
				t.Fatal(err)
			}
			if left, err := filepath.Glob(filepath.Join(home, ".renew-certs.*")); err != nil || len(left) > 0 {
				t.Errorf("left behind on the hosts: %v (%v)", left, err)
			}
		})
	}
}
