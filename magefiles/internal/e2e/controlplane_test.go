package e2e_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/steadylet/steadylet/internal/kubeconfig"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// controllers replaces two stand-ins, since to build the real ones takes CI too long.
var unhealthy = flag.Bool("unhealthy-cluster", false, "renew a real cluster as another host too, with a control plane that does not become healthy: three minutes more")

var controllers = flag.String("controllers", "", "folder with kube-controller-manager and kube-scheduler 1.31, to renew the certificates of instead of two pods that only name theirs")

// clusterPrograms returns a patched kubelet and an API server of 1.31.0, ready ones or
// built now.
func clusterPrograms(t *testing.T, p *pipeline.Pipeline) (kubelet, apiserver string) {
	t.Helper()
	if *ready != "" {
		folder := filepath.Join(*ready, "v1.31.0", "linux-"+runtime.GOARCH)
		return filepath.Join(folder, "debug", "kubelet"), filepath.Join(folder, "stock-debug", "kube-apiserver")
	}
	tree := fetch(t, p, pipeline.SourceOptions{Version: "v1.31.0", Kind: "module"})
	return compile(t, p, tree, pipeline.DefaultSeries).Path, compileProgram(t, p, tree, pipeline.StockSeries, "kube-apiserver").Path
}

// controlPlane is a cluster whose control plane runs in static pods, as kubeadm's does.
type controlPlane struct {
	*renewal
	node    *testnode.Node
	place   testnode.KubeletPlace
	kubelet *testnode.Process
	etcd    int // its port
	// origin is the node as kubeadm made it.
	origin master
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
		if err := node.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	c := &controlPlane{node: node}
	if c.place, err = node.PlaceKubelet(); err != nil {
		t.Fatal(err)
	}
	ports := map[string]int{}
	names := []string{"API", "ETCD", "PEER", "METRICS", "MANAGER", "SCHEDULER"}
	free, err := testnode.FreePorts(len(names))
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		ports[name] = free[i]
	}
	c.etcd = ports["ETCD"]
	c.origin = newMaster(t, k, t.TempDir(), ports["API"])
	c.renewal = newRenewal(t, c.origin, k, command)
	c.writeManifests(t, apiserver, ports)
	c.place.Kubeconfig = c.kubernetes("kubelet.conf")
	if c.kubelet, err = node.StartKubelet("kubelet", kubelet, kubever.Version{Major: 1, Minor: 31}, c.place); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.kubelet.Stop() }) // the test has failed, or nobody needs it any more
	c.meanKubelet(t)
	c.await(t, "the API server", func() bool { return c.request(t, http.MethodGet, "/readyz", "", nil) == nil })
	c.await(t, "the kubelet to be heard of", func() bool { return !c.heardOf(t).IsZero() })
	c.createPod(t, "web")
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

// meanKubelet lets the node command take this kubelet, also where other tests run theirs.
func (c *controlPlane) meanKubelet(t *testing.T) {
	t.Helper()
	path := filepath.Join(c.wrappers, "steadylet")
	text := fmt.Sprintf("#!/bin/sh\n[ \"$1 $2\" != 'certs restart' ] || { shift 2; set -- certs restart --pid %d \"$@\"; }\nexec %s \"$@\"\n", c.kubelet.PID(), c.command)
	if err := errors.Join(os.Remove(path), os.WriteFile(path, []byte(text), 0o755)); err != nil {
		t.Fatal(err)
	}
}

// writeManifests writes the static pods: etcd and the API server, the real ones; the
// controllers, or two that only name the kubeconfigs of theirs; and one that has nothing to
// do with it.
func (c *controlPlane) writeManifests(t *testing.T, apiserver string, ports map[string]int) {
	t.Helper()
	text := string(fileOf(t, filepath.Join("testdata", "control-plane.yaml")))
	if *controllers != "" {
		text += "---\n" + string(fileOf(t, filepath.Join("testdata", "controllers.yaml")))
	}
	replace := []string{
		"NAMESPACE", c.node.Name(), "IMAGE", testnode.AppImage, "KUBERNETES", c.kubernetes(), "APISERVER", apiserver,
		"PROGRAMS", filepath.Dir(apiserver), "DATA", filepath.Join(c.root, "etcd"), "CONTROLLERS", *controllers,
	}
	for name, port := range ports {
		replace = append(replace, "PORT_"+name, fmt.Sprint(port))
	}
	text = strings.NewReplacer(replace...).Replace(text)
	for manifest := range strings.SplitSeq(text, "---\n") {
		_, rest, _ := strings.Cut(manifest, "name: ")
		name, _, _ := strings.Cut(rest, "\n")
		write(t, filepath.Join(c.place.ManifestDir, name+".yaml"), manifest) // a later one replaces its stand-in
	}
}

// createPod creates a pod by the API, for the scheduler where there is one.
func (c *controlPlane) createPod(t *testing.T, name string) {
	t.Helper()
	node := `"nodeName":"` + testnode.NodeName + `",`
	if *controllers != "" {
		node = ""
	}
	namespace := `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"` + c.node.Name() + `"}}`
	pod := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"` + name + `"},"spec":{` + node + `"tolerations":[{"operator":"Exists"}],"hostNetwork":true,` +
		`"terminationGracePeriodSeconds":1,"containers":[{"name":"` + name + `","image":"` + testnode.AppImage + `","imagePullPolicy":"Never"}]}}`
	for _, created := range []struct{ path, body string }{{"", namespace}, {"/" + c.node.Name() + "/pods", pod}} {
		c.await(t, "the API server to take what is created", func() bool {
			return c.request(t, http.MethodPost, "/api/v1/namespaces"+created.path, created.body, nil) == nil
		})
	}
}

// heardOf returns when the kubelet last renewed its lease, or zero.
func (c *controlPlane) heardOf(t *testing.T) time.Time {
	t.Helper()
	return c.lease(t, "kube-node-lease/leases/"+testnode.NodeName)
}

// lease returns when one was last renewed, or zero.
func (c *controlPlane) lease(t *testing.T, name string) time.Time {
	t.Helper()
	var lease struct{ Spec struct{ RenewTime time.Time } }
	if c.request(t, http.MethodGet, "/apis/coordination.k8s.io/v1/namespaces/"+name, "", &lease) != nil {
		return time.Time{}
	}
	return lease.Spec.RenewTime
}

// goesOn wants to hear of the kubelet, and of the controllers where there are any, since a
// time, and a pod that is created to run.
func (c *controlPlane) goesOn(t *testing.T, since time.Time) {
	t.Helper()
	c.await(t, "the kubelet to be heard of again", func() bool { return c.heardOf(t).After(since) })
	if *controllers != "" {
		for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
			c.await(t, name, func() bool { return c.lease(t, "kube-system/leases/"+name).After(since) })
		}
	}
	c.createPod(t, "later")
	c.await(t, "what is created afterwards", func() bool { return c.containers(t)["later"] != "" })
}

// client goes by super-admin.conf, which needs no role: its certificate, and the
// cluster's authority.
func (c *controlPlane) client(t *testing.T) *http.Client {
	t.Helper()
	config, err := kubeconfig.Load(c.kubernetes("super-admin.conf"))
	if err != nil {
		t.Fatal(err)
	}
	cluster, user, err := config.Current()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(user.Certificate.Data, user.Key.Data)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cluster.Authority.Data)
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
