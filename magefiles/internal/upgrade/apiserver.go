package upgrade

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// controlPlane is etcd and an API server, on loopback.
type controlPlane struct {
	dir             string
	etcd, apiserver *testnode.Process
	api             *client
	// kubeconfig is the path of a file that leads a kubelet to the API server.
	kubeconfig string
}

// planeOptions say what the API server is like.
type planeOptions struct {
	// gates are its feature gates.
	gates []string
	// roles says that rights are granted by role. Else everybody has all.
	roles bool
}

func (o planeOptions) flags() []string {
	mode := "AlwaysAllow"
	if o.roles {
		mode = "RBAC"
	}
	flags := []string{"--authorization-mode=" + mode}
	if len(o.gates) > 0 {
		flags = append(flags, "--feature-gates="+strings.Join(o.gates, ","))
	}
	return flags
}

// startControlPlane starts both programs in the node's folder, and makes the
// namespace of the run's pods.
func startControlPlane(ctx context.Context, node *testnode.Node, program string, options planeOptions) (*controlPlane, error) {
	plane := &controlPlane{dir: filepath.Join(node.Dir(), "control-plane")}
	if err := os.MkdirAll(plane.dir, 0o700); err != nil {
		return nil, fmt.Errorf("preparing the control plane: %w", err)
	}
	endpoint, err := plane.startEtcd(node)
	if err == nil {
		err = plane.startAPIServer(ctx, node, program, endpoint, options)
	}
	if err == nil {
		err = plane.api.create(ctx, "/api/v1/namespaces", object{
			"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": node.Name()},
		})
	}
	if err != nil {
		return nil, errors.Join(err, plane.stop())
	}
	return plane, nil
}

// stop ends both programs. Nothing of theirs is needed any more.
func (p *controlPlane) stop() error {
	var err error
	for _, process := range []*testnode.Process{p.apiserver, p.etcd} {
		if process != nil {
			err = errors.Join(err, process.Kill())
		}
	}
	return err
}

// startEtcd starts etcd and returns its endpoint.
func (p *controlPlane) startEtcd(node *testnode.Node) (endpoint string, err error) {
	clients, err := testnode.FreePort()
	if err != nil {
		return "", err
	}
	peers, err := testnode.FreePort()
	if err != nil {
		return "", err
	}
	endpoint, peer := fmt.Sprintf("http://127.0.0.1:%d", clients), fmt.Sprintf("http://127.0.0.1:%d", peers)
	p.etcd, err = node.Start("etcd", "etcd", "--data-dir="+filepath.Join(p.dir, "etcd"),
		"--listen-client-urls="+endpoint, "--advertise-client-urls="+endpoint,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
	return endpoint, err
}

// startAPIServer starts the API server and waits until it is ready.
func (p *controlPlane) startAPIServer(ctx context.Context, node *testnode.Node, program, etcd string, options planeOptions) error {
	port, err := testnode.FreePort()
	if err != nil {
		return err
	}
	token := rand.Text()
	tokens, key := filepath.Join(p.dir, "tokens.csv"), filepath.Join(p.dir, "service-account.key")
	if err := errors.Join(os.WriteFile(tokens, []byte(token+",rig,rig,system:masters\n"), 0o600), writeKey(key)); err != nil {
		return fmt.Errorf("configuring the API server: %w", err)
	}
	flags := append(options.flags(),
		"--etcd-servers="+etcd, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir="+filepath.Join(p.dir, "certificates"), "--token-auth-file="+tokens,
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount")
	if p.apiserver, err = node.Start("kube-apiserver", program, flags...); err != nil {
		return err
	}
	base := fmt.Sprintf("https://127.0.0.1:%d", port)
	err = p.apiserver.Wait(ctx, 3*time.Minute, "the API server", func() (bool, error) {
		if p.api == nil && p.trust(base, token) != nil {
			return false, nil // its certificate is not there yet
		}
		return p.ready(ctx), nil
	})
	if err != nil {
		return err
	}
	return p.writeKubeconfig(base, token)
}

// ready reports whether the API server is, with the namespaces that it makes itself.
func (p *controlPlane) ready(ctx context.Context) bool {
	return p.api.get(ctx, "/readyz", nil) == nil && p.api.get(ctx, "/api/v1/namespaces/default", nil) == nil
}

func (p *controlPlane) certificate() string {
	return filepath.Join(p.dir, "certificates", "apiserver.crt")
}

// trust makes a client that takes the API server's own certificate for its authority.
func (p *controlPlane) trust(base, token string) error {
	data, err := os.ReadFile(p.certificate())
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return fmt.Errorf("%s holds no certificate", p.certificate())
	}
	p.api = newClient(base, token, &tls.Config{RootCAs: pool})
	return nil
}

func (p *controlPlane) writeKubeconfig(base, token string) error {
	data, err := json.Marshal(object{
		"apiVersion": "v1", "kind": "Config", "current-context": "rig",
		"clusters": list{object{"name": "rig", "cluster": object{"server": base, "certificate-authority": p.certificate()}}},
		"users":    list{object{"name": "rig", "user": object{"token": token}}},
		"contexts": list{object{"name": "rig", "context": object{"cluster": "rig", "user": "rig"}}},
	})
	if err != nil {
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	p.kubeconfig = filepath.Join(p.dir, "kubeconfig")
	return os.WriteFile(p.kubeconfig, data, 0o600)
}

// writeKey writes a new private key, with which nothing is ever signed here: the API
// server does not start without one.
func writeKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
}
