package scripts_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
)

func TestRenewCertsIsClean(t *testing.T) {
	programtest.Needs(t, "shellcheck", "shellcheck")
	// From here the paths in the sources are those from the repository's root.
	cmd := exec.CommandContext(t.Context(), "shellcheck", "--external-sources", "--check-sourced", "--source-path=..", "renew-certs")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Help is for a person who has never seen the script.
func TestRenewCertsHelp(t *testing.T) {
	programtest.Needs(t, "bash", "bash")
	out, err := exec.CommandContext(t.Context(), "./renew-certs", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, section := range []string{"Usage: renew-certs", "Options:", "--dry-run", "Exit status", "Examples:"} {
		if !strings.Contains(string(out), section) {
			t.Errorf("the help lacks %q", section)
		}
	}
}

// What makes no sense is said before anything is looked at.
func TestRenewCertsUsage(t *testing.T) {
	programtest.Needs(t, "bash", "bash")
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"an option that is not known": {[]string{"--nonsense", "x"}, "--nonsense is not known"},
		"an option without its value": {[]string{"--host"}, "wants a value"},
		"two programs":                {[]string{"a", "b"}, "one NEW_KUBEADM is enough"},
		"no number":                   {[]string{"--calm", "soon"}, "--calm soon: want a number"},
		"a relative folder":           {[]string{"--cert-dir", "pki"}, "want an absolute path"},
		"an option as a host":         {[]string{"--host=-oProxyCommand=x"}, "want a name"},
		"nothing to do":               {[]string{"--only-hosts"}, "leaves nothing to do"},
		"a backup for many":           {[]string{"--restore", "--host", "a", "certs-20260101T000000Z"}, "is a backup of one host"},
		"a backup for two":            {[]string{"--restore", "--only-hosts", "--host=a", "--host=b", "certs-20260101T000000Z"}, "is a backup of one host"},
		"no program":                  {[]string{"/nonexistent/kubeadm"}, "is no program"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), "./renew-certs", test.args...).CombinedOutput()
			var exited *exec.ExitError
			if !errors.As(err, &exited) || exited.ExitCode() != 1 || !strings.Contains(string(out), test.says) {
				t.Errorf("%v: %s; want exit status 1, and %q", err, out, test.says)
			}
		})
	}
}

// A loss of power leaves a backup that is whole, and after each step what that put in place:
// in every folder, etcd's and kubeadm's too.
func TestRenewCertsSyncs(t *testing.T) {
	n := node{dir: t.TempDir()}
	for _, folder := range []string{"stubs", "work", "bin", "staging/root/etc", "etc/kubernetes/pki/etcd"} {
		must(t, os.MkdirAll(n.path(folder), 0o700))
	}
	must(t, os.Mkdir(n.path("backups"), 0o700))
	for _, file := range []string{"kubeadm", "bin/kubeadm", "etc/kubernetes/admin.conf", "etc/kubernetes/pki/apiserver.crt", "etc/kubernetes/pki/etcd/server.crt"} {
		write(t, n.path(file), "the text of "+file)
	}
	must(t, os.CopyFS(n.path("staging/root/etc"), os.DirFS(n.path("etc"))))
	for step, script := range map[string]string{
		"renew":   `back_up; written "$kubernetes_dir" "$cert_dir" >"$work/changed"; install_staged`,
		"restore": `back_up; rm -r "$kubernetes_dir" "$0/bin"; put_back "$backup"`,
	} {
		t.Run(step, func(t *testing.T) {
			m := node{dir: t.TempDir()}
			must(t, os.CopyFS(m.dir, os.DirFS(n.dir)))
			must(t, os.Chmod(m.path("backups"), 0o700))
			m.trace(t, ":", "sync", "mv", "mkdir", "cp")
			cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", `. ./certs-swap.bash
kubernetes_dir=$0/etc/kubernetes cert_dir=$0/etc/kubernetes/pki installed=$0/bin/kubeadm new=$0/kubeadm backup_dir=$0/backups work=$0/work staging=$0/staging
`+script, m.dir)
			cmd.Env = append(os.Environ(), "PATH="+m.path("stubs")+":"+os.Getenv("PATH"))
			if status, out := run(t, cmd); status != 0 {
				t.Fatalf("status %d\n%s", status, out)
			}
			for _, problem := range unsynced(m.steps(t)) {
				t.Error(problem)
			}
		})
	}
}

// Nothing is written through a link, whatever is to be done. What to do instead is said.
func TestRenewCertsAndLinks(t *testing.T) {
	for name, test := range map[string]struct{ link, target, says string }{
		"pki":                {"kubernetes/pki", "ssl", "kubernetes/pki is a link to ssl: name the folder itself with --cert-dir"},
		"pki, leads nowhere": {"kubernetes/pki", "gone", "kubernetes/pki is a link to gone: name the folder itself with --cert-dir"},
		"etcd":               {"kubernetes/pki/etcd", "../ssl", "kubernetes/pki/etcd is a link: put the file or folder itself there"},
		"a certificate":      {"kubernetes/pki/apiserver.crt", "../ssl/a.crt", "kubernetes/pki/apiserver.crt is a link"},
		"a kubeconfig":       {"kubernetes/admin.conf", "ssl/admin.conf", "kubernetes/admin.conf is a link"},
	} {
		for _, action := range [][]string{{"--dry-run"}, {}, {"--restore"}} {
			t.Run(strings.Join(append([]string{name}, action...), " "), func(t *testing.T) {
				dir := t.TempDir()
				at := func(path string) string { return filepath.Join(dir, path) }
				err := errors.Join(os.MkdirAll(at("kubernetes/ssl"), 0o755), os.MkdirAll(filepath.Dir(at(test.link)), 0o755), os.Symlink(test.target, at(test.link)),
					os.Mkdir(at("bin"), 0o755), os.Symlink("/bin/true", at("bin/steadylet")), os.Symlink("/bin/true", at("bin/kubeadm")))
				if err != nil {
					t.Fatal(err)
				}
				args := append([]string{"--kubernetes-dir", at("kubernetes"), "--backup-dir", at("backups/certificates"), "--installed", at("bin/kubeadm")}, action...)
				cmd := exec.CommandContext(t.Context(), "./renew-certs", args...)
				cmd.Env = append(os.Environ(), "PATH="+at("bin")+":"+os.Getenv("PATH"))
				out, err := cmd.CombinedOutput()
				var exited *exec.ExitError
				if !errors.As(err, &exited) || exited.ExitCode() != 2 || !strings.Contains(string(out), test.says) || !strings.Contains(string(out), "nothing was changed") {
					t.Errorf("%v: %s; want exit status 2, and %q", err, out, test.says)
				}
				if _, err := os.Lstat(at("backups")); !os.IsNotExist(err) {
					t.Errorf("it made the folder of backups (%v)", err)
				}
			})
		}
	}
}
