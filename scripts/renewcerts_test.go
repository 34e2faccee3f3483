package scripts_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestRenewCertsIsClean(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("checks the scripts: install Debian's package shellcheck")
	}
	// From here the paths in the sources are those from the repository's root.
	cmd := exec.CommandContext(t.Context(), "shellcheck", "--external-sources", "--check-sourced", "--source-path=..", "renew-certs")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Help is for a person who has never seen the script.
func TestRenewCertsHelp(t *testing.T) {
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
