package kubeapi_test

import (
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/kubeapi"
)

func TestFromKubeconfig(t *testing.T) {
	got, err := kubeapi.FromKubeconfig("testdata/kubelet.conf")
	want := kubeapi.Credentials{Server: "https://10.0.0.1:6443", Authority: []byte("authority"), Certificate: []byte("pem\n"), Key: []byte("pem\n")}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	dir := t.TempDir()
	for name, test := range map[string]struct{ content, says string }{
		"broken":      {"a: [secret", "not a kubeconfig"},
		"no context":  {"kind: Config", "names no cluster"},
		"bad base 64": {"clusters: [{cluster: {certificate-authority-data: '!!'}}]", "not a kubeconfig"},
		"no file": {
			"current-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nclusters: [{name: a, cluster: {server: s, certificate-authority: none.crt}}]", "none.crt",
		},
	} {
		path := filepath.Join(dir, "kubeconfig")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := kubeapi.FromKubeconfig(path); err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := kubeapi.FromKubeconfig("testdata/exec.conf"); err == nil || !strings.Contains(err.Error(), "a plugin") {
		t.Errorf("a plugin: got %v", err)
	}
}

func TestInCluster(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := kubeapi.InCluster(dir, "", ""); !errors.Is(err, kubeapi.ErrNotInCluster) {
		t.Errorf("no variables: got %v", err)
	}
	if _, _, err := kubeapi.InCluster(dir, "10.0.0.1", "443"); !errors.Is(err, kubeapi.ErrNotInCluster) {
		t.Errorf("no files: got %v", err)
	}
	for name, content := range map[string]string{"ca.crt": "authority", "token": "token\n", "namespace": "steadylet"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, namespace, err := kubeapi.InCluster(dir, "fd00::1", "443")
	want := kubeapi.Credentials{Server: "https://[fd00::1]:443", Authority: []byte("authority"), Token: "token"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil || namespace != "steadylet" {
		t.Errorf("%v %s %s", err, namespace, diff)
	}
}

// serve answers every request with that, and returns a client of it. (That a real API
// server understands what is sent is tested in magefiles/internal/e2e.)
func serve(t *testing.T, handler http.HandlerFunc) *kubeapi.Client {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	client, err := kubeapi.New(kubeapi.Credentials{Server: server.URL, Authority: authority, Token: "secret"}, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestPodsInPages(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.URL.Query().Get("fieldSelector") != "spec.nodeName=db-3" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Query().Get("continue") == "" {
			io.WriteString(w, `{"metadata": {"continue": "more"}, "items": [{"metadata": {"namespace": "a", "name": "b"}, "spec": {"containers": [{"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]}]}}]}`)
			return
		}
		io.WriteString(w, `{"items": [{"metadata": {"namespace": "c", "name": "d"}, "spec": {"initContainers": [{"restartPolicy": "Always"}]}}]}`)
	})
	pods, err := client.Pods(t.Context(), "db-3")
	if err != nil || len(pods) != 2 || pods[0].Metadata.Name != "b" || pods[1].Metadata.Namespace != "c" {
		t.Fatalf("got %+v, %v", pods, err)
	}
	if !pods[0].Spec.RestartsOnResize() || pods[0].Spec.HasSidecar() || pods[1].Spec.RestartsOnResize() || !pods[1].Spec.HasSidecar() {
		t.Errorf("got %+v", pods)
	}
}

func TestRefusal(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, `{"kind": "Status", "message": "configmaps is forbidden"}`)
	})
	err := client.Apply(t.Context(), kubeapi.ConfigMap{Namespace: "steadylet", Name: "a"})
	if !errors.Is(err, kubeapi.ErrRefused) || !strings.Contains(err.Error(), "configmaps is forbidden") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestNew(t *testing.T) {
	for name, credentials := range map[string]kubeapi.Credentials{
		"no https":     {Server: "http://10.0.0.1"},
		"no authority": {Server: "https://10.0.0.1", Authority: []byte("x")},
		"no pair":      {Server: "https://10.0.0.1", Certificate: []byte("secret"), Key: []byte("secret")},
	} {
		if client, err := kubeapi.New(credentials, time.Second); err == nil || client != nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
