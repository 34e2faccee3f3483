package e2e_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
)

// clusterPrograms returns a patched kubelet and an API server of 1.31.0, ready ones or
// built now.
func clusterPrograms(t *testing.T, p *pipeline.Pipeline) (kubelet, apiserver string) {
	t.Helper()
	if *ready != "" {
		folder := filepath.Join(*ready, "v1.31.0", "linux-"+runtime.GOARCH)
		return filepath.Join(folder, "debug", "kubelet"), filepath.Join(folder, "stock-debug", "kube-apiserver")
	}
	tree := fetch(t, p, pipeline.SourceOptions{Version: "v1.31.0", Kind: "module"})
	kubelet = compile(t, p, tree, pipeline.DefaultSeries).Path
	stock, err := p.Patch(t.Context(), tree, pipeline.PatchOptions{Series: pipeline.StockSeries})
	if err != nil {
		t.Fatal(err)
	}
	built, err := p.Build(t.Context(), stock, build.Options{Component: "kube-apiserver", Mode: build.Debug, Arch: runtime.GOARCH})
	if err != nil {
		t.Fatal(err)
	}
	return kubelet, built.Path
}

// controlPlane is a cluster whose control plane runs in static pods, as kubeadm's does.
type controlPlane struct {
	*renewal
	node    *testnode.Node
	place   testnode.KubeletPlace
	kubelet *testnode.Process
}

// A cluster whose certificates are renewed goes on: its API server serves with the new
// ones, the kubelet is connected, and nothing was restarted but what used the old ones.
func TestRenewedCluster(t *testing.T) {
	requireOpenSSL(t)
	if err := upgrade.Require(); err != nil {
		t.Skip(err)
	}
	p := open(t)
	command, stock, years := buildSteadylet(t), buildKubeadm(t, p, "v1.31.0", true), buildKubeadm(t, p, "v1.31.0", false)
	kubelet, apiserver := clusterPrograms(t, p)
	c := startControlPlane(t, stock, command, kubelet, apiserver)
	before := c.containers(t)
	if found := c.renewal.years(t)["pki/apiserver.crt"]; found != 1 {
		t.Errorf("before, the API server's certificate is valid for %d years, want 1", found)
	}
	if out := c.command.run(t, 0, c.restart("--dry-run")...); !strings.Contains(out, "[]") {
		t.Errorf("before anything was renewed it would restart %s", out)
	}
	out := c.renew(t, 0, "--config", years.config, "--calm", "5", "--healthy-within", "120", years.path)
	t.Log(out)
	renewed := time.Now()
	c.checkReplaced(t, before, c.containers(t))
	for name, found := range c.renewal.years(t) {
		// The authorities are those of the old kubeadm, and the kubelet has its own.
		if !strings.HasSuffix(name, "ca.crt") && name != "kubelet.conf" && found != certvalidity.DefaultLeaf {
			t.Errorf("%s is valid for %d years, want %d", name, found, certvalidity.DefaultLeaf)
		}
	}
	if ends := c.served(t).NotAfter; time.Until(ends) < 9*certvalidity.Year {
		t.Errorf("the API server serves with a certificate that is valid until %s", ends)
	}
	c.await(t, "the kubelet to be heard of again", func() bool { return c.heardOf(t).After(renewed) })
	if out := c.command.run(t, 0, c.restart("--dry-run")...); !strings.Contains(out, "[]") {
		t.Errorf("afterwards it would restart %s", out)
	}
}

func (c *controlPlane) restart(args ...string) []string {
	return append([]string{"certs", "restart", "--kubernetes-dir", c.kubernetes(), "-o", "json"}, args...)
}

// checkReplaced wants the four pods of the control plane to have new containers, and all
// others the ones of before.
func (c *controlPlane) checkReplaced(t *testing.T, before, after map[string]string) {
	t.Helper()
	for name, id := range before {
		uses := name == "etcd" || strings.HasPrefix(name, "kube-")
		if replaced := after[name] != id; replaced != uses || after[name] == "" {
			t.Errorf("%s: container %.12s became %.12s, uses the certificates: %t", name, id, after[name], uses)
		}
	}
	if len(before) != 6 || len(after) != 6 {
		t.Errorf("containers %v became %v", before, after)
	}
}

// containers returns the IDs of the containers that run, by name.
func (c *controlPlane) containers(t *testing.T) map[string]string {
	t.Helper()
	all, err := c.node.Runtime.Containers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	running := map[string]string{}
	for _, container := range all {
		if container.Running {
			running[container.Name] = container.ID
		}
	}
	return running
}

func startControlPlane(t *testing.T, k kubeadm, command steadylet, kubelet, apiserver string) *controlPlane {
	t.Helper()
	node, err := testnode.StartNode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := &controlPlane{node: node}
	if c.place, err = node.PlaceKubelet(); err != nil {
		t.Fatal(err)
	}
	ports := map[string]int{}
	for _, name := range []string{"API", "ETCD", "PEER", "METRICS"} {
		if ports[name], err = testnode.FreePort(); err != nil {
			t.Fatal(err)
		}
	}
	c.renewal = newRenewal(t, newMaster(t, k, t.TempDir(), ports["API"]), k, command)
	c.writeManifests(t, apiserver, ports)
	c.place.Kubeconfig = c.kubernetes("kubelet.conf")
	if c.kubelet, err = node.StartKubelet("kubelet", kubelet, kubever.Version{Major: 1, Minor: 31}, c.place); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.kubelet.Stop() }) // the test has failed, or nobody needs it any more
	c.await(t, "the API server", func() bool { return c.request(t, http.MethodGet, "/readyz", "", nil) == nil })
	c.await(t, "the kubelet to be heard of", func() bool { return !c.heardOf(t).IsZero() })
	c.createPod(t)
	c.await(t, "all containers", func() bool { return len(c.containers(t)) == 6 })
	return c
}

