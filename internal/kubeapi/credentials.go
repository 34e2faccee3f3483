package kubeapi

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/internal/readfile"
)

// maxFile bounds a file of credentials, in bytes.
const maxFile = 1 << 20

// ErrNotInCluster means that the caller does not run as a pod with a service account.
var ErrNotInCluster = errors.New("this is no pod with a service account")

// ServiceAccountFolder is where a pod finds its service account.
const ServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// InCluster reads the credentials of a pod's service account from its folder. host and
// port are the variables KUBERNETES_SERVICE_HOST and _PORT. It returns the pod's own
// namespace too.
func InCluster(folder, host, port string) (c Credentials, namespace string, err error) {
	if host == "" || port == "" {
		return Credentials{}, "", ErrNotInCluster
	}
	read := func(name string) (data []byte) {
		if err == nil {
			data, err = readfile.Read(filepath.Join(folder, name), maxFile)
		}
		return data
	}
	authority, token, space := read("ca.crt"), read("token"), read("namespace")
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrNotInCluster, err)
	}
	if err != nil {
		return Credentials{}, "", err
	}
	return Credentials{
		Server: "https://" + net.JoinHostPort(host, port), Authority: authority, Token: strings.TrimSpace(string(token)),
	}, strings.TrimSpace(string(space)), nil
}

// kubeconfig is what is read of one (k8s.io/client-go/tools/clientcmd/api/v1).
type kubeconfig struct {
	CurrentContext string `yaml:"current-context"`
	Contexts       []struct {
		Name    string
		Context struct{ Cluster, User string }
	}
	Clusters []struct {
		Name    string
		Cluster struct {
			Server        string
			AuthorityFile string `yaml:"certificate-authority"`
			AuthorityData data   `yaml:"certificate-authority-data"`
		}
	}
	Users []struct {
		Name string
		User struct {
			CertificateFile string `yaml:"client-certificate"`
			CertificateData data   `yaml:"client-certificate-data"`
			KeyFile         string `yaml:"client-key"`
			KeyData         data   `yaml:"client-key-data"`
			Token           string
			TokenFile       string `yaml:"tokenFile"`
			Exec            any
		}
	}
}

// data is what a kubeconfig has in base 64.
type data []byte

// UnmarshalText decodes it.
func (d *data) UnmarshalText(text []byte) (err error) {
	*d, err = base64.StdEncoding.AppendDecode(nil, text)
	return err
}

// FromKubeconfig reads the credentials of a kubeconfig's current context. A plugin
// that would have to be run for them is not.
func FromKubeconfig(path string) (Credentials, error) {
	content, err := readfile.Read(path, maxFile)
	if err != nil {
		return Credentials{}, fmt.Errorf("the kubeconfig: %w", err)
	}
	c, err := parseKubeconfig(content, filepath.Dir(path))
	if err != nil {
		return Credentials{}, fmt.Errorf("the kubeconfig %s: %w", path, err)
	}
	return c, nil
}

func parseKubeconfig(content []byte, dir string) (Credentials, error) {
	var config kubeconfig
	if err := yaml.Unmarshal(content, &config); err != nil {
		return Credentials{}, errors.New("it is none") // without the parser's words: they quote the content
	}
	return config.current(dir)
}

// current reads what the current context names. Relative paths are relative to dir.
func (k kubeconfig) current(dir string) (c Credentials, err error) {
	file := func(inline data, path string) []byte {
		if len(inline) > 0 || path == "" || err != nil {
			return inline
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		var content []byte
		content, err = readfile.Read(path, maxFile)
		return content
	}
	for _, context := range k.Contexts {
		if context.Name != k.CurrentContext {
			continue
		}
		for _, cluster := range k.Clusters {
			if cluster.Name == context.Context.Cluster {
				c.Server = cluster.Cluster.Server
				c.Authority = file(cluster.Cluster.AuthorityData, cluster.Cluster.AuthorityFile)
			}
		}
		for _, user := range k.Users {
			if user.Name != context.Context.User {
				continue
			}
			if user.User.Exec != nil {
				return Credentials{}, errors.New("its credentials come from a plugin, which is not run from here")
			}
			c.Certificate, c.Key = file(user.User.CertificateData, user.User.CertificateFile), file(user.User.KeyData, user.User.KeyFile)
			c.Token = strings.TrimSpace(string(file(data(user.User.Token), user.User.TokenFile)))
		}
	}
	if err == nil && c.Server == "" {
		err = errors.New("its current context names no cluster")
	}
	return c, err
}
