package kubeapi

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"strings"

	"github.com/steadylet/steadylet/internal/kubeconfig"
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

// FromKubeconfig reads the credentials of a kubeconfig's current context. A plugin
// that would have to be run for them is not.
func FromKubeconfig(path string) (Credentials, error) {
	config, err := kubeconfig.Load(path)
	if err != nil {
		return Credentials{}, fmt.Errorf("the kubeconfig %s: %w", path, err)
	}
	c, err := current(config)
	if err != nil {
		return Credentials{}, fmt.Errorf("the kubeconfig %s: %w", path, err)
	}
	return c, nil
}

// current reads what the current context names.
func current(config kubeconfig.Config) (Credentials, error) {
	cluster, user, err := config.Current()
	if err != nil {
		return Credentials{}, err
	}
	if user.Plugin {
		return Credentials{}, errors.New("its credentials come from a plugin, which is not run from here")
	}
	read := func(m kubeconfig.Material) (data []byte) {
		if err == nil && !m.Empty() {
			data, err = m.Read()
		}
		return data
	}
	c := Credentials{Server: cluster.Server, Authority: read(cluster.Authority), Certificate: read(user.Certificate), Key: read(user.Key)}
	c.Token = strings.TrimSpace(string(read(user.Token)))
	return c, err
}
