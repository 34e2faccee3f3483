package kubeconfig_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/kubeconfig"
)

func TestLoad(t *testing.T) {
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	got, err := kubeconfig.Load(filepath.Join(dir, "kubelet.conf"))
	want := kubeconfig.Config{
		CurrentContext: "node",
		Contexts:       []kubeconfig.Context{{Name: "node", Cluster: "kubernetes", User: "system:node:db-3"}},
		Clusters:       []kubeconfig.Cluster{{Name: "kubernetes", Server: "https://db.example:6443", Authority: kubeconfig.Material{Data: []byte("hello\n")}}},
		Users: []kubeconfig.User{
			{
				Name:        "system:node:db-3",
				Certificate: kubeconfig.Material{Path: "/var/lib/kubelet/pki/kubelet-client-current.pem"},
				Key:         kubeconfig.Material{Path: filepath.Join(dir, "keys", "node.pem")},
			},
			{Name: "by-token", Token: kubeconfig.Material{Data: []byte("of-nobody")}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if _, err := kubeconfig.Load(filepath.Join(dir, "none.conf")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a file that isn't there: got %v", err)
	}
}

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		is   bool
	}{
		"nothing":       {"", false},
		"no YAML":       {"a: [secret", false},
		"another file":  {"[Global]\nsecret=x\n", false},
		"another kind":  {"kind: Pod\nusers: [{name: secret}]", false},
		"a text":        {"secret", false},
		"no base 64":    {"kind: Config\nusers:\n- user: {client-certificate-data: '!secret'}\n", false},
		"empty":         {"kind: Config", true},
		"without kind":  {"users: [{name: a, user: {token: secret}}]", true},
		"embedded wins": {"users: [{user: {client-key: a, client-key-data: aGk=}}]", true},
	} {
		config, err := kubeconfig.Parse([]byte(test.text), "/")
		if test.is != (err == nil) || !test.is && (!errors.Is(err, kubeconfig.ErrNone) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: got %v", name, err)
		}
		if name == "embedded wins" && (string(config.Users[0].Key.Data) != "hi" || config.Users[0].Key.Path != "") {
			t.Errorf("%s: got %+v", name, config)
		}
	}
}

func TestCurrent(t *testing.T) {
	config := kubeconfig.Config{
		Contexts: []kubeconfig.Context{{Name: "a", Cluster: "c", User: "u"}, {Name: "b", Cluster: "none", User: "u"}, {Name: "d", Cluster: "c", User: "none"}},
		Clusters: []kubeconfig.Cluster{{Name: "other", Server: "o"}, {Name: "c", Server: "s"}},
		Users:    []kubeconfig.User{{Name: "other"}, {Name: "u", Plugin: true}},
	}
	for current, want := range map[string]struct{ server, user string }{"a": {"s", "u"}, "b": {}, "d": {"s", ""}, "": {}, "none": {}} {
		config.CurrentContext = current
		cluster, user, err := config.Current()
		if cluster.Server != want.server || user.Name != want.user || (want.server == "") != errors.Is(err, kubeconfig.ErrContext) {
			t.Errorf("%q: got %+v, %+v, %v", current, cluster, user, err)
		}
	}
}

func TestMaterial(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("of the file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, m := range map[string]kubeconfig.Material{"": {}, "in it": {Data: []byte("in it")}, "of the file": {Path: path}} {
		got, err := m.Read()
		if string(got) != want || m.Empty() != errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%+v: got %q, %v", m, got, err)
		}
	}
}

// Whatever a file holds, reading it ends, and tells nothing of it.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/kubelet.conf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("users: [{user: {exec: {command: /bin/plugin}}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := kubeconfig.Parse(text, "/none")
		if err != nil && err != kubeconfig.ErrNone {
			t.Errorf("got %v", err)
		}
		if cluster, _, err := config.Current(); (cluster.Server == "") != (err != nil) {
			t.Errorf("server %q, %v", cluster.Server, err)
		}
		for _, user := range config.Users {
			if path := user.Key.Path; path != "" && !filepath.IsAbs(path) {
				t.Errorf("a relative path: %q", path)
			}
		}
	})
}
