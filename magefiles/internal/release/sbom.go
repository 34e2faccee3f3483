package release

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// sbomVersion is the version of CycloneDX that is written: the newest that scanners
// commonly read.
const sbomVersion = cdx.SpecVersion1_6

const (
	kubernetesModule = "k8s.io/kubernetes"
	libraryModule    = homepagePath + "/statefile"
	homepagePath     = "github.com/steadylet/steadylet"
)

// sbom lists what is in the kubelet and in the node command: the modules that each was
// built from, as its build information names them, and Kubernetes itself with the
// patches as its pedigree.
func (m *maker) sbom(in input) ([]byte, error) {
	kubelet, node := m.program(in), m.nodeCommand(in)
	parts := newParts()
	kubernetes := parts.add(m.kubernetes())
	library := parts.add(m.library(in))
	kubeletParts := append([]string{kubernetes, library}, parts.modules(in.kubeletInfo)...)
	nodeParts := parts.modules(in.nodeInfo)
	// The library's one dependency was placed in the kubelet with it.
	kubeletParts = append(kubeletParts, parts.named("github.com/google/renameio")...)

	components := append([]cdx.Component{node}, parts.sorted()...)
	dependencies := []cdx.Dependency{dependency(kubelet.BOMRef, kubeletParts), dependency(node.BOMRef, nodeParts)}
	bom := cdx.NewBOM()
	bom.SerialNumber = serialNumber(in)
	bom.Metadata = &cdx.Metadata{
		Timestamp: m.Date.UTC().Format(time.RFC3339), Component: &kubelet,
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "steadylet"}}},
	}
	bom.Components, bom.Dependencies = &components, &dependencies
	var text bytes.Buffer
	encoder := cdx.NewBOMEncoder(&text, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bom, sbomVersion); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// serialNumber is a UUID (version 8) that the two programs decide.
func serialNumber(in input) string {
	id := sha256.Sum256([]byte(in.manifest.Binary.SHA256 + in.nodeFile.SHA256))
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// program is the kubelet.
func (m *maker) program(in input) cdx.Component {
	built := in.manifest.Build
	return cdx.Component{
		BOMRef: "kubelet", Type: cdx.ComponentTypeApplication, Name: "kubelet", Version: m.versions.Kubelet,
		Hashes: hashes(in.manifest.Binary.SHA256), Licenses: apache(),
		Properties: &[]cdx.Property{
			{Name: "steadylet:architecture", Value: built.Arch},
			{Name: "steadylet:buildID", Value: built.BuildID},
			{Name: "steadylet:toolchain", Value: built.Toolchain},
			{Name: "steadylet:seriesDigest", Value: in.manifest.Series.Digest},
		},
	}
}

func (m *maker) nodeCommand(in input) cdx.Component {
	return cdx.Component{
		BOMRef: "steadylet", Type: cdx.ComponentTypeApplication, Name: "steadylet", Version: m.versions.Kubelet,
		Hashes: hashes(in.nodeFile.SHA256), Licenses: apache(),
	}
}

// kubernetes is the tag with the patches that were applied to it, whole, so that the
// list says what was changed without the repository at hand.
func (m *maker) kubernetes() cdx.Component {
	ancestor := cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: kubernetesModule, Version: m.versions.Tag, PackageURL: moduleURL(kubernetesModule, m.versions.Tag),
	}
	var patches []cdx.Patch
	for _, one := range m.patches {
		patches = append(patches, cdx.Patch{
			Type: cdx.PatchTypeUnofficial,
			Diff: &cdx.Diff{Text: &cdx.AttachedText{ContentType: "text/x-diff", Content: one.text}},
			Resolves: &[]cdx.Issue{{
				Type: cdx.IssueTypeEnhancement, ID: one.File, Name: one.Title,
				Description: "SHA-256 " + one.Digest + ", git tree after it " + one.Tree,
			}},
		})
	}
	modified := true
	return cdx.Component{
		BOMRef: moduleURL(kubernetesModule, m.versions.Kubelet), Type: cdx.ComponentTypeLibrary, Name: kubernetesModule,
		Version: m.versions.Kubelet, Licenses: apache(), Modified: &modified,
		PackageURL: moduleURL(kubernetesModule, m.versions.Tag),
		Pedigree: &cdx.Pedigree{
			Ancestors: &[]cdx.Component{ancestor}, Patches: &patches,
			Notes: "series " + m.Series + ", applied in this order by steadylet",
		},
	}
}

// library is the state file library, which is placed in the kubelet's tree.
func (m *maker) library(in input) cdx.Component {
	return cdx.Component{
		BOMRef: libraryModule, Type: cdx.ComponentTypeLibrary, Name: libraryModule, Licenses: apache(),
		Properties: &[]cdx.Property{{Name: "steadylet:libraryDigest", Value: in.manifest.Series.Library}},
	}
}

func hashes(sha256 string) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sha256}}
}

func apache() *cdx.Licenses {
	return &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}}
}
