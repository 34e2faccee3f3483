package certs_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/certs"
	"github.com/steadylet/steadylet/internal/certs/certstest"
)

// An authority that another one signed counts as kubeadm and the API server take it: as the
// authority itself, or between a certificate and its root.
func TestIntermediateAuthorities(t *testing.T) {
	root := certstest.Make(t, "root", now, 20*year, nil)
	between := certstest.MakeAuthority(t, "kubernetes", now, 10*year, root)
	short := certstest.MakeAuthority(t, "kubernetes", now, 5*year, root)
	deeper := certstest.MakeAuthority(t, "deeper", now, 8*year, between)
	other := certstest.Make(t, "root", now, 20*year, nil)
	renewed := *root // with the same key
	renewed.Certificate = certstest.Resign(t, root, now, year)
	for name, test := range map[string]struct {
		authority []*certstest.Pair // pki/ca.crt
		chain     []*certstest.Pair // pki/apiserver.crt, behind the certificate that its first signed
		valid     time.Duration
		status    certs.Status
		outlives  bool
		says      string
	}{
		"the authority is one":           {[]*certstest.Pair{between}, []*certstest.Pair{between}, year, certs.OK, false, ""},
		"it comes with its root":         {[]*certstest.Pair{between, root}, []*certstest.Pair{between}, year, certs.OK, false, ""},
		"the certificate brings it":      {[]*certstest.Pair{root}, []*certstest.Pair{between}, year, certs.OK, false, ""},
		"the certificate brings two":     {[]*certstest.Pair{root}, []*certstest.Pair{deeper, between}, year, certs.OK, false, ""},
		"one is missing":                 {[]*certstest.Pair{root}, []*certstest.Pair{deeper}, year, certs.Broken, false, "did not sign it"},
		"another root":                   {[]*certstest.Pair{other}, []*certstest.Pair{between}, year, certs.Broken, false, "did not sign it"},
		"outlives the one between":       {[]*certstest.Pair{root}, []*certstest.Pair{short}, 6 * year, certs.OK, true, ""},
		"a renewed authority beside one": {[]*certstest.Pair{&renewed, root}, []*certstest.Pair{root}, 6 * year, certs.OK, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			leaf := certstest.Make(t, "kube-apiserver", now, test.valid, test.chain[0])
			pki := filepath.Join(dir, "pki")
			leaf.Write(t, pki, "apiserver")
			writeFile(t, filepath.Join(pki, "ca.crt"), pems(test.authority...)...)
			writeFile(t, filepath.Join(pki, "apiserver.crt"), pems(append([]*certstest.Pair{leaf}, test.chain...)...)...)
			found := find(t, check(t, dir, now, 30), "apiserver")
			if text := strings.Join(found.Problems, "; "); found.Status != test.status || found.OutlivesAuthority != test.outlives || !strings.Contains(text, test.says) {
				t.Errorf("found %+v", found)
			}
		})
	}
	t.Run("an expired one between", func(t *testing.T) {
		dir := t.TempDir()
		leaf := certstest.Make(t, "kube-apiserver", now, 6*year, short)
		leaf.Write(t, dir, "pki/apiserver")
		writeFile(t, filepath.Join(dir, "pki/ca.crt"), pems(root)...)
		writeFile(t, filepath.Join(dir, "pki/apiserver.crt"), pems(leaf, short)...)
		if found := find(t, check(t, dir, now.Add(5*year+day), 30), "apiserver"); found.Status != certs.Expired {
			t.Errorf("found %+v", found)
		}
	})
	t.Run("who signed the authority", func(t *testing.T) {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "pki/ca.crt"), pems(between, root)...)
		report := check(t, dir, now, 30)
		if first, second := find(t, report, "ca"), find(t, report, "ca [2]"); first.SignedBy != "ca" || second.SignedBy != certs.Itself || report.Status != certs.OK {
			t.Errorf("found %+v", report)
		}
	})
}

func pems(pairs ...*certstest.Pair) [][]byte {
	var texts [][]byte
	for _, pair := range pairs {
		texts = append(texts, pair.CertificatePEM())
	}
	return texts
}

// What lies beside kubeadm's files is somebody else's: what is no kubeconfig is passed over,
// and another authority may have signed the rest.
func TestFilesOfOthers(t *testing.T) {
	dir := t.TempDir()
	certstest.Node(t, dir, now, year)
	other := certstest.Make(t, "webhooks", now, year, nil)
	certstest.Make(t, "audit", now, year, other).WriteKubeconfig(t, filepath.Join(dir, "audit.conf"), other)
	certstest.Make(t, "webhook", now, year, other).Write(t, filepath.Join(dir, "pki"), "webhook")
	remove("pki/webhook.key")(t, dir)
	writeFile(t, filepath.Join(dir, "cloud.conf"), []byte("[Global]\nusername=x\n"))
	writeFile(t, filepath.Join(dir, "large.conf"), make([]byte, 2<<20))
	writeFile(t, filepath.Join(dir, "token.conf"), []byte("clusters: [{cluster: {server: s}}]\nusers: [{user: {token: t}}]\n"))
	report := check(t, dir, now, 30)
	for _, name := range []string{"audit.conf", "audit.conf authority", "webhook"} {
		if found := find(t, report, name); found.Status != certs.OK {
			t.Errorf("found %+v", found)
		}
	}
	if report.Status != certs.OK || len(report.Certificates) != 9 {
		t.Errorf("%d certificates, %s: %+v", len(report.Certificates), report.Status, report)
	}
	damage("pki/webhook.crt")(t, dir)
	if report := check(t, dir, now, 30); report.Status != certs.Broken {
		t.Errorf("a damaged file of others is %s", report.Status)
	}
	at := places(dir)
	at.OnlyKubeadm = true
	sources, err := certs.Gather(at)
	if err != nil {
		t.Fatal(err)
	}
	if report := certs.Check(sources, now, 30); report.Status != certs.OK || len(report.Certificates) != 6 {
		t.Errorf("of kubeadm's: %+v", report)
	}
}
