package nodefacts

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/certs/certstest"
	"github.com/steadylet/steadylet/internal/doctor"
)

// Links are followed, and what can't be read is told of.
func TestCertificates(t *testing.T) {
	now := time.Now()
	all := []string{"kubernetes/pki/apiserver-etcd-client.crt", "kubernetes/pki/apiserver.crt", "kubernetes/pki/ca.crt", "kubernetes/pki/etcd/ca.crt", "kubernetes/pki/etcd/server.crt", "pki/kubelet-server-current.pem"}
	for name, test := range map[string]struct {
		change        func(dir string) error
		found, unread []string
		says          string
	}{
		"as kubeadm makes it": {func(string) error { return nil }, all, nil, ""},
		"pki is a link": {func(dir string) error {
			return errors.Join(os.Rename(dir+"/kubernetes/pki", dir+"/ssl"), os.Symlink("../ssl", dir+"/kubernetes/pki"))
		}, all, nil, ""},
		"etcd is a link": {func(dir string) error {
			return errors.Join(os.Rename(dir+"/kubernetes/pki/etcd", dir+"/etcd"), os.Symlink(dir+"/etcd", dir+"/kubernetes/pki/etcd"))
		}, all, nil, ""},
		"pki leads nowhere": {func(dir string) error {
			return errors.Join(os.RemoveAll(dir+"/kubernetes/pki"), os.Symlink("gone", dir+"/kubernetes/pki"))
		}, all[5:], []string{"kubernetes/pki"}, "the link leads nowhere"},
		"pki leads in a circle": {func(dir string) error {
			return errors.Join(os.RemoveAll(dir+"/kubernetes/pki"), os.Symlink("pki", dir+"/kubernetes/pki"))
		}, all[5:], []string{"kubernetes/pki"}, "too many levels of symbolic links"},
		"a certificate leads nowhere": {func(dir string) error {
			return errors.Join(os.Remove(dir+"/kubernetes/pki/etcd/server.crt"), os.Symlink("gone", dir+"/kubernetes/pki/etcd/server.crt"))
		}, append(append([]string{}, all[:4]...), all[5]), []string{"kubernetes/pki/etcd/server.crt"}, "the link leads nowhere"},
		"the kubelet's lead nowhere": {func(dir string) error {
			return errors.Join(os.RemoveAll(dir+"/pki"), os.Symlink("gone", dir+"/pki"))
		}, all[:5], []string{"pki"}, "the link leads nowhere"},
		"none": {os.RemoveAll, nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "node")
			ca := certstest.Node(t, filepath.Join(dir, "kubernetes"), now, 365*24*time.Hour)
			serving := certstest.Make(t, "node", now, 300*24*time.Hour, ca)
			// A key may lie before its certificate.
			writeTo(t, filepath.Join(dir, "pki", "kubelet-server-current.pem"), string(serving.KeyPEM(t))+string(serving.CertificatePEM()))
			writeTo(t, filepath.Join(dir, "pki", clientPair), "judged with the kubeconfig")
			if err := test.change(dir); err != nil {
				t.Fatal(err)
			}
			n := node{now: now, kubelet: kubelet([]string{"kubelet", "--cert-dir=" + filepath.Join(dir, "pki")})}
			n.request.KubernetesDir = filepath.Join(dir, "kubernetes")
			certificates := n.certificates()
			var found, unread []string
			for _, one := range certificates.Found {
				found = append(found, strings.TrimPrefix(one.Path, dir+"/"))
				if one.NotAfter.Before(now) {
					t.Errorf("%s is valid until %s", one.Path, one.NotAfter)
				}
			}
			for _, one := range certificates.Unread {
				unread = append(unread, strings.TrimPrefix(one.Path, dir+"/"))
				if !strings.Contains(one.Err.Error(), test.says) {
					t.Errorf("%s: got %v", one.Path, one.Err)
				}
			}
			if diff := cmp.Diff([][]string{test.found, test.unread}, [][]string{found, unread}); diff != "" {
				t.Error(diff)
			}
			facts := doctor.Facts{Now: now, Kubelet: doctor.Kubelet{Program: "/usr/bin/kubelet"}, Certificates: certificates}
			want := doctor.OK
			if test.unread != nil {
				want = doctor.Unknown
			}
			if got := finding(t, facts, "certificates"); got.Severity != want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// A kubelet of which no flag is known has its client certificate looked at all the same.
func TestClientCertificateWithoutFlags(t *testing.T) {
	dir := t.TempDir()
	k := newKit(t, t.TempDir())
	writeTo(t, filepath.Join(dir, clientPair), string(k.expired.CertificatePEM()))
	n := node{now: k.now}
	n.kubelet.Flags.CertDir = dir
	n.request.KubernetesDir = dir
	facts := doctor.Facts{Now: k.now, Certificates: n.certificates(), Client: n.client()}
	if got := finding(t, facts, "certificates"); got.Severity != doctor.Error || !strings.Contains(got.Summary, clientPair+" has expired") {
		t.Errorf("got %+v", got)
	}
	if got := finding(t, facts, "kubeconfig"); got.Severity != doctor.Unknown {
		t.Errorf("got %+v", got)
	}
}

// What can't be followed, or is not the kubelet's business, is told apart.
func TestCredentialsOfOddPaths(t *testing.T) {
	k := newKit(t, t.TempDir())
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	writeTo(t, at("file"), k.config(embedded(t, "mine", k.valid, k.valid)))
	if err := errors.Join(os.Symlink("file", at("link")), os.Symlink("gone", at("dead")), os.Symlink("circle", at("circle")), os.Mkdir(at("folder"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"file": "certified", "link": "certified", "dead": "missing", "none": "missing", "circle": "path", "file/below": "path", "folder": "unusable",
	} {
		c := credentials(at(path))
		got := "nothing"
		switch {
		case c.Missing:
			got = "missing"
		case c.PathErr != nil:
			got = "path"
		case c.Err != nil:
			got = "unusable"
		case c.Certified && c.CertErr == nil && c.KeyErr == nil && c.NotAfter.Equal(k.valid.Certificate.NotAfter):
			got = "certified"
		}
		if got != want {
			t.Errorf("%s is %s, want %s: %+v", path, got, want, c)
		}
	}
}
