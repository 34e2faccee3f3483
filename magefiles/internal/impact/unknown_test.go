package impact_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/impact"
)

// overlay is a tree with another folder for one package.
type overlay struct {
	impact.Tree
	importPath, dir string
}

func (o overlay) Dir(importPath string) (string, bool) {
	if importPath == o.importPath {
		return o.dir, true
	}
	return o.Tree.Dir(importPath)
}

// edited returns a tree in which one file reads differently.
func edited(t *testing.T, tree impact.Tree, importPath, name, old, replacement string) impact.Tree {
	t.Helper()
	from, _ := tree.Dir(importPath)
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not have %q", name, old)
	}
	if err := os.Remove(path); err != nil { // a module's files can't be written
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, replacement)), 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay{tree, importPath, to}
}

const root = "k8s.io/kubernetes/"

// A function with another structure is unknown, and so is what rests on it: nothing is
// guessed.
func TestUnknownStructures(t *testing.T) {
	v := version(t, "v1.31.0")
	real := modulesOf(t, v)
	before := factsOf(t, real)
	const containers, static = impact.OfRegular, impact.OfStatic
	for name, test := range map[string]struct {
		importPath, file, old, replacement string
		unknown                            []string // subjects whose verdict is unknown
		found                              string
	}{
		"another hash": {root + "pkg/kubelet/container", "helpers.go", "hash := fnv.New32a()", "hash := fnv.New64a()",
			[]string{containers}, "HashContainer begins with hash := fnv.New64a()"},
		"another encoding": {root + "pkg/kubelet/container", "helpers.go", "json.Marshal(pickFieldsToHash", "yaml.Marshal(pickFieldsToHash",
			[]string{containers}, "containerJSON, _ := yaml.Marshal(pickFieldsToHash(container))"},
		"a field that is worked out": {root + "pkg/kubelet/container", "helpers.go", `"image": container.Image`, `"image": strings.ToLower(container.Image)`,
			[]string{containers}, "json.Marshal(pickFieldsToHash(container))"},
		"one more statement": {root + "pkg/kubelet/container", "helpers.go", "hashutil.DeepHashObject(hash, containerJSON)\n\treturn",
			"hashutil.DeepHashObject(hash, containerJSON)\n\thash.Write(salt)\n\treturn", []string{containers}, "HashContainer hashes"},
		"no such function": {root + "pkg/kubelet/container", "helpers.go", "func HashContainer(", "func HashOfContainer(",
			[]string{containers}, "there is no function HashContainer"},
		"another dump": {root + "pkg/util/hash", "hash.go", `"%v"`, `"%+v"`, []string{containers, static}, `fmt.Fprintf(hasher, "%+v"`},
		"another UID": {root + "pkg/kubelet/config", "common.go", "hasher := md5.New()", "hasher := sha256.New()",
			[]string{static}, "sha256.New()"},
		"another input": {root + "pkg/kubelet/config", "common.go", "hash.DeepHashObject(hasher, pod)", "hash.DeepHashObject(hasher, pod.Spec)",
			[]string{static}, "hash.DeepHashObject(hasher, pod.Spec)"},
		"another comparison": {root + "pkg/kubelet/kuberuntime", "kuberuntime_manager.go", "containerStatus.Hash != expectedHash", "differs(containerStatus.Hash, expectedHash)",
			[]string{containers}, "differs("},
		"compared elsewhere": {root + "pkg/kubelet/kuberuntime", "kuberuntime_manager.go", "func (m *kubeGenericRuntimeManager) computePodActions(",
			"func (m *kubeGenericRuntimeManager) computeActions(", []string{containers}, "computeActions"},
	} {
		t.Run(name, func(t *testing.T) {
			after := extract(t, edited(t, real, test.importPath, test.file, test.old, test.replacement))
			var found []string
			for _, verdict := range impact.Compare(v, v, before, after).Verdicts {
				for _, subject := range test.unknown {
					if verdict.Of != subject {
						continue
					}
					found = append(found, verdict.Reason)
					if verdict.Outcome != impact.NotKnown {
						t.Errorf("%s: %s (%s), want unknown", verdict.Of, verdict.Outcome, verdict.Reason)
					}
				}
			}
			if !strings.Contains(strings.Join(found, "; "), test.found) {
				t.Errorf("the reasons are %q, want %q in them", found, test.found)
			}
		})
	}
}

