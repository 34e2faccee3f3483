// Package certstest makes certificates for tests, as kubeadm lays them out. No key is
// kept in the repository.
package certstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Pair is a certificate with its key.
type Pair struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// Make makes a certificate that is valid from an hour before now on, signed by signer, or
// an authority that signed itself where that is nil.
func Make(t testing.TB, name string, now time.Time, valid time.Duration, signer *Pair) *Pair {
	t.Helper()
	return issue(t, name, now, valid, signer, signer == nil)
}

// MakeAuthority makes an intermediate authority, signed by signer.
func MakeAuthority(t testing.TB, name string, now time.Time, valid time.Duration, signer *Pair) *Pair {
	t.Helper()
	return issue(t, name, now, valid, signer, true)
}

func issue(t testing.TB, name string, now time.Time, valid time.Duration, signer *Pair, authority bool) *Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(valid), BasicConstraintsValid: true,
	}
	pair := &Pair{Key: key}
	if authority {
		template.IsCA, template.KeyUsage = true, x509.KeyUsageCertSign
	}
	if signer == nil {
		signer = &Pair{Certificate: template, Key: key}
	}
	made, err := x509.CreateCertificate(rand.Reader, template, signer.Certificate, key.Public(), signer.Key)
	if err == nil {
		pair.Certificate, err = x509.ParseCertificate(made)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Resign returns a certificate of the same name and key that is valid for another time.
func Resign(t testing.TB, of *Pair, now time.Time, valid time.Duration) *x509.Certificate {
	t.Helper()
	template := *of.Certificate
	template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(valid)
	made, err := x509.CreateCertificate(rand.Reader, &template, &template, of.Key.Public(), of.Key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(made)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// CertificatePEM and KeyPEM return what the files hold.
func (p *Pair) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate.Raw})
}

// KeyPEM returns the key as kubeadm writes one.
func (p *Pair) KeyPEM(t testing.TB) []byte {
	t.Helper()
	data, err := x509.MarshalECPrivateKey(p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: data})
}

// Write writes the pair as NAME.crt and NAME.key.
func (p *Pair) Write(t testing.TB, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path+".crt", p.CertificatePEM(), 0o644),
		os.WriteFile(path+".key", p.KeyPEM(t), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

// WriteKubeconfig writes a kubeconfig that has the pair in it, and its authority.
func (p *Pair) WriteKubeconfig(t testing.TB, path string, authority *Pair) {
	t.Helper()
	encode := base64.StdEncoding.EncodeToString
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts:\n- name: x\n  context: {cluster: c, user: u}\nclusters:\n- name: c\n  cluster:\n    server: https://127.0.0.1:6443\n"+
		"    certificate-authority-data: %s\nusers:\n- name: u\n  user:\n    client-certificate-data: %s\n    client-key-data: %s\n",
		encode(authority.CertificatePEM()), encode(p.CertificatePEM()), encode(p.KeyPEM(t)))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// Node writes what a control-plane node has below a folder, all of it valid for that
// long, and returns the authority.
func Node(t testing.TB, dir string, now time.Time, valid time.Duration) *Pair {
	t.Helper()
	pki := filepath.Join(dir, "pki")
	ca := Make(t, "kubernetes", now, 2*valid, nil)
	ca.Write(t, pki, "ca")
	etcd := Make(t, "etcd-ca", now, 2*valid, nil)
	etcd.Write(t, pki, "etcd/ca")
	Make(t, "kube-apiserver", now, valid, ca).Write(t, pki, "apiserver")
	Make(t, "kube-apiserver-etcd-client", now, valid, etcd).Write(t, pki, "apiserver-etcd-client")
	Make(t, "etcd", now, valid, etcd).Write(t, pki, "etcd/server")
	Make(t, "admin", now, valid, ca).WriteKubeconfig(t, filepath.Join(dir, "admin.conf"), ca)
	return ca
}
