package podmanifest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
)

// Reference is a field of a pod that names an object of the API server.
type Reference struct {
	// Field is where it is: "spec.volumes[0].secret".
	Field string
	// Object is the kind of the object: "secret".
	Object string
}

// The kinds that some kubelets refuse whatever their feature gates are.
const (
	resourceClaim = "resource claim"
	trustBundle   = "cluster trust bundle"
)

// references are the fields that name an object, as paths below the spec. A list stands
// for each of its elements; null, and an empty string, name nothing. They are those of
// HasAPIObjectReference, which is the same in 1.34.2 to 1.37.2, with VisitPodSecretNames
// and VisitPodConfigmapNames (pkg/api/pod/util.go).
var references = slices.Concat(
	[]Reference{
		{"serviceAccountName", "service account"},
		{oldServiceAccount, "service account"},
		{"imagePullSecrets.name", "secret"},
		{"resourceClaims", resourceClaim},
	},
	ofContainers("initContainers"), ofContainers("containers"), ofContainers("ephemeralContainers"),
	below("volumes.",
		Reference{"secret", "secret"},
		Reference{"configMap", "config map"},
		Reference{"csi", "CSI driver"},
		Reference{"glusterfs", "endpoints"},
		Reference{"persistentVolumeClaim", "persistent volume claim"},
		Reference{"ephemeral", "persistent volume claim"},
		Reference{"azureFile", "secret"},
		Reference{"cephfs.secretRef.name", "secret"},
		Reference{"cinder.secretRef.name", "secret"},
		Reference{"flexVolume.secretRef.name", "secret"},
		Reference{"iscsi.secretRef.name", "secret"},
		Reference{"rbd.secretRef.name", "secret"},
		Reference{"scaleIO.secretRef.name", "secret"},
		Reference{"storageos.secretRef.name", "secret"},
	),
	below("volumes.projected.sources.",
		Reference{"secret", "secret"},
		Reference{"configMap", "config map"},
		Reference{"serviceAccountToken", "service account"},
		Reference{"clusterTrustBundle", trustBundle},
		Reference{"podCertificate", "pod certificate"},
	),
)

// oldServiceAccount is the old name of serviceAccountName, which counts where the new one
// is missing.
const oldServiceAccount = "serviceAccount"

func ofContainers(list string) []Reference {
	return below(list+".",
		Reference{"envFrom.secretRef.name", "secret"},
		Reference{"envFrom.configMapRef.name", "config map"},
		Reference{"env.valueFrom.secretKeyRef.name", "secret"},
		Reference{"env.valueFrom.configMapKeyRef.name", "config map"},
	)
}

func below(path string, fields ...Reference) []Reference {
	for i := range fields {
		fields[i].Field = path + fields[i].Field
	}
	return fields
}

// References lists the fields of a pod's spec, as decoded JSON, that name an object of the
// API server.
func References(spec map[string]any) []Reference {
	var found []Reference
	for _, reference := range references {
		if name, _ := spec["serviceAccountName"].(string); reference.Field == oldServiceAccount && name != "" {
			continue
		}
		for _, field := range present(spec, "spec", reference.Field) {
			found = append(found, Reference{field, reference.Object})
		}
	}
	return found
}

// ReferencesOf is [References] of a pod that was read.
func ReferencesOf(pod *v1.Pod) ([]Reference, error) {
	encoded, err := json.Marshal(pod.Spec)
	if err != nil {
		return nil, fmt.Errorf("encoding the spec of the pod: %w", err)
	}
	var spec map[string]any
	if err := json.Unmarshal(encoded, &spec); err != nil {
		return nil, fmt.Errorf("encoding the spec of the pod: %w", err)
	}
	return References(spec), nil
}

// present lists where decoded JSON has something at a path. at is where the value is.
func present(value any, at, path string) []string {
	switch value := value.(type) {
	case []any:
		var found []string
		for i, element := range value {
			found = append(found, present(element, fmt.Sprintf("%s[%d]", at, i), path)...)
		}
		return found
	case map[string]any:
		if path == "" {
			return []string{at}
		}
		name, rest, _ := strings.Cut(path, ".")
		return present(value[name], at+"."+name, rest)
	case string:
		if path == "" && value != "" {
			return []string{at}
		}
	}
	return nil
}
