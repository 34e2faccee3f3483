package nodefacts

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/statefile"
)

// staticPods sorts the static pods by what vouches for their UIDs. runtimeErr says
// why the sandboxes are not known.
func (n node) staticPods(sandboxes []statefile.Sandbox, runtimeErr error) doctor.StaticPods {
	static := doctor.StaticPods{Path: n.settings.ManifestPath}
	if static.Path == "" {
		return static
	}
	manifests, err := nodestate.ReadManifests(static.Path, n.settings.NodeName)
	if err != nil {
		static.Err = err
		return static
	}
	state := nodestate.Inspect(statefile.Path(n.settings.RootDir)).Current.State
	var loose []nodestate.ManifestFile
	for _, manifest := range manifests {
		pod := manifest.Namespace + "/" + manifest.Name
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

// pods says what is known of the other pods.
func (n node) pods() doctor.Pods {
	var pods doctor.Pods
	_, err := os.Stat(filepath.Join(n.settings.RootDir, "actuated_pods_state"))
	pods.Actuated = err == nil
	pods.Err = errors.New("the API server was not asked")
	return pods
}
