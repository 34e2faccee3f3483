package doctor_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/doctor"
)

const (
	kubeletConf = "/etc/kubernetes/kubelet.conf"
	ownPair     = "/var/lib/kubelet/pki/kubelet-client-current.pem"
)

// certified is a client certificate in a file that is valid for so long from now on.
func certified(path string, left time.Duration) doctor.Credentials {
	return doctor.Credentials{Certified: true, Path: path, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.Add(left)}
}

const year = 365 * 24 * time.Hour

// client is as kubeadm sets it up.
func client() doctor.Client {
	return doctor.Client{
		Path: kubeletConf, BootstrapPath: "/etc/kubernetes/bootstrap-kubelet.conf", Rotates: true, StoredPath: ownPair,
		Kubeconfig: certified(ownPair, year), Bootstrap: doctor.Credentials{Missing: true}, Stored: certified(ownPair, year),
	}
}

// Each case changes one thing of a kubelet as kubeadm sets it up. (What a kubelet does in
// which case is in internal/nodefacts/testdata/starts.txt.)
func TestKubeconfig(t *testing.T) {
	embedded := func(left time.Duration) func(*doctor.Facts) {
		return func(f *doctor.Facts) { f.Client.Kubeconfig = certified(kubeletConf, left) }
	}
	both := func(changes ...func(*doctor.Facts)) func(*doctor.Facts) {
		return func(f *doctor.Facts) {
			for _, change := range changes {
				change(f)
			}
		}
	}
	noBootstrap := func(f *doctor.Facts) { f.Client.BootstrapPath = "" }
	token := func(f *doctor.Facts) {
		f.Client.Kubeconfig = doctor.Credentials{}
		f.Client.Stored = doctor.Credentials{Missing: true}
	}
	denied := fmt.Errorf("reading %s: %w", kubeletConf, fs.ErrPermission)
	for name, test := range map[string]struct {
		change          func(*doctor.Facts)
		severity        doctor.Severity
		summary, remedy string
	}{
		"as kubeadm sets it up": {func(*doctor.Facts) {}, doctor.OK, "the client certificate in " + ownPair + " is valid until 2027-11-24", ""},
		"expired, embedded": {
			embedded(-35 * 24 * time.Hour), doctor.Error,
			kubeletConf + " has a client certificate that expired on 2026-10-20 12:00Z, and /etc/kubernetes/bootstrap-kubelet.conf (--bootstrap-kubeconfig) does not exist: " +
				"no kubelet starts with that, and the kubelet that runs now would not start again either",
			"in " + kubeletConf + ", let client-certificate and client-key of the user name " + ownPair,
		},
		"expired, and no kubelet runs": {both(embedded(-time.Hour), func(f *doctor.Facts) { f.Kubelet.PID = 0 }), doctor.Error, "no kubelet starts with that", ownPair},
		"all expired": {
			func(f *doctor.Facts) {
				f.Client.Kubeconfig = certified(ownPair, -time.Hour)
				f.Client.Stored = f.Client.Kubeconfig
			},
			doctor.Error, "no kubelet starts with that", "kubeadm kubeconfig user --org system:nodes --client-name system:node:db-3, on a control plane's node; or /etc/kubernetes/bootstrap-kubelet.conf, with a new token: kubeadm token create",
		},
		"all expired, a token to begin with": {
			func(f *doctor.Facts) {
				f.Client.Kubeconfig, f.Client.Bootstrap = certified(ownPair, -time.Hour), doctor.Credentials{}
				f.Client.Stored = f.Client.Kubeconfig
			},
			doctor.Warning, "it asks for a new certificate with /etc/kubernetes/bootstrap-kubelet.conf", "kubeadm token create",
		},
		"embedded, expires soon": {embedded(3*24*time.Hour + time.Hour), doctor.Warning, "in " + kubeletConf + " expires in 3 days", "the kubelet does not renew that one: in " + kubeletConf},
		"expires soon": {
			func(f *doctor.Facts) {
				f.Client.Kubeconfig, f.Client.Stored = certified(ownPair, 24*time.Hour), certified(ownPair, 24*time.Hour)
			},
			doctor.Warning, "in " + ownPair + " expires in 24 hours", "see why the kubelet does not renew it",
		},
		"without a way to bootstrap, expired": {both(noBootstrap, embedded(-time.Hour)), doctor.Warning, "only " + ownPair + " keeps the kubelet connected", ownPair},
		"all expired, none to begin with": {
			both(noBootstrap, embedded(-time.Hour), func(f *doctor.Facts) { f.Client.Stored = certified(ownPair, -time.Hour) }),
			doctor.Error, "is refused by the API server, and ends after five minutes, and the kubelet that runs now would not", "kubeadm kubeconfig user",
		},
		"expired, and it keeps none": {
			both(noBootstrap, embedded(-time.Hour), func(f *doctor.Facts) { f.Client.Rotates = false }),
			doctor.Error, "is refused by the API server, and the kubelet that runs now", "let client-certificate",
		},
		"not valid yet": {
			func(f *doctor.Facts) {
				f.Client.Kubeconfig.NotBefore = now.Add(time.Hour)
				f.Client.Stored = f.Client.Kubeconfig
			},
			doctor.Error, "is not valid before 2026-11-24 13:00Z (is the clock right?): a kubelet that starts with that is refused", "kubeadm kubeconfig user",
		},
		"its own is damaged":       {func(f *doctor.Facts) { f.Client.Stored.CertErr = errSome }, doctor.Error, ownPair + " has a client certificate that can't be used: some reason: no kubelet starts", "move " + ownPair + " away"},
		"a token that is accepted": {both(noBootstrap, token), doctor.OK, "the API server accepts the credentials of " + kubeletConf, ""},
		"a token that nobody knows": {
			both(noBootstrap, token, func(f *doctor.Facts) { f.Pods.Err = errSome }), doctor.Unknown, "whether the API server accepts the credentials of " + kubeletConf + " is not known: some reason", "get node db-3",
		},
		"no kubeconfig":        {func(f *doctor.Facts) { f.Client = doctor.Client{} }, doctor.OK, "has no kubeconfig", ""},
		"no flags":             {func(f *doctor.Facts) { f.Client = doctor.Client{Err: errSome} }, doctor.Unknown, "with which credentials the kubelet starts is not known: some reason", "while the kubelet runs"},
		"not as root":          {func(f *doctor.Facts) { f.Client.Kubeconfig = doctor.Credentials{PathErr: denied} }, doctor.Unknown, "permission denied", "as root"},
		"its own, not as root": {func(f *doctor.Facts) { f.Client.Stored = doctor.Credentials{Err: denied} }, doctor.Unknown, "permission denied", "as root"},
		"a path that leads in a circle": {
			func(f *doctor.Facts) {
				f.Client.Kubeconfig = doctor.Credentials{PathErr: errSome}
				f.Client.Bootstrap = doctor.Credentials{}
			}, doctor.Error, "some reason: no kubelet starts with that", "make " + kubeletConf + " anew",
		},
	} {
		t.Run(name, func(t *testing.T) {
			facts := good(t)
			facts.Node = "db-3"
			test.change(&facts)
			got := wanted(doctor.Diagnose(facts), "kubeconfig")
			if got.Severity != test.severity || !strings.Contains(got.Summary, test.summary) || !strings.Contains(got.Remedy, test.remedy) || (got.Remedy == "") != (test.remedy == "") {
				t.Errorf("got %+v", got)
			}
		})
	}
}
