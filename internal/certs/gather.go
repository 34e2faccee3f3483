package certs

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

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
	// Named are the folders that a person has named: if one is missing, that is an error.
	// Any other that is missing has nothing in it.
	Named []string
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

// Gather reads everything at the places. Links are followed. A file or folder that can't be
// read is a source that says why. The error is ErrNone where there is nothing at all.
func Gather(places Places) ([]Source, error) {
	g := gatherer{places: places, seen: map[string]bool{}}
	if info := g.enter(places.PKIDir); info != nil {
		g.pki(places.PKIDir, "", []fs.FileInfo{info})
	}
	if g.enter(places.KubernetesDir) != nil {
		g.kubeconfigs()
	}
	if g.enter(places.KubeletCertDir) != nil {
		g.kubelet()
	}
	if places.OnlyKubeadm {
		g.found = slices.DeleteFunc(g.found, func(source Source) bool { return source.Foreign })
	}
	if !slices.ContainsFunc(g.found, func(source Source) bool { return !errors.Is(source.Err, errNoFolder) }) {
		return nil, ErrNone
	}
	return g.found, nil
}

type gatherer struct {
	places  Places
	seen    map[string]bool // paths of certificates that were read, without links
	folders int             // how many folders of certificates were read
	found   []Source
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
func (g *gatherer) kubeconfigs() {
	for _, name := range g.list(g.places.KubernetesDir, "") {
		if filepath.Ext(name) == ".conf" {
			g.kubeconfig(name, filepath.Join(g.places.KubernetesDir, name))
		}
	}
}

func (g *gatherer) kubeconfig(name, path string) {
	foreign := !slices.Contains(ofKubeadm[:], name)
	config, err := kubeconfig.Load(path)
	if foreign && (errors.Is(err, kubeconfig.ErrNone) || errors.Is(err, readfile.ErrTooLarge) || errors.Is(err, readfile.ErrNotRegular)) {
		return // cloud.conf, say
	}
	if err != nil {
		g.found = append(g.found, Source{Name: name, Path: path, Foreign: foreign, Err: err})
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
		if m.Empty() || m.Path != "" && g.seen[withoutLinks(m.Path)] {
			continue
		}
		source := Source{Name: name + " authority", Path: cmp.Or(m.Path, path), Bundle: true, Foreign: foreign, Key: Key{Err: fs.ErrNotExist}}
		source.Certificates, source.Err = certificatesOf(m)
		g.found = append(g.found, source)
	}
}

// kubelet reads what the kubelet keeps, as far as no kubeconfig led there.
func (g *gatherer) kubelet() {
	for _, file := range []struct{ name, certificate, key, authority string }{
		{"kubelet client", "kubelet-client-current.pem", "kubelet-client-current.pem", "ca"},
		{"kubelet serving", "kubelet-server-current.pem", "kubelet-server-current.pem", "ca"},
		{"kubelet serving (its own)", "kubelet.crt", "kubelet.key", Itself},
	} {
		path := filepath.Join(g.places.KubeletCertDir, file.certificate)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || g.seen[withoutLinks(path)] {
			continue
		}
		key := kubeconfig.Material{Path: filepath.Join(g.places.KubeletCertDir, file.key)}
		g.add(Source{Name: file.name, Path: path, Authority: file.authority}, kubeconfig.Material{Path: path}, key)
	}
}

// add reads a certificate and its key, and adds them to what a source says.
func (g *gatherer) add(source Source, certificate, key kubeconfig.Material) {
	g.seen[withoutLinks(source.Path)] = true
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
