package certs

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/steadylet/steadylet/internal/readfile"
)

// Where kubeadm and the kubelet put things.
const (
	DefaultKubernetesDir  = "/etc/kubernetes"
	DefaultKubeletCertDir = "/var/lib/kubelet/pki"
)

// maxFile bounds what is read of one file, in bytes.
const maxFile = 1 << 20

// Places says where a node's certificates are. All paths are absolute.
type Places struct {
	// KubernetesDir has the kubeconfigs, PKIDir what kubeadm signed, KubeletCertDir
	// the kubelet's own certificates; without one, these are left out.
	KubernetesDir, PKIDir, KubeletCertDir string
	// SkipKeys leaves private keys unread.
	SkipKeys bool
}

// Source is what one file, or one entry of a kubeconfig, holds.
type Source struct {
	// Name is the file's without its folder and ending ("apiserver", "etcd/server"),
	// or a kubeconfig's file name.
	Name, Path string
	// Certificates has the certificate itself, then those that came with it.
	Certificates []*x509.Certificate
	// Authority is the name of the source that must have signed it. Itself says that
	// the file brings its own. Empty is an authority.
	Authority string
	Key       Key
	// Bundle says that the certificates are authorities that a client trusts.
	Bundle bool
	// Err says why nothing is known of it.
	Err error
}

// Itself is the Authority of a kubelet's serving certificate that the kubelet made.
const Itself = "itself"

// Key is what is known of a private key.
type Key struct {
	// Path is the file that has it.
	Path string
	// Public is its public half; nil where Err says why.
	Public crypto.PublicKey
	// Err matches fs.ErrNotExist where there is none. ErrSkipped: it was not read.
	Err error
}

// ErrSkipped is why a key is not known that nobody wanted to look at.
var ErrSkipped = errors.New("not looked at")

// Gather reads everything at the places. A folder that is missing has nothing in it.
// The error is of one that can't be listed; what can't be read is in the sources.
func Gather(places Places) ([]Source, error) {
	g := gatherer{places: places, seen: map[string]bool{}}
	if err := g.pki(); err != nil {
		return nil, fmt.Errorf("listing %s: %w", places.PKIDir, err)
	}
	if err := g.kubeconfigs(); err != nil {
		return nil, fmt.Errorf("listing %s: %w", places.KubernetesDir, err)
	}
	g.kubelet()
	return g.found, nil
}

type gatherer struct {
	places Places
	seen   map[string]bool // paths of certificates that were read
	found  []Source
}

// pki reads every certificate file below the folder of kubeadm.
func (g *gatherer) pki() error {
	return filepath.WalkDir(g.places.PKIDir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path == g.places.PKIDir {
			return nil
		}
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".crt" {
			return err
		}
		relative, err := filepath.Rel(g.places.PKIDir, path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.ToSlash(relative), ".crt")
		key := Material{Path: strings.TrimSuffix(path, ".crt") + ".key"}
		g.add(name, path, authorityOf(name), Material{Path: path}, key)
		return nil
	})
}

// authorityOf names the authority of a file that kubeadm signed
// (cmd/kubeadm/app/phases/certs/certlist.go).
func authorityOf(name string) string {
	switch {
	case name == "ca" || name == "front-proxy-ca" || name == "etcd/ca":
		return ""
	case strings.HasPrefix(name, "etcd/") || name == "apiserver-etcd-client":
		return "etcd/ca"
	case name == "front-proxy-client":
		return "front-proxy-ca"
	}
	return "ca"
}

// kubeconfigs reads the files that end in .conf.
func (g *gatherer) kubeconfigs() error {
	entries, err := os.ReadDir(g.places.KubernetesDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if path := filepath.Join(g.places.KubernetesDir, entry.Name()); filepath.Ext(path) == ".conf" && !entry.IsDir() {
			g.kubeconfig(entry.Name(), path)
		}
	}
	return nil
}

func (g *gatherer) kubeconfig(name, path string) {
	text, err := readfile.Read(path, maxFile)
	if err != nil {
		g.found = append(g.found, Source{Name: name, Path: path, Err: err})
		return
	}
	config, err := ParseKubeconfig(text, g.places.KubernetesDir)
	if err != nil {
		g.found = append(g.found, Source{Name: name, Path: path, Err: err})
		return
	}
	for _, user := range config.Users {
		from := path
		if user.Certificate.Path != "" {
			from = user.Certificate.Path
		}
		if len(config.Users) > 1 {
			user.Name = name + " " + user.Name
		} else {
			user.Name = name
		}
		g.add(user.Name, from, "ca", user.Certificate, user.Key)
	}
	for _, authority := range config.Clusters {
		from := path
		if authority.Path != "" {
			from = authority.Path
		}
		if g.seen[from] && authority.Path != "" {
			continue
		}
		source := Source{Name: name + " authority", Path: from, Bundle: true, Key: Key{Err: fs.ErrNotExist}}
		source.Certificates, source.Err = certificatesOf(authority)
		g.found = append(g.found, source)
	}
}

// kubelet reads what the kubelet keeps, as far as no kubeconfig led there.
func (g *gatherer) kubelet() {
	if g.places.KubeletCertDir == "" {
		return
	}
	for _, file := range []struct{ name, certificate, key, authority string }{
		{"kubelet client", "kubelet-client-current.pem", "kubelet-client-current.pem", "ca"},
		{"kubelet serving", "kubelet-server-current.pem", "kubelet-server-current.pem", "ca"},
		{"kubelet serving (its own)", "kubelet.crt", "kubelet.key", Itself},
	} {
		path := filepath.Join(g.places.KubeletCertDir, file.certificate)
		if _, err := os.Lstat(path); err != nil && errors.Is(err, fs.ErrNotExist) || g.seen[path] {
			continue
		}
		g.add(file.name, path, file.authority, Material{Path: path}, Material{Path: filepath.Join(g.places.KubeletCertDir, file.key)})
	}
}

func (g *gatherer) add(name, path, authority string, certificate, key Material) {
	g.seen[path] = true
	source := Source{Name: name, Path: path, Authority: authority, Key: Key{Path: key.Path, Err: ErrSkipped}}
	if key.Path == "" {
		source.Key.Path = path
	}
	source.Certificates, source.Err = certificatesOf(certificate)
	if !g.places.SkipKeys {
		source.Key.Public, source.Key.Err = publicHalfOf(key)
	}
	g.found = append(g.found, source)
}

func certificatesOf(m Material) ([]*x509.Certificate, error) {
	text, err := m.text()
	if err != nil {
		return nil, err
	}
	return ParseCertificates(text)
}

func publicHalfOf(m Material) (crypto.PublicKey, error) {
	if m.empty() {
		return nil, fs.ErrNotExist
	}
	text, err := m.text()
	if err != nil {
		return nil, err
	}
	return ParsePublicHalf(text)
}

func (m Material) text() ([]byte, error) {
	if m.Path == "" {
		return m.PEM, nil
	}
	return readfile.Read(m.Path, maxFile)
}