// The next change of the types is seen: where it is, and what it does.
func TestChangedTypes(t *testing.T) {
	v := version(t, "v1.30.14")
	real := modulesOf(t, v)
	before := factsOf(t, real)
	for name, test := range map[string]struct {
		importPath, old, replacement string
		subject                      string
		outcome                      impact.Outcome
		fields                       string
	}{
		"a field that is left out when empty": {"k8s.io/api/core/v1", "type GRPCAction struct {", "type GRPCAction struct {\n\tFresh string `json:\"fresh,omitempty\"`",
			impact.OfRegular, impact.Some, "livenessProbe.grpc.fresh readinessProbe.grpc.fresh startupProbe.grpc.fresh"},
		"a field that is in every container": {"k8s.io/api/core/v1", "type Container struct {", "type Container struct {\n\tFresh string `json:\"fresh\"`",
			impact.OfRegular, impact.Restarts, "fresh"},
		"a field that JSON does not have": {"k8s.io/api/core/v1", "type Container struct {", "type Container struct {\n\tFresh string `json:\"-\"`",
			impact.OfRegular, impact.Kept, ""},
		"another name in JSON": {"k8s.io/api/core/v1", `json:"tty,omitempty"`, `json:"terminal,omitempty"`,
			impact.OfRegular, impact.Some, "terminal"},
		"no longer left out": {"k8s.io/api/core/v1", `json:"tty,omitempty" protobuf`, `json:"tty" protobuf`,
			impact.OfRegular, impact.Restarts, "tty"},
		"a field of the pod": {root + "pkg/apis/core", "type PodSpec struct {", "type PodSpec struct {\n\tFresh string",
			impact.OfStatic, impact.Restarts, "Spec.Fresh"},
		"a field behind a pointer": {root + "pkg/apis/core", "type GCEPersistentDiskVolumeSource struct {", "type GCEPersistentDiskVolumeSource struct {\n\tFresh string",
			impact.OfStatic, impact.Some, "Spec.Volumes[].VolumeSource.GCEPersistentDisk*"},
	} {
		t.Run(name, func(t *testing.T) {
			after := extract(t, edited(t, real, test.importPath, "types.go", test.old, test.replacement))
			for _, verdict := range impact.Compare(v, v, before, after).Verdicts {
				if verdict.Of != test.subject {
					continue
				}
				if verdict.Outcome != test.outcome || strings.Join(verdict.Fields, " ") != test.fields {
					t.Errorf("%s for %q, want %s for %q", verdict.Outcome, verdict.Fields, test.outcome, test.fields)
				}
			}
		})
	}
}

// Where the types can't be had, the hash still is, and what rests on types is unknown.
func TestWithoutTypes(t *testing.T) {
	v := version(t, "v1.30.14")
	whole := modulesOf(t, v)
	facts := extract(t, impact.Modules{"k8s.io/kubernetes": whole["k8s.io/kubernetes"]})
	if facts.Hash.Is != impact.HashJSON || facts.Container != nil || facts.Pod != nil {
		t.Errorf("hash %q, v1.Container %v, Pod %v", facts.Hash.Is, facts.Container, facts.Pod)
	}
	for _, verdict := range impact.Compare(v, v, facts, factsOf(t, whole)).Verdicts {
		want := impact.NotKnown
		if verdict.Of == impact.OfSidecars {
			want = impact.Kept // 1.30 does not compare them
		}
		if verdict.Outcome != want {
			t.Errorf("%s: %s (%s), want %s", verdict.Of, verdict.Outcome, verdict.Reason, want)
		}
	}
}
