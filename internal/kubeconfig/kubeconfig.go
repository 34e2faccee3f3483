// Package kubeconfig reads what the node's command needs of a kubeconfig: whom it leads to,
// and with which credentials (k8s.io/client-go/tools/clientcmd/api/v1).
//
// # Guarantee
//
// Nothing is written, and no plugin is run. No error quotes the file, which may hold keys.
// Functions are safe for concurrent use.
package kubeconfig

import (
	"encoding/base64"
	"errors"
	"io/fs"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/internal/readfile"
)

// MaxFile bounds what is read of a kubeconfig, and of a file that it names, in bytes.
const MaxFile = 1 << 20

// Config is what a kubeconfig says, in its order.
type Config struct {
	// CurrentContext is the name of one of Contexts, or of none.
	CurrentContext string
	Contexts       []Context
	Clusters       []Cluster
	Users          []User
}

// Context names a cluster and a user.
type Context struct{ Name, Cluster, User string }

// Cluster is an API server, and who vouches for it.
type Cluster struct {
	Name string
	// Server is its URL.
	Server    string
	Authority Material
	// Insecure says that any server will do.
	Insecure bool
}

// User is who asks.
type User struct {
	Name string
	// Certificate and Key are PEM. They may be one file.
	Certificate, Key Material
	// Token may have space around it.
	Token Material
	// Plugin says that its credentials come from a program.
	Plugin bool
}

// Material is what a kubeconfig has in it, or the absolute path of a file with that, or
// nothing. What is embedded counts, as in client-go.
type Material struct {
	Data []byte
	Path string
	// Both says that a file was named beside what is embedded.
	Both bool
}

// Empty reports whether there is neither.
func (m Material) Empty() bool { return len(m.Data) == 0 && m.Path == "" }

// Read returns what is embedded, or reads the file. The error of one that is empty matches
// fs.ErrNotExist.
func (m Material) Read() ([]byte, error) {
	switch {
	case m.Empty():
		return nil, fs.ErrNotExist
	case m.Path == "":
		return m.Data, nil
	}
	return readfile.Read(m.Path, MaxFile)
}

// ErrNone means that a file is no kubeconfig. What is wrong with it stays untold: the words
// of a parser quote the file.
var ErrNone = errors.New("not a kubeconfig")

// Load reads a file. Its error matches ErrNone where that is no kubeconfig.
func Load(path string) (Config, error) {
	text, err := readfile.Read(path, MaxFile)
	if err != nil {
		return Config{}, err
	}
	return Parse(text, filepath.Dir(path))
}

// raw has the fields that are read, as they are written.
type raw struct {
	Kind           string `yaml:"kind"`
	CurrentContext string `yaml:"current-context"`
	Contexts       []struct {
		Name    string `yaml:"name"`
		Context struct {
			Cluster string `yaml:"cluster"`
			User    string `yaml:"user"`
		} `yaml:"context"`
	} `yaml:"contexts"`
	Clusters []struct {
		Name    string `yaml:"name"`
		Cluster struct {
			Server        string  `yaml:"server"`
			Authority     string  `yaml:"certificate-authority"`
			AuthorityData encoded `yaml:"certificate-authority-data"`
			Insecure      bool    `yaml:"insecure-skip-tls-verify"`
		} `yaml:"cluster"`
	} `yaml:"clusters"`
	Users []struct {
		Name string `yaml:"name"`
		User struct {
			Certificate     string  `yaml:"client-certificate"`
			CertificateData encoded `yaml:"client-certificate-data"`
			Key             string  `yaml:"client-key"`
			KeyData         encoded `yaml:"client-key-data"`
			Token           string  `yaml:"token"`
			TokenFile       string  `yaml:"tokenFile"`
			Exec            any     `yaml:"exec"`
		} `yaml:"user"`
	} `yaml:"users"`
}

// encoded is what a kubeconfig has in base 64.
type encoded []byte

// UnmarshalText decodes it.
func (e *encoded) UnmarshalText(text []byte) (err error) {
	*e, err = base64.StdEncoding.AppendDecode(nil, text)
	return err
}

// Parse reads a kubeconfig that lies in the folder dir, which relative paths are relative
// to. Its error matches ErrNone.
//
// The kind may be left out, as in client-go (clientcmd.Load), if there is a cluster or a
// user then.
func Parse(text []byte, dir string) (Config, error) {
	var read raw
	if err := yaml.Unmarshal(text, &read); err != nil {
		return Config{}, ErrNone
	}
	if read.Kind != "Config" && (read.Kind != "" || len(read.Clusters)+len(read.Users) == 0) {
		return Config{}, ErrNone
	}
	material := func(data []byte, path string) Material {
		switch {
		case len(data) > 0:
			return Material{Data: data, Both: path != ""}
		case path != "" && !filepath.IsAbs(path):
			path = filepath.Join(dir, path)
		}
		return Material{Path: path}
	}
	config := Config{CurrentContext: read.CurrentContext}
	for _, c := range read.Contexts {
		config.Contexts = append(config.Contexts, Context{Name: c.Name, Cluster: c.Context.Cluster, User: c.Context.User})
	}
	for _, c := range read.Clusters {
		config.Clusters = append(config.Clusters, Cluster{
			Name: c.Name, Server: c.Cluster.Server, Authority: material(c.Cluster.AuthorityData, c.Cluster.Authority), Insecure: c.Cluster.Insecure,
		})
	}
	for _, u := range read.Users {
		config.Users = append(config.Users, User{
			Name: u.Name, Certificate: material(u.User.CertificateData, u.User.Certificate), Key: material(u.User.KeyData, u.User.Key),
			Token: material([]byte(u.User.Token), u.User.TokenFile), Plugin: u.User.Exec != nil,
		})
	}
	return config, nil
}

// ErrContext means that the current context leads nowhere.
var ErrContext = errors.New("its current context names no cluster")

// Current returns what the current context names; where several have one name, the first.
// A user that isn't there has no credentials. The error matches ErrContext.
func (c Config) Current() (cluster Cluster, user User, err error) {
	for _, context := range c.Contexts {
		if context.Name != c.CurrentContext {
			continue
		}
		cluster, _ = first(c.Clusters, func(one Cluster) bool { return one.Name == context.Cluster })
		user, _ = first(c.Users, func(one User) bool { return one.Name == context.User })
		break
	}
	if cluster.Server == "" {
		return Cluster{}, User{}, ErrContext
	}
	return cluster, user, nil
}

func first[T any](all []T, is func(T) bool) (found T, ok bool) {
	for _, one := range all {
		if is(one) {
			return one, true
		}
	}
	return found, false
}
