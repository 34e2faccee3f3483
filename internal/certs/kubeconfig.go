package certs

import (
	"encoding/base64"
	"errors"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// Kubeconfig is what a kubeconfig has of certificates (client-go/tools/clientcmd/api/v1).
type Kubeconfig struct {
	// Users and Clusters have those that say anything of certificates.
	Users    []Pair
	Clusters []Material
}

// Pair is a client certificate with its key.
type Pair struct {
	Name             string
	Certificate, Key Material
}

// Material is PEM text, or the absolute path of a file with it, or nothing.
type Material struct {
	Name string
	PEM  []byte
	Path string
}

func (m Material) empty() bool { return len(m.PEM) == 0 && m.Path == "" }

// ErrKubeconfig means that a file is no kubeconfig. What is wrong with it stays untold:
// the words of a parser quote the file, which may hold keys.
var ErrKubeconfig = errors.New("not a kubeconfig")

// rawKubeconfig has the fields that are read, as they are written.
type rawKubeconfig struct {
	Kind  string `yaml:"kind"`
	Users []struct {
		Name string `yaml:"name"`
		User struct {
			CertificateData string `yaml:"client-certificate-data"`
			Certificate     string `yaml:"client-certificate"`
			KeyData         string `yaml:"client-key-data"`
			Key             string `yaml:"client-key"`
		} `yaml:"user"`
	} `yaml:"users"`
	Clusters []struct {
		Name    string `yaml:"name"`
		Cluster struct {
			AuthorityData string `yaml:"certificate-authority-data"`
			Authority     string `yaml:"certificate-authority"`
		} `yaml:"cluster"`
	} `yaml:"clusters"`
}

// ParseKubeconfig reads a kubeconfig. Relative paths in it are relative to dir, its folder.
// Its error matches ErrKubeconfig.
func ParseKubeconfig(text []byte, dir string) (Kubeconfig, error) {
	var raw rawKubeconfig
	if yaml.Unmarshal(text, &raw) != nil || raw.Kind != "Config" {
		return Kubeconfig{}, ErrKubeconfig
	}
	var read Kubeconfig
	var problems error
	material := func(name, data, path string) Material {
		// What is embedded counts, as in client-go.
		decoded, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			problems = ErrKubeconfig
		}
		if path != "" && !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if len(decoded) > 0 {
			return Material{Name: name, PEM: decoded}
		}
		return Material{Name: name, Path: path}
	}
	for _, user := range raw.Users {
		pair := Pair{
			Name:        user.Name,
			Certificate: material(user.Name, user.User.CertificateData, user.User.Certificate),
			Key:         material(user.Name, user.User.KeyData, user.User.Key),
		}
		if !pair.Certificate.empty() {
			read.Users = append(read.Users, pair)
		}
	}
	for _, cluster := range raw.Clusters {
		if authority := material(cluster.Name, cluster.Cluster.AuthorityData, cluster.Cluster.Authority); !authority.empty() {
			read.Clusters = append(read.Clusters, authority)
		}
	}
	return read, problems
}
