package nodefacts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeapi"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/internal/podmanifest"
	"github.com/steadylet/steadylet/statefile"
)

// staticPods sorts the static pods by what vouches for their UIDs. runtimeErr says
// why the sandboxes are not known.
func (n node) staticPods(sandboxes []statefile.Sandbox, runtimeErr error) doctor.StaticPods {
	static := doctor.StaticPods{Path: n.settings.ManifestPath, FromURL: n.settings.ManifestURL != ""}
	if static.Path == "" {
		return static
	}
	manifests, err := nodestate.ReadManifests(static.Path, n.settings.NodeName)
	if err != nil {
		static.Err = err
		return static
	}
	twice := nodestate.Twice(manifests)
	for pod, paths := range twice {
		static.Twice = append(static.Twice, fmt.Sprintf("%s (%s)", pod, strings.Join(paths, ", ")))
	}
	slices.Sort(static.Twice)
	n.referring(&static, manifests)
	state := nodestate.Inspect(statefile.Path(n.settings.RootDir)).Current.State
	var loose []nodestate.ManifestFile
	for _, manifest := range manifests {
		pod := manifest.Namespace + "/" + manifest.Name
		if twice[pod] != nil {
			static.Pods++
			continue
		}
		if manifest.Err == nil && (manifest.Generated != "" || state.StaticPods[manifest.Path].Pod == pod) {
			static.Pods++
			continue
		}
		loose = append(loose, manifest)
		if manifest.Err == nil {
			static.Pods++
			static.Loose = append(static.Loose, pod)
		}
	}
	if runtimeErr != nil {
		return static
	}
	for _, left := range nodestate.MakePlan(nodestate.Facts{Now: n.now, Manifests: loose, Sandboxes: sandboxes}).LeftOut {
		static.LeftOut = append(static.LeftOut, left.Manifest+" ("+left.Reason+")")
	}
	return static
}

// referring adds the static pods that name objects of the API server.
func (n node) referring(static *doctor.StaticPods, manifests []nodestate.ManifestFile) {
	if on, set := n.gate(podmanifest.ReferencesGates()...); set {
		static.ReferencesGate = &on
	}
	for _, manifest := range manifests {
		switch {
		case len(manifest.References) > 0:
			static.Referring = append(static.Referring, doctor.Referring{
				Pod: manifest.Namespace + "/" + manifest.Name, Manifest: manifest.Path, References: manifest.References,
			})
		case manifest.Err != nil && len(manifest.Content) == 0:
			static.Unread = append(static.Unread, manifest.Path)
		}
	}
}

// errNoAPI is why the pods of a kubelet aren't known that nobody can ask for.
var errNoAPI = errors.New("the kubelet's flags, which name its kubeconfig, are not known")

// pods asks the API server as the kubelet does, with its own credentials, which may see
// the pods of its node only. A kubelet without a kubeconfig has no other pods than the
// static ones.
func (n node) pods(ctx context.Context) doctor.Pods {
	var pods doctor.Pods
	_, err := os.Stat(filepath.Join(n.settings.RootDir, "actuated_pods_state"))
	pods.Actuated = err == nil
	listed, err := n.listPods(ctx)
	pods.Err = err
	for _, pod := range append(listed, n.manifestPods()...) {
		name := pod.Metadata.Namespace + "/" + pod.Metadata.Name
		if pod.Spec.RestartsOnResize() {
			pods.RestartOnResize = append(pods.RestartOnResize, name)
		}
		if pod.Spec.HasSidecar() {
			pods.Sidecars = append(pods.Sidecars, name)
		}
	}
	for _, names := range []*[]string{&pods.RestartOnResize, &pods.Sidecars} {
		slices.Sort(*names)
		*names = slices.Compact(*names) // static pods are there twice
	}
	return pods
}

func (n node) listPods(ctx context.Context) ([]kubeapi.Pod, error) {
	path := n.kubelet.Flags.Kubeconfig
	switch {
	case path == "" && len(n.kubelet.Args) == 0:
		return nil, errNoAPI
	case path == "":
		return nil, nil
	}
	credentials, err := kubeapi.FromKubeconfig(path)
	if err != nil {
		return nil, err
	}
	client, err := kubeapi.New(credentials, n.request.Within)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, n.request.Within)
	defer cancel()
	return client.Pods(ctx, n.settings.NodeName)
}

// manifestPods reads the static pods. What can't be read is in the findings of the
// static pods.
func (n node) manifestPods() []kubeapi.Pod {
	if n.settings.ManifestPath == "" {
		return nil
	}
	manifests, err := nodestate.ReadManifests(n.settings.ManifestPath, n.settings.NodeName)
	if err != nil {
		return nil
	}
	var pods []kubeapi.Pod
	for _, manifest := range manifests {
		var read struct{ Spec kubeapi.PodSpec }
		if manifest.Err != nil || yaml.Unmarshal(manifest.Content, &read) != nil {
			continue
		}
		pod := kubeapi.Pod{Spec: read.Spec}
		pod.Metadata.Namespace, pod.Metadata.Name = manifest.Namespace, manifest.Name
		pods = append(pods, pod)
	}
	return pods
}
