package release

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The statement is in-toto's v1 (spec/v1/statement.md of in-toto/attestation), its
// predicate SLSA's provenance v1 (slsa.dev/provenance/v1). It has no times and no
// invocation: they would differ between two builds of the same release.
type statement struct {
	Type          string     `json:"_type"`
	Subject       []resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     predicate  `json:"predicate"`
}

// resource is a ResourceDescriptor (spec/v1/resource_descriptor.md).
type resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

type predicate struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string             `json:"buildType"`
	ExternalParameters   externalParameters `json:"externalParameters"`
	InternalParameters   internalParameters `json:"internalParameters"`
	ResolvedDependencies []resource         `json:"resolvedDependencies"`
}

// externalParameters are what somebody chose: the flags of the target.
type externalParameters struct {
	Version       string   `json:"version"`
	Architectures []string `json:"arch"`
	Source        string   `json:"source"`
	Location      string   `json:"location"`
	Series        string   `json:"series"`
	Revision      int      `json:"revision"`
}

// internalParameters are what follows from the lock.
type internalParameters struct {
	// KubeletToolchain compiled the kubelet, NodeCommandToolchain the node command,
	// PackagingToolchain the program that packed them.
	KubeletToolchain     string `json:"kubeletToolchain"`
	NodeCommandToolchain string `json:"nodeCommandToolchain"`
	PackagingToolchain   string `json:"packagingToolchain"`
	SourceDateEpoch      int64  `json:"sourceDateEpoch"`
	// Dirty says that the checkout had changes that no commit has.
	Dirty bool `json:"dirty,omitempty"`
}

type runDetails struct {
	Builder struct {
		ID string `json:"id"`
	} `json:"builder"`
}

const (
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://slsa.dev/provenance/v1"
	buildType     = homepage + "/release@v1"
	// builderID names the program, not a platform that vouches for it: whoever holds
	// the key of the signature does.
	builderID = homepage + "/magefiles/internal/release"
)

// provenance states what the files of the release were made from.
func (m *maker) provenance(packaging string) ([]byte, error) {
	first := m.inputs[0].manifest
	made := statement{Type: statementType, PredicateType: predicateType}
	for _, file := range m.files {
		made.Subject = append(made.Subject, resource{Name: file.Name, Digest: map[string]string{"sha256": file.SHA256}})
	}
	definition := &made.Predicate.BuildDefinition
	definition.BuildType = buildType
	definition.ExternalParameters = externalParameters{
		Version: m.versions.Tag, Source: string(first.Base.Source.Kind), Location: first.Base.Source.Location,
		Series: m.Series, Revision: m.Revision,
	}
	for _, in := range m.inputs {
		definition.ExternalParameters.Architectures = append(definition.ExternalParameters.Architectures, in.manifest.Build.Arch)
	}
	definition.InternalParameters = internalParameters{
		KubeletToolchain: first.Build.Toolchain, NodeCommandToolchain: m.inputs[0].nodeInfo.GoVersion,
		PackagingToolchain: packaging, SourceDateEpoch: m.Date.Unix(), Dirty: m.Repository.Dirty,
	}
	var err error
	if definition.ResolvedDependencies, err = m.dependencies(); err != nil {
		return nil, err
	}
	made.Predicate.RunDetails.Builder.ID = builderID
	return encode(made)
}

// dependencies are the sources: Kubernetes, the series and the library on top of it,
// and the repository.
func (m *maker) dependencies() ([]resource, error) {
	first := m.inputs[0].manifest
	kubernetes := resource{
		Name: "kubernetes " + m.versions.Tag, URI: "pkg:golang/k8s.io/kubernetes@" + m.versions.Tag,
		Digest: map[string]string{"gitTree": first.Base.Tree},
	}
	base := first.Base.Source
	if base.RootSum != "" {
		sum, err := directoryHash(base.RootSum)
		if err != nil {
			return nil, err
		}
		kubernetes.Digest["dirHash"] = sum
	}
	if base.Commit != "" {
		kubernetes.Digest["gitCommit"] = base.Commit
	}
	if base.SHA256 != "" {
		kubernetes.Digest["sha256"] = base.SHA256
	}
	found := []resource{kubernetes}
	for _, one := range m.patches {
		found = append(found, resource{Name: "patches/" + m.Series + "/" + one.File, Digest: map[string]string{"sha256": one.Digest}})
	}
	found = append(found, resource{Name: "the state file library, as it is placed in the tree", Digest: map[string]string{"sha256": first.Series.Library}})
	if m.Repository.Commit != "" {
		found = append(found, resource{Name: "steadylet", URI: "git+" + homepage, Digest: map[string]string{"gitCommit": m.Repository.Commit}})
	}
	return slices.Clip(found), nil
}

// directoryHash turns a sum of the Go checksum database ("h1:" and base64) into
// in-toto's dirHash (spec/v1/digest_set.md).
func directoryHash(sum string) (string, error) {
	text, found := strings.CutPrefix(sum, "h1:")
	data, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil {
		return "", fmt.Errorf("%q is not a sum of the Go checksum database", sum)
	}
	return hex.EncodeToString(data), nil
}

func encode(value any) ([]byte, error) {
	data, err := json.MarshalIndent(value, "", "  ")
	return append(data, '\n'), err
}
