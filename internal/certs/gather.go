package certs

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/internal/kubeconfig"
	"github.com/steadylet/steadylet/internal/readfile"
)

// Where kubeadm and the kubelet put things.
const (
	DefaultKubernetesDir  = "/etc/kubernetes"
	DefaultKubeletCertDir = "/var/lib/kubelet/pki"
)

// Places says where a node's certificates are. All paths are absolute.
type Places struct {
	// KubernetesDir has the kubeconfigs, PKIDir what kubeadm signed, KubeletCertDir
	// the kubelet's own certificates; without one, these are left out.
	KubernetesDir, PKIDir, KubeletCertDir string
	// SkipKeys leaves private keys unread.
	SkipKeys bool
	// OnlyKubeadm leaves out what kubeadm does not make, and so does not renew. (The
	// kubelet's are not concerned.)
	OnlyKubeadm bool
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
	// Foreign says that kubeadm does not make it: another authority may have signed it.
	Foreign bool
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
	if places.OnlyKubeadm {
		g.found = slices.DeleteFunc(g.found, func(source Source) bool { return source.Foreign })
	}
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
		key := kubeconfig.Material{Path: strings.TrimSuffix(path, ".crt") + ".key"}
		signer, known := signers[name]
		if !known {
			signer = "ca"
		}
		g.add(Source{Name: name, Path: path, Authority: signer, Foreign: !known}, kubeconfig.Material{Path: path}, key)
		return nil
	})
}

// signers names the authority of each certificate that kubeadm makes; an authority has none
// (cmd/kubeadm/app/phases/certs/certlist.go).
var signers = map[string]string{
	"ca": "", "front-proxy-ca": "", "etcd/ca": "",
	"apiserver": "ca", "apiserver-kubelet-client": "ca", "front-proxy-client": "front-proxy-ca",
	"apiserver-etcd-client": "etcd/ca", "etcd/server": "etcd/ca", "etcd/peer": "etcd/ca", "etcd/healthcheck-client": "etcd/ca",
}

// ofKubeadm are the kubeconfigs that kubeadm writes (cmd/kubeadm/app/constants/constants.go).
// Whatever else lies in their folder is somebody else's.
var ofKubeadm = [...]string{"admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf"}

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
	foreign := !slices.Contains(ofKubeadm[:], name)
	config, err := kubeconfig.Load(path)
	if foreign && (errors.Is(err, kubeconfig.ErrNone) || errors.Is(err, readfile.ErrTooLarge)) {
		return // cloud.conf, say
	}
	if err != nil {
		g.found = append(g.found, Source{Name: name, Path: path, Err: err})
		return
	}
	certified := slices.DeleteFunc(config.Users, func(user kubeconfig.User) bool { return user.Certificate.Empty() })
	for _, user := range certified {
		called := name
		if len(certified) > 1 {
			called += " " + user.Name
		}
		from := cmp.Or(user.Certificate.Path, path)
		g.add(Source{Name: called, Path: from, Authority: "ca", Foreign: foreign}, user.Certificate, user.Key)
	}
	for _, cluster := range config.Clusters {
		m := cluster.Authority
		if m.Empty() || m.Path != "" && g.seen[m.Path] {
			continue
		}
		source := Source{Name: name + " authority", Path: cmp.Or(m.Path, path), Bundle: true, Foreign: foreign, Key: Key{Err: fs.ErrNotExist}}
		source.Certificates, source.Err = certificatesOf(m)
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
		key := kubeconfig.Material{Path: filepath.Join(g.places.KubeletCertDir, file.key)}
		g.add(Source{Name: file.name, Path: path, Authority: file.authority}, kubeconfig.Material{Path: path}, key)
	}
}

// add reads a certificate and its key, and adds them to what a source says.
func (g *gatherer) add(source Source, certificate, key kubeconfig.Material) {
	g.seen[source.Path] = true
	source.Key = Key{Path: cmp.Or(key.Path, source.Path), Err: ErrSkipped}
	source.Certificates, source.Err = certificatesOf(certificate)
	if !g.places.SkipKeys {
		source.Key.Public, source.Key.Err = publicHalfOf(key)
	}
	g.found = append(g.found, source)
}

func certificatesOf(m kubeconfig.Material) ([]*x509.Certificate, error) {
	text, err := m.Read()
	if err != nil {
		return nil, err
	}
	return ParseCertificates(text)
}

func publicHalfOf(m kubeconfig.Material) (crypto.PublicKey, error) {
	text, err := m.Read()
	if err != nil {
		return nil, err
	}
	return ParsePublicHalf(text)
}
