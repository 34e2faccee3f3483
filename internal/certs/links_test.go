package certs_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/certs"
	"github.com/steadylet/steadylet/internal/certs/certstest"
)

// wholeNode is a control plane's node of which all is well, with a kubelet's certificates.
func wholeNode(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	ca := certstest.Node(t, dir, now, year)
	client := certstest.Make(t, "system:node:n", now, year, ca)
	writeFile(t, filepath.Join(dir, "kubelet", "kubelet-client-2026.pem"), client.CertificatePEM(), client.KeyPEM(t))
	link(t, "kubelet-client-2026.pem", filepath.Join(dir, "kubelet", "kubelet-client-current.pem"))
	return dir
}

func link(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// moved puts something elsewhere, with a link in its place.
func moved(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		elsewhere := filepath.Join(t.TempDir(), filepath.Base(name))
		if err := os.Rename(filepath.Join(dir, name), elsewhere); err != nil {
			t.Fatal(err)
		}
		link(t, elsewhere, filepath.Join(dir, name))
	}
}

// replaced puts a link in a file's or folder's place.
func replaced(name, target string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		link(t, target, filepath.Join(dir, name))
	}
}

// summary is a line for each certificate.
func summary(report certs.Report) []string {
	var lines []string
	for _, c := range report.Certificates {
		lines = append(lines, fmt.Sprintf("%s, %s, %s, %d days, %s", c.Name, c.SignedBy, c.Key, c.DaysLeft, c.Status))
	}
	return lines
}

// What lies behind a link is read as if it lay in its place.
func TestLinksAreFollowed(t *testing.T) {
	want := summary(check(t, wholeNode(t), now, 30))
	if len(want) != 7 {
		t.Fatalf("got %v", want)
	}
	for name, change := range map[string]func(*testing.T, string){
		"pki":                     moved("pki"),
		"etcd":                    moved("pki/etcd"),
		"pki, and etcd in it":     func(t *testing.T, dir string) { moved("pki/etcd")(t, dir); moved("pki")(t, dir) },
		"a certificate":           moved("pki/apiserver.crt"),
		"a key":                   moved("pki/apiserver.key"),
		"a kubeconfig":            moved("admin.conf"),
		"the kubelet's folder":    moved("kubelet"),
		"pki, by a relative link": func(t *testing.T, dir string) { moveTo(t, dir, "pki", "ssl") },
		"a link to a link":        func(t *testing.T, dir string) { moveTo(t, dir, "pki", "ssl"); moved("ssl")(t, dir) },
		"a link back up":          func(t *testing.T, dir string) { link(t, "..", filepath.Join(dir, "pki/etcd/up")) },
		"a link to itself":        func(t *testing.T, dir string) { link(t, ".", filepath.Join(dir, "pki/here")) },
		"a link to a .conf folder": func(t *testing.T, dir string) {
			link(t, t.TempDir(), filepath.Join(dir, "manifests.conf"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := wholeNode(t)
			change(t, dir)
			report := check(t, dir, now, 30)
			if diff := cmp.Diff(want, summary(report)); diff != "" || report.Status != certs.OK {
				t.Errorf("status %s\n%s", report.Status, diff)
			}
		})
	}
}

// moveTo moves something within a folder, and leaves a relative link.
func moveTo(t *testing.T, dir, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
		t.Fatal(err)
	}
	link(t, to, filepath.Join(dir, from))
}

// The kubelet's folder of certificates may be named by a link: what a kubeconfig leads to
// is there once.
func TestOneCertificateByTwoPaths(t *testing.T) {
	dir := wholeNode(t)
	real := filepath.Join(dir, "kubelet", "kubelet-client-current.pem")
	writeFile(t, filepath.Join(dir, "kubelet.conf"), []byte("kind: Config\nusers:\n- name: n\n  user: {client-certificate: "+real+", client-key: "+real+"}\n"))
	at := places(dir)
	at.KubeletCertDir = filepath.Join(t.TempDir(), "linked")
	link(t, filepath.Join(dir, "kubelet"), at.KubeletCertDir)
	sources, err := certs.Gather(at)
	if err != nil {
		t.Fatal(err)
	}
	var of []string
	for _, source := range sources {
		if strings.HasPrefix(source.Name, "kubelet") {
			of = append(of, source.Name)
		}
	}
	if diff := cmp.Diff([]string{"kubelet.conf"}, of); diff != "" {
		t.Error(diff)
	}
}

