package e2e_test

import (
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
)

// What a test needs is asked for before anything is built, which takes minutes.

// needsNode skips a test on a host that can't run kubelets.
func needsNode(t *testing.T) {
	t.Helper()
	if err := testnode.Require(); err != nil {
		t.Skip(err)
	}
}

// needsCluster skips a test on a host that can't run an API server for its kubelets either.
func needsCluster(t *testing.T) {
	t.Helper()
	if err := upgrade.Require(); err != nil {
		t.Skip(err)
	}
}

// needsSupervisor skips a test on a host that can't run a kubelet under runit, for a script.
func needsSupervisor(t *testing.T) {
	t.Helper()
	needsNode(t)
	programtest.Needs(t, "runit", "runsv", "sv")
	programtest.Needs(t, "bash", "bash")
}

// needsRenewal skips a test on a host that can't renew certificates, or not look at them.
func needsRenewal(t *testing.T) {
	t.Helper()
	programtest.NeedsRoot(t) // kubeadm --rootfs does
	programtest.Needs(t, "openssl", "openssl")
	programtest.Needs(t, "bash", "bash")
}

// needsSSH is needsRenewal on other hosts too.
func needsSSH(t *testing.T) {
	t.Helper()
	needsRenewal(t)
	programtest.Needs(t, "openssh-server", sshd)
	programtest.Needs(t, "openssh-client", "ssh", "ssh-keygen")
}