// await waits for what the kubelet has to bring about.
func (c *controlPlane) await(t *testing.T, what string, ask func() bool) {
	t.Helper()
	err := c.kubelet.Wait(t.Context(), 3*time.Minute, what, func() (bool, error) { return ask(), nil })
	if err != nil {
		t.Fatalf("%v\n%s", err, c.logs())
	}
}

// logs are the last lines of what the control plane said.
func (c *controlPlane) logs() string {
	var all strings.Builder
	paths, _ := filepath.Glob(filepath.Join(c.place.LogDir, "*", "*", "*.log")) // of a pattern that is right
	for _, path := range paths {
		data, _ := os.ReadFile(path) // what can't be read says nothing
		lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
		fmt.Fprintf(&all, "%s\n%s\n", path, bytes.Join(lines[max(0, len(lines)-8):], []byte("\n")))
	}
	return all.String()
}

// writeManifests writes the static pods: etcd and the API server, the real ones, and
// two that only name the kubeconfigs of theirs; and one that has nothing to do with it.
func (c *controlPlane) writeManifests(t *testing.T, apiserver string, ports map[string]int) {
	t.Helper()
	text := string(fileOf(t, filepath.Join("testdata", "control-plane.yaml")))
	replace := []string{
		"NAMESPACE", c.node.Name(), "IMAGE", testnode.AppImage, "KUBERNETES", c.kubernetes(), "APISERVER", apiserver,
		"PROGRAMS", filepath.Dir(apiserver), "DATA", filepath.Join(c.root, "etcd"),
	}
	for _, name := range []string{"API", "ETCD", "PEER", "METRICS"} {
		replace = append(replace, "PORT_"+name, fmt.Sprint(ports[name]))
	}
	text = strings.NewReplacer(replace...).Replace(text)
	for manifest := range strings.SplitSeq(text, "---\n") {
		_, rest, _ := strings.Cut(manifest, "name: ")
		name, _, _ := strings.Cut(rest, "\n")
		write(t, filepath.Join(c.place.ManifestDir, name+".yaml"), manifest)
	}
}

// createPod creates a pod by the API.
func (c *controlPlane) createPod(t *testing.T) {
	t.Helper()
	namespace := `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"` + c.node.Name() + `"}}`
	pod := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"},"spec":{"nodeName":"` + testnode.NodeName + `","hostNetwork":true,` +
		`"terminationGracePeriodSeconds":1,"containers":[{"name":"web","image":"` + testnode.AppImage + `","imagePullPolicy":"Never"}]}}`
	for _, created := range []struct{ path, body string }{{"", namespace}, {"/" + c.node.Name() + "/pods", pod}} {
		c.await(t, "the API server to take what is created", func() bool {
			return c.request(t, http.MethodPost, "/api/v1/namespaces"+created.path, created.body, nil) == nil
		})
	}
}

// heardOf returns when the kubelet last renewed its lease, or zero.
func (c *controlPlane) heardOf(t *testing.T) time.Time {
	t.Helper()
	var lease struct{ Spec struct{ RenewTime time.Time } }
	if c.request(t, http.MethodGet, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"+testnode.NodeName, "", &lease) != nil {
		return time.Time{}
	}
	return lease.Spec.RenewTime
}

// client goes by super-admin.conf, which needs no role: its certificate, and the
// cluster's authority.
func (c *controlPlane) client(t *testing.T) *http.Client {
	t.Helper()
	data := map[string][]byte{}
	for line := range strings.Lines(string(fileOf(t, c.kubernetes("super-admin.conf")))) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if strings.HasSuffix(name, "-data") {
			decoded, err := base64.StdEncoding.DecodeString(value)
			if err != nil {
				t.Fatal(err)
			}
			data[name] = decoded
		}
	}
	pair, err := tls.X509KeyPair(data["client-certificate-data"], data["client-key-data"])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(data["certificate-authority-data"])
	settings := &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{pair}}
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}}
}

func (c *controlPlane) request(t *testing.T, method, path, body string, result any) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, fmt.Sprintf("https://127.0.0.1:%d%s", c.port, path), strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.client(t).Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= 300 && answer.StatusCode != http.StatusConflict {
		err = fmt.Errorf("%s: %s", answer.Status, data)
	}
	if err != nil || result == nil {
		return err
	}
	return json.Unmarshal(data, result)
}

// served is the certificate that the API server serves with.
func (c *controlPlane) served(t *testing.T) *x509.Certificate {
	t.Helper()
	answer, err := c.client(t).Get(fmt.Sprintf("https://127.0.0.1:%d/readyz", c.port))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.TLS.PeerCertificates[0]
}
