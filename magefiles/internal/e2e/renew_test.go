package e2e_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// renewal is a control-plane node of one's own, and what renews its certificates.
type renewal struct {
	master
	kubeadm kubeadm
	command steadylet
	// installed is the node's kubeadm, another one than the new one.
	installed, backups string
	// wrappers is a folder that comes first in PATH.
	wrappers string
}

// newRenewal takes a copy of a node: kubeadm takes long to make keys.
func newRenewal(t *testing.T, of master, k kubeadm, command steadylet) *renewal {
	t.Helper()
	m := master{root: t.TempDir(), port: of.port}
	if out, err := exec.CommandContext(t.Context(), "cp", "-a", of.root+"/.", m.root).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := &renewal{
		master: m, kubeadm: k, command: command, installed: filepath.Join(m.root, "bin", "kubeadm"),
		backups: filepath.Join(m.root, "backups"), wrappers: filepath.Join(m.root, "wrappers"),
	}
	// What others put there is none of kubeadm's business.
	for name, text := range map[string]string{"cloud.conf": "[Global]\nusername=x\n", "webhook.conf": "kind: Config\nusers:\n- name: u\n  user: {client-certificate: /nonexistent}\n"} {
		write(t, r.kubernetes(name), text)
	}
	err := errors.Join(os.Symlink("cloud.conf", r.kubernetes("linked.conf")), os.Mkdir(filepath.Dir(r.installed), 0o755), os.Mkdir(r.wrappers, 0o755), os.Mkdir(r.backups, 0o700),
		os.WriteFile(r.installed, []byte("#!/bin/sh\necho v1.0.0\n"), 0o755), os.Symlink(string(command), filepath.Join(r.wrappers, "steadylet")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// script is a run of the script, in a process group of its own.
func (r *renewal) script(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	args = append([]string{"--kubernetes-dir", r.kubernetes(), "--installed", r.installed, "--backup-dir", r.backups, "--config", filepath.Join(r.root, "config.yaml")}, args...)
	return r.inShell(t, `exec "$0" "$@"`, append([]string{filepath.Join(*root, "scripts", "renew-certs")}, args...)...)
}

// inShell is what a person types, where $0 and $@ are the arguments.
func (r *renewal) inShell(t *testing.T, text string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{"-c", text}, args...)...)
	cmd.Env = append(os.Environ(), "PATH="+r.wrappers+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// ends runs a command and wants an exit status; -1 is for a killed one.
func ends(t *testing.T, cmd *exec.Cmd, status int) string {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Fatalf("%q: exit status %d, want %d\n%s", cmd.Args[2:], got, status, out.String())
	}
	return out.String()
}

// renew runs the script and wants an exit status.
func (r *renewal) renew(t *testing.T, status int, args ...string) string {
	t.Helper()
	return ends(t, r.script(t, args...), status)
}

// state is the content of all files of the node but backups, by path.
func (r *renewal) state(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range []string{r.kubernetes(), filepath.Dir(r.installed)} {
		err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files[path] = string(fileOf(t, path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// leftovers names what no run may leave in the folder of backups.
func (r *renewal) leftovers(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(r.backups, ".*"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(r.backups, "in-progress")); err == nil {
		found = append(found, "in-progress")
	}
	return found
}

// What can't be renewed is refused in words, and everything is as it was before.
func TestRenewalThatIsRefused(t *testing.T) {
	needsRenewal(t)
	p := open(t)
	command, k := buildSteadylet(t), buildKubeadm(t, p, "v1.30.14", usual)
	m := newMaster(t, k, t.TempDir(), 6443)
	for name, test := range map[string]struct {
		damage func(*testing.T, *renewal)
		args   []string
		status int
		says   string
	}{
		"unreadable authority": {func(t *testing.T, r *renewal) { write(t, r.kubernetes("pki", "ca.crt"), "damaged") }, nil, 2, "it holds no certificate"},
		"expired authority":    {expireAuthority, nil, 2, "its authority expired on"},
		"key of another authority": {func(t *testing.T, r *renewal) {
			write(t, r.kubernetes("pki", "ca.key"), string(fileOf(t, r.kubernetes("pki", "etcd", "ca.key"))))
		}, nil, 2, "is not that of the certificate"},
		"key of another certificate": {func(t *testing.T, r *renewal) {
			write(t, r.kubernetes("pki", "apiserver.key"), string(fileOf(t, r.kubernetes("pki", "front-proxy-client.key"))))
		}, nil, 2, "is not that of the certificate"},
		"no room for the copies": {func(t *testing.T, r *renewal) { mountSmall(t, r.backups, "32k") }, nil, 1, "can't be copied"},
		"no room for the backup": {func(t *testing.T, r *renewal) {
			mountSmall(t, r.backups, "4m")
			write(t, r.installed, strings.Repeat("# a kubeadm is larger than that\n", 1<<18))
		}, nil, 1, "the backup can't be written"},
		"no room for the new ones": {func(t *testing.T, r *renewal) {
			mountSmall(t, filepath.Dir(r.installed), "4m")
			write(t, r.installed, "")
		}, nil, 1, "can't be copied"},
		"a link": {linkKey, nil, 2, "is a link"},
		"a backup folder of all": {func(t *testing.T, r *renewal) {
			if err := os.Chmod(r.backups, 0o755); err != nil {
				t.Fatal(err)
			}
		}, nil, 2, "open to others"},
		"dry run":        {func(*testing.T, *renewal) {}, []string{"--dry-run"}, 0, "dry run: they would become"},
		"no such option": {func(*testing.T, *renewal) {}, []string{"--hosts", "a"}, 1, "renew-certs --help"},
		"no such host":   {func(*testing.T, *renewal) {}, []string{"--host", "-oProxyCommand=x"}, 1, "want a name"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRenewal(t, m, k, command)
			test.damage(t, r)
			before := r.state(t)
			out := r.renew(t, test.status, append(test.args, "--skip-restart", k.path)...)
			if !strings.Contains(out, test.says) {
				t.Errorf("it does not say %q:\n%s", test.says, out)
			}
			if strings.Contains(out, "PRIVATE KEY") {
				t.Errorf("it tells a key:\n%s", out)
			}
			if diff := cmp.Diff(before, r.state(t)); diff != "" {
				t.Errorf("something was changed:\n%s", diff)
			}
			if left := r.leftovers(t); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// others are files that kubeadm does not make.
var others = map[string]bool{"cloud.conf": true, "webhook.conf": true, "linked.conf": true}

// renewed wants every file but authorities to be another one, and all of them to fit.
func (r *renewal) renewed(t *testing.T, before map[string]string) {
	t.Helper()
	for path, now := range r.state(t) {
		base := filepath.Base(path)
		kept := others[base] || strings.HasPrefix(base, "ca.") || strings.HasPrefix(base, "front-proxy-ca.") || strings.HasPrefix(base, "sa.") || base == "kubelet.conf"
		if was, there := before[path]; !there || (was == now) != kept {
			t.Errorf("%s was there: %t, is the same: %t, want %t", path, there, was == now, kept)
		}
	}
	r.command.run(t, 0, "certs", "check", "--only-kubeadm", "--kubernetes-dir", r.kubernetes(), "--kubelet-cert-dir", "", "--cross-check=false")
	if left := r.leftovers(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
