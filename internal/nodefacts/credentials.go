package nodefacts

import (
	"cmp"
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/steadylet/steadylet/internal/certs"
	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeconfig"
	"github.com/steadylet/steadylet/internal/readfile"
)

// clientPair is what the kubelet calls the link to its client certificate and key
// (pkg/kubelet/certificate/bootstrap).
const clientPair = "kubelet-client-current.pem"

// certDir is the kubelet's folder of certificates, which its root directory does not move.
func (n node) certDir() string {
	return firstOf(n.kubelet.Flags.CertDir, certs.DefaultKubeletCertDir)
}

// client looks at what the kubelet has to show to the API server. No key is kept.
func (n node) client() doctor.Client {
	if len(n.kubelet.Args) == 0 {
		return doctor.Client{Err: errNoAPI}
	}
	flags := n.kubelet.Flags
	client := doctor.Client{
		Path: flags.Kubeconfig, BootstrapPath: flags.BootstrapKubeconfig,
		Rotates: n.kubelet.Rotates(n.config), StoredPath: filepath.Join(n.certDir(), clientPair),
	}
	if client.Path != "" {
		client.Kubeconfig, client.Stored = credentials(client.Path), stored(client.StoredPath)
	}
	if client.BootstrapPath != "" {
		client.Bootstrap = credentials(client.BootstrapPath)
	}
	return client
}

// credentials are those of a kubeconfig's current context.
func credentials(path string) doctor.Credentials {
	if _, err := os.Stat(path); err != nil {
		missing := errors.Is(err, fs.ErrNotExist)
		if missing {
			err = nil
		}
		return doctor.Credentials{Missing: missing, PathErr: err}
	}
	config, err := kubeconfig.Load(path)
	var user kubeconfig.User
	if err == nil {
		_, user, err = config.Usable()
	}
	if err != nil || user.Certificate.Empty() {
		return doctor.Credentials{Err: err}
	}
	found := doctor.Credentials{Certified: true, Path: cmp.Or(user.Certificate.Path, path)}
	var keyErr error
	found.NotBefore, found.NotAfter, found.CertErr, keyErr = pair(user)
	if user.Certificate.Path != "" && user.Key.Path != "" {
		found.KeyErr = keyErr
	} else {
		found.CertErr = cmp.Or(found.CertErr, keyErr)
	}
	return found
}

// pair reads a user's certificates, of which the first to expire counts, and holds the key
// against them.
func pair(user kubeconfig.User) (notBefore, notAfter time.Time, certErr, keyErr error) {
	text, err := user.Certificate.Read()
	if err != nil {
		return notBefore, notAfter, err, nil
	}
	chain, err := certs.ParseCertificates(text)
	if err != nil {
		return notBefore, notAfter, err, nil
	}
	notBefore, notAfter = chain[0].NotBefore, chain[0].NotAfter
	for _, one := range chain {
		if one.NotAfter.Before(notAfter) {
			notAfter = one.NotAfter
		}
	}
	key, err := user.Key.Read()
	if err == nil {
		_, err = tls.X509KeyPair(text, key)
	}
	return notBefore, notAfter, nil, err
}

// stored is the pair of certificate and key that the kubelet keeps in one file.
func stored(path string) doctor.Credentials {
	text, err := readfile.Read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return doctor.Credentials{Missing: true}
	}
	if err != nil {
		return doctor.Credentials{Err: err}
	}
	found := doctor.Credentials{Certified: true, Path: path}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		found.CertErr = err
		return found
	}
	found.NotBefore, found.NotAfter = pair.Leaf.NotBefore, pair.Leaf.NotAfter
	return found
}
