package kubeconfig_test

import (
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/certs/certstest"
	"github.com/steadylet/steadylet/internal/kubeconfig"
)

// A kubeconfig is usable where client-go takes it.
func TestUsable(t *testing.T) {
	dir := t.TempDir()
	authority := string(certstest.Make(t, "ca", time.Now(), time.Hour, nil).CertificatePEM())
	for name, text := range map[string]string{"ca.crt": authority, "there.pem": "any", "empty": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("gone", filepath.Join(dir, "dead.pem")); err != nil {
		t.Fatal(err)
	}
	const (
		https = "{server: 'https://a'}"
		pair  = "{client-certificate: there.pem, client-key: there.pem}"
	)
	data := base64.StdEncoding.EncodeToString([]byte(authority))
	for name, test := range map[string]struct {
		current, cluster, user string
		says                   string // or nothing, where it is usable
	}{
		"files":                      {"x", https, pair, ""},
		"embedded":                   {"x", https, "{client-certificate-data: aGk=, client-key-data: aGk=}", ""},
		"a file and a key in it":     {"x", https, "{client-certificate: there.pem, client-key-data: aGk=}", ""},
		"a token":                    {"x", https, "{token: secret}", ""},
		"a token that wins":          {"x", https, "{token: secret, tokenFile: gone}", ""},
		"a file with a token":        {"x", https, "{tokenFile: there.pem}", ""},
		"no token":                   {"x", https, "{tokenFile: gone}", "its token: "},
		"nothing":                    {"x", https, "{}", ""},
		"a key alone":                {"x", https, "{client-key: gone}", ""},
		"no key":                     {"x", https, "{client-certificate: there.pem}", "without a key"},
		"no such certificate":        {"x", https, "{client-certificate: gone, client-key: there.pem}", "its client certificate: "},
		"a dead link":                {"x", https, "{client-certificate: dead.pem, client-key: there.pem}", "the link leads nowhere"},
		"no such key":                {"x", https, "{client-certificate: there.pem, client-key: gone}", "its client key: "},
		"two certificates":           {"x", https, "{client-certificate: there.pem, client-certificate-data: aGk=, client-key: there.pem}", "its client certificate is both"},
		"two keys":                   {"x", https, "{client-certificate: there.pem, client-key: there.pem, client-key-data: aGk=}", "its client key is both"},
		"an authority":               {"x", "{server: 'https://a', certificate-authority: ca.crt}", pair, ""},
		"an authority in it":         {"x", "{server: 'https://a', certificate-authority-data: " + data + "}", pair, ""},
		"an empty authority":         {"x", "{server: 'https://a', certificate-authority: empty}", pair, ""},
		"no such authority":          {"x", "{server: 'https://a', certificate-authority: gone}", pair, "its certificate authority: "},
		"two authorities":            {"x", "{server: 'https://a', certificate-authority: ca.crt, certificate-authority-data: " + data + "}", pair, "its certificate authority is both"},
		"an authority that is none":  {"x", "{server: 'https://a', certificate-authority-data: c2VjcmV0}", pair, "is no certificate"},
		"an authority nobody asks":   {"x", "{server: 'https://a', insecure-skip-tls-verify: true, certificate-authority: ca.crt}", pair, "insecure-skip-tls-verify"},
		"plain HTTP":                 {"x", "{server: 'http://a', certificate-authority-data: c2VjcmV0}", pair, ""},
		"no scheme":                  {"x", "{server: 'a:6443'}", pair, ""},
		"plain HTTP, no certificate": {"x", "{server: 'http://a'}", "{client-certificate: gone, client-key: gone}", "its client certificate: "},
		"no server":                  {"x", "{}", pair, "names no cluster"},
		"another context":            {"y", https, pair, "names no cluster"},
		"no context":                 {"''", https, pair, "names no cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "kind: Config\ncurrent-context: " + test.current + "\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n" +
				"clusters: [{name: c, cluster: " + test.cluster + "}]\nusers: [{name: u, user: " + test.user + "}]\n"
			config, err := kubeconfig.Parse([]byte(text), dir)
			if err != nil {
				t.Fatal(err)
			}
			_, user, err := config.Usable()
			if (err == nil) != (test.says == "") || err != nil && (!strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			if plain := !strings.Contains(test.cluster, "https:"); err == nil && plain != user.Certificate.Empty() && strings.Contains(test.user, "certificate") {
				t.Errorf("got %+v", user)
			}
		})
	}
}

// Two of one name are none to client-go.
func TestUsableTwice(t *testing.T) {
	one := kubeconfig.Config{
		CurrentContext: "x", Contexts: []kubeconfig.Context{{Name: "x", Cluster: "x", User: "x"}},
		Clusters: []kubeconfig.Cluster{{Name: "x", Server: "https://a"}}, Users: []kubeconfig.User{{Name: "x"}},
	}
	if _, _, err := one.Usable(); err != nil {
		t.Error(err)
	}
	for name, config := range map[string]kubeconfig.Config{
		"contexts": {CurrentContext: "x", Contexts: append(one.Contexts, one.Contexts...), Clusters: one.Clusters, Users: one.Users},
		"clusters": {CurrentContext: "x", Contexts: one.Contexts, Clusters: append(one.Clusters, one.Clusters...), Users: one.Users},
		"users":    {CurrentContext: "x", Contexts: one.Contexts, Clusters: one.Clusters, Users: append(one.Users, one.Users...)},
	} {
		if _, _, err := config.Usable(); err == nil || errors.Is(err, kubeconfig.ErrContext) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
