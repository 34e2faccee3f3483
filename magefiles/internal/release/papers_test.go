package release_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
)

func TestBillOfMaterials(t *testing.T) {
	config, made := sharedRelease(t, "v1.36.3")
	file, err := os.Open(one(t, made, ".cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(file, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	kubelet := bom.Metadata.Component
	if kubelet.Version != "v1.36.3+steadylet.d4b41a95" || (*kubelet.Hashes)[0].Value != digest(t, config.Kubelets[0].Path).SHA256 || bom.Metadata.Timestamp != "2026-07-22T18:07:38Z" {
		t.Errorf("the bill is about %+v at %s", kubelet, bom.Metadata.Timestamp)
	}
	known := map[string]cdx.Component{"kubelet": *kubelet}
	for _, component := range *bom.Components {
		if _, twice := known[component.BOMRef]; twice {
			t.Errorf("%s is listed twice", component.BOMRef)
		}
		known[component.BOMRef] = component
	}
	kubernetes := known["pkg:golang/k8s.io/kubernetes@v1.36.3%2Bsteadylet.d4b41a95"]
	if kubernetes.Pedigree == nil || (*kubernetes.Pedigree.Ancestors)[0].PackageURL != "pkg:golang/k8s.io/kubernetes@v1.36.3" {
		t.Fatalf("Kubernetes has the pedigree %+v", kubernetes.Pedigree)
	}
	patch := (*kubernetes.Pedigree.Patches)[0]
	if patch.Diff.Text.Content != read(t, filepath.Join(config.Root, "patches/restart-suppression/0001-keep.patch")) || (*patch.Resolves)[0].Name != "kubelet: keep containers" {
		t.Errorf("got patch %+v", patch)
	}
	if standard := known["pkg:golang/std@"+strings.TrimPrefix(runtime.Version(), "go")]; standard.Name != "std" {
		t.Errorf("the standard library is not among %v", slices.Sorted(maps.Keys(known)))
	}
	for _, dependency := range *bom.Dependencies {
		for _, on := range append(*dependency.Dependencies, dependency.Ref) {
			if _, found := known[on]; !found {
				t.Errorf("%s depends on %s, which is no component", dependency.Ref, on)
			}
		}
	}
}

func TestProvenance(t *testing.T) {
	config := fixture(t, "v1.36.3")
	config.Repository.Dirty = true
	made := mustMake(t, config)
	var statement struct {
		Type          string `json:"_type"`
		PredicateType string `json:"predicateType"`
		Subject       []struct {
			Name   string
			Digest map[string]string
		}
		Predicate struct {
			BuildDefinition struct {
				ExternalParameters, InternalParameters map[string]any
				ResolvedDependencies                   []struct {
					Name, URI string
					Digest    map[string]string
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(read(t, one(t, made, ".intoto.json"))), &statement); err != nil {
		t.Fatal(err)
	}
	if statement.Type != "https://in-toto.io/Statement/v1" || statement.PredicateType != "https://slsa.dev/provenance/v1" {
		t.Errorf("got a %s about a %s", statement.Type, statement.PredicateType)
	}
	for _, subject := range statement.Subject {
		if got := digest(t, filepath.Join(made.Dir, subject.Name)).SHA256; got != subject.Digest["sha256"] {
			t.Errorf("%s has the SHA-256 %s, the statement says %v", subject.Name, got, subject.Digest)
		}
	}
	if got, want := len(statement.Subject), len(made.Files)-2; got != want {
		t.Errorf("the statement is about %d files, want %d: all but itself and the sums", got, want)
	}
	definition := statement.Predicate.BuildDefinition
	if definition.ExternalParameters["version"] != "v1.36.3" || definition.InternalParameters["sourceDateEpoch"] != 1784743658.0 || definition.InternalParameters["dirty"] != true {
		t.Errorf("got %v, %v", definition.ExternalParameters, definition.InternalParameters)
	}
	digests := map[string]map[string]string{}
	for _, dependency := range definition.ResolvedDependencies {
		digests[dependency.Name] = dependency.Digest
	}
	want := map[string]map[string]string{
		"kubernetes v1.36.3": {
			"gitTree": strings.Repeat("12", 20),
			// The sum in the manifest, from base64: `base64 -d | xxd -p`.
			"dirHash": "a8341da0c8a5b8013611a6fa15ae76615f968e21b3f666451686a0100e9c23ea",
		},
		"patches/restart-suppression/0001-keep.patch":         {"sha256": digest(t, filepath.Join(config.Root, "patches/restart-suppression/0001-keep.patch")).SHA256},
		"the state file library, as it is placed in the tree": {"sha256": seriesDigest},
		"steadylet": {"gitCommit": strings.Repeat("ab", 20)},
	}
	if diff := cmp.Diff(want, digests); diff != "" {
		t.Error(diff)
	}
}

// The notes have the rows about this tag, and no other's.
func TestNotes(t *testing.T) {
	_, made := sharedRelease(t, "v1.36.3")
	text := read(t, one(t, made, "RELEASE.md"))
	for _, wanted := range []string{
		"# Kubelet v1.36.3+steadylet.d4b41a95\n", "1.36.3+steadylet.1.d4b41a95", "2026-07-22", "ssh-keygen -Y verify",
		"| v1.36.3 | module | passed |\n", "v1.30.14 (stock) -> v1.36.3 (patched)", "v1.36.3 (stock) -> v1.37.2 (patched)",
		"0001-keep.patch", "--allow-downgrades", "Installing restarts nothing", "- it has the sums in the lock\n",
	} {
		if !strings.Contains(text, wanted) {
			t.Errorf("the notes lack %q", wanted)
		}
	}
	for _, other := range []string{"| v1.37.2 | module", "v1.31.0 (patched)", "no row", "<no value>"} {
		if strings.Contains(text, other) {
			t.Errorf("the notes have %q", other)
		}
	}
	unknown := mustMake(t, fixture(t, "v1.36.1"))
	if text := read(t, one(t, unknown, "RELEASE.md")); strings.Count(text, "has no row") != 2 {
		t.Errorf("the notes of a tag that is in no table say:\n%s", text)
	}
}
