package e2e_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/certs/certstest"
	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// expireAuthority makes an authority of the same name and key that expired.
func expireAuthority(t *testing.T, r *renewal) {
	t.Helper()
	path := r.kubernetes("pki", "ca.crt")
	old, err := x509.ParseCertificate(block(t, path))
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKCS1PrivateKey(block(t, r.kubernetes("pki", "ca.key")))
	if err != nil {
		t.Fatal(err)
	}
	old.NotAfter = time.Now().Add(-time.Hour)
	made, err := x509.CreateCertificate(rand.Reader, old, old, key.Public(), crypto.Signer(key))
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})))
}

func block(t *testing.T, path string) []byte {
	t.Helper()
	found, _ := pem.Decode(fileOf(t, path))
	if found == nil {
		t.Fatalf("%s holds no PEM", path)
	}
	return found.Bytes
}

// mountSmall gives a folder less room than is needed there.
func mountSmall(t *testing.T, folder, size string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		t.Fatalf("mounting: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
	})
}

func linkKey(t *testing.T, r *renewal) {
	t.Helper()
	path := r.kubernetes("pki", "apiserver.key")
	if err := errors.Join(os.Rename(path, path+".real"), os.Symlink(path+".real", path)); err != nil {
		t.Fatal(err)
	}
}

// An authority that a company's root signed signs what is renewed, and all of it fits: to
// us, to kubeadm, and to openssl.
func TestRenewalUnderAnIntermediateAuthority(t *testing.T) {
	needsRenewal(t)
	p := open(t)
	command, k := buildSteadylet(t), buildKubeadm(t, p, "v1.30.14", usual)
	dir, now := t.TempDir(), time.Now()
	company := certstest.Make(t, "company", now, 40*certvalidity.Year, nil)
	authority := certstest.MakeAuthority(t, "kubernetes", now, 30*certvalidity.Year, company)
	pki := filepath.Join(dir, "etc", "kubernetes", "pki")
	authority.Write(t, pki, "ca")
	bundle := string(authority.CertificatePEM()) + string(company.CertificatePEM())
	write(t, filepath.Join(pki, "ca.crt"), bundle)
	r := newRenewal(t, newMaster(t, k, dir, 6443), k, command)
	before := r.state(t)
	r.renew(t, 0, "--skip-restart", k.path)
	r.renewed(t, before)
	if string(fileOf(t, r.kubernetes("pki", "ca.crt"))) != bundle {
		t.Error("the authority is another one")
	}
	for _, name := range []string{"apiserver.crt", "apiserver-kubelet-client.crt"} {
		cmd := exec.CommandContext(t.Context(), "openssl", "verify", "-CAfile", r.kubernetes("pki", "ca.crt"), r.kubernetes("pki", name))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("openssl verify: %v\n%s", err, out)
		}
	}
}