// What can't be read is broken, by its name, and the rest is read all the same.
func TestWhatCannotBeRead(t *testing.T) {
	for name, test := range map[string]struct {
		change    func(*testing.T, string)
		of, says  string
		rest      string // another one that is still read
		certified int
	}{
		"pki leads nowhere":               {replaced("pki", "gone"), "pki", "pki -> gone: the link leads nowhere", "admin.conf", 4},
		"pki leads in a circle":           {replaced("pki", "pki"), "pki", "too many levels of symbolic links", "admin.conf", 4},
		"pki is a file":                   {func(t *testing.T, dir string) { removeAll(t, dir+"/pki"); writeFile(t, dir+"/pki") }, "pki", "not a directory", "admin.conf", 4},
		"etcd leads nowhere":              {replaced("pki/etcd", "/gone"), "etcd", "etcd -> /gone: the link leads nowhere", "apiserver", 6},
		"etcd leads in a circle":          {replaced("pki/etcd", "etcd"), "etcd", "too many levels of symbolic links", "apiserver", 6},
		"a certificate leads nowhere":     {replaced("pki/apiserver.crt", "gone"), "apiserver", "apiserver.crt -> gone: the link leads nowhere", "ca", 7},
		"a certificate leads in circles":  {replaced("pki/etcd/server.crt", "server.crt"), "etcd/server", "too many levels of symbolic links", "ca", 7},
		"a certificate leads to a folder": {replaced("pki/apiserver.crt", "."), "apiserver", "not a regular file", "ca", 7},
		"a kubeconfig leads to a folder":  {replaced("admin.conf", "pki"), "admin.conf", "not a regular file", "ca", 7},
		"another folder leads nowhere":    {func(t *testing.T, dir string) { link(t, "gone", dir+"/pki/old.d") }, "old.d", "the link leads nowhere", "ca", 8},
		"a kubeconfig leads nowhere":      {replaced("admin.conf", "gone"), "admin.conf", "admin.conf -> gone: the link leads nowhere", "apiserver", 7},
		"the kubelet's lead nowhere":      {replaced("kubelet", "gone"), "kubelet", "kubelet -> gone: the link leads nowhere", "ca", 7},
		"the kubelet's is a file":         {func(t *testing.T, dir string) { removeAll(t, dir+"/kubelet"); writeFile(t, dir+"/kubelet") }, "kubelet client", "not a directory", "ca", 9},
		"the kubelet's current one":       {replaced("kubelet/kubelet-client-current.pem", "gone"), "kubelet client", "the link leads nowhere", "ca", 7},
	} {
		t.Run(name, func(t *testing.T) {
			dir := wholeNode(t)
			test.change(t, dir)
			report := check(t, dir, now, 30)
			found := find(t, report, test.of)
			text := strings.Join(found.Problems, "; ")
			if found.Status != certs.Broken || report.Status != certs.Broken || !strings.Contains(text, test.says) {
				t.Errorf("status %s of %s, problems %q; want broken, %q", found.Status, report.Status, text, test.says)
			}
			if rest := find(t, report, test.rest); rest.Status != certs.OK || len(report.Certificates) != test.certified {
				t.Errorf("the rest is %+v, and there are %d: %v", rest, len(report.Certificates), summary(report))
			}
		})
	}
}

func removeAll(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// A folder that somebody named has to be there. Where there is nothing else, there are no
// certificates.
func TestFoldersThatAreMissing(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*testing.T, string)
		named  []string
		want   certs.Status // or nothing, where there are no certificates
	}{
		"pki":                  {func(t *testing.T, dir string) { removeAll(t, dir+"/pki") }, nil, certs.OK},
		"pki, named":           {func(t *testing.T, dir string) { removeAll(t, dir+"/pki") }, []string{"pki"}, certs.Broken},
		"the kubelet's":        {func(t *testing.T, dir string) { removeAll(t, dir+"/kubelet") }, []string{"pki"}, certs.OK},
		"the kubelet's, named": {func(t *testing.T, dir string) { removeAll(t, dir+"/kubelet") }, []string{"kubelet"}, certs.Broken},
		"all":                  {removeAll, nil, ""},
		"all, named":           {removeAll, []string{".", "pki", "kubelet"}, ""},
		"all, the folder is empty": {func(t *testing.T, dir string) {
			removeAll(t, dir)
			if err := os.MkdirAll(dir+"/pki/etcd", 0o755); err != nil {
				t.Fatal(err)
			}
		}, []string{".", "pki"}, ""},
		"all, the folder leads nowhere": {func(t *testing.T, dir string) { removeAll(t, dir); link(t, "gone", dir) }, nil, certs.Broken},
	} {
		t.Run(name, func(t *testing.T) {
			dir := wholeNode(t)
			test.change(t, dir)
			at := places(dir)
			for _, folder := range test.named {
				at.Named = append(at.Named, filepath.Join(dir, folder))
			}
			sources, err := certs.Gather(at)
			if test.want == "" {
				if !errors.Is(err, certs.ErrNone) {
					t.Errorf("got %+v, %v", sources, err)
				}
				return
			}
			if report := certs.Check(sources, now, 30); err != nil || report.Status != test.want {
				t.Errorf("got %s, %v: %v", report.Status, err, summary(report))
			}
		})
	}
}

// What kubeadm does not make is left out with OnlyKubeadm; what it makes is not, read or not.
func TestOnlyKubeadmAndLinksThatLeadNowhere(t *testing.T) {
	dir := wholeNode(t)
	for _, name := range []string{"old", "webhook.crt", "../cloud.conf"} {
		link(t, "gone", filepath.Join(dir, "pki", name))
	}
	at := places(dir)
	at.OnlyKubeadm = true
	for _, want := range []certs.Status{certs.OK, certs.Broken} {
		sources, err := certs.Gather(at)
		if err != nil {
			t.Fatal(err)
		}
		if report := certs.Check(sources, now, 30); report.Status != want {
			t.Errorf("status %s, want %s: %v", report.Status, want, summary(report))
		}
		replaced("pki/etcd", "gone")(t, dir)
	}
}

// A link that leads too far is not followed for ever.
func TestTooManyFolders(t *testing.T) {
	dir, far := wholeNode(t), t.TempDir()
	for i := range 1100 {
		if err := os.Mkdir(filepath.Join(far, fmt.Sprint(i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link(t, far, filepath.Join(dir, "pki", "far"))
	report := check(t, dir, now, 30)
	if report.Status != certs.Broken || len(report.Certificates) != 8 || find(t, report, "apiserver").Status != certs.OK {
		t.Errorf("status %s: %v", report.Status, summary(report))
	}
}
