package kubeconfig

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"

	"github.com/steadylet/steadylet/internal/readfile"
)

// Usable returns what the current context names, as client-go takes it: over plain HTTP
// nobody has credentials. The error says why client-go refuses the file (ClientConfig and
// ConfirmUsable in tools/clientcmd, TLSConfigFor in transport). Whether a certificate is good
// is not looked at, and neither is a plugin.
func (c Config) Usable() (Cluster, User, error) {
	if c.twice() {
		return Cluster{}, User{}, errors.New("two of its clusters, users or contexts have one name")
	}
	cluster, user, err := c.Current()
	if err == nil {
		err = cmp.Or(cluster.Authority.check("its certificate authority"), user.check())
	}
	if err != nil {
		return Cluster{}, User{}, err
	}
	if server, err := url.Parse(cluster.Server); err != nil || server.Scheme != "https" {
		return cluster, User{Name: user.Name}, nil
	}
	if len(user.Token.Data) == 0 {
		err = user.Token.check("its token")
	}
	return cluster, user, cmp.Or(err, cluster.checkTrust())
}

// twice reports whether two of a kind have one name.
func (c Config) twice() bool {
	seen := map[string]bool{}
	add := func(kind, name string) (twice bool) {
		twice, seen[kind+name] = seen[kind+name], true
		return twice
	}
	found := false
	for _, one := range c.Contexts {
		found = add("context ", one.Name) || found
	}
	for _, one := range c.Clusters {
		found = add("cluster ", one.Name) || found
	}
	for _, one := range c.Users {
		found = add("user ", one.Name) || found
	}
	return found
}

// check refuses what is there in two ways, or can't be read.
func (m Material) check(what string) error {
	if m.Both {
		return fmt.Errorf("%s is both in it and in a file that it names", what)
	}
	if m.Path == "" {
		return nil
	}
	if _, err := readfile.Read(m.Path, MaxFile); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (u User) check() error {
	switch {
	case u.Certificate.Empty():
		return nil // a key alone does not count
	case u.Key.Empty():
		return errors.New("its client certificate is without a key")
	}
	return cmp.Or(u.Certificate.check("its client certificate"), u.Key.check("its client key"))
}

// checkTrust refuses an authority that is none, or that nobody asks.
func (c Cluster) checkTrust() error {
	if c.Authority.Empty() {
		return nil
	}
	if c.Insecure {
		return errors.New("it has a certificate authority, and insecure-skip-tls-verify too")
	}
	text, err := c.Authority.Read()
	if err == nil && len(text) > 0 && !x509.NewCertPool().AppendCertsFromPEM(text) {
		err = errors.New("its certificate authority is no certificate")
	}
	return err
}
