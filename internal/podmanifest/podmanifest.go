// Package podmanifest reads static pods' manifests as a kubelet does, so that nothing is
// said of a pod that the kubelet does not run, and nothing else of one that it does.
//
// That is (tryDecodeSinglePod, pkg/kubelet/config/common.go of 1.20 to 1.37): what begins
// with a brace is JSON, anything else YAML 1.1 as sigs.k8s.io/yaml reads it. Of several
// YAML documents the first one counts, and nothing behind it is looked at. Of two members
// of a name the last one counts. Names are told apart by case. A field that is not known
// is dropped. What a kubelet refuses of what it has read is in [Refuse].
package podmanifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"

	v1 "k8s.io/api/core/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
)

// What a manifest may be instead. None of the errors quotes it: it may hold secrets.
var (
	ErrSyntax = errors.New("it is no manifest in YAML or JSON")
	ErrKind   = errors.New("it is not of kind Pod, apiVersion v1")
	ErrTypes  = errors.New("a field of it has another type than a Pod's, so no kubelet runs it: kubectl create --dry-run=client -f says which")
)

// Parse reads a manifest. The pod is as in it, without defaults.
func Parse(content []byte) (*v1.Pod, error) {
	data, err := utilyaml.ToJSON(content)
	if err != nil || !json.Valid(data) {
		return nil, ErrSyntax
	}
	var kind struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &kind); err != nil || kind.Kind != "Pod" || kind.APIVersion != "v1" {
		return nil, ErrKind
	}
	pod := new(v1.Pod)
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, pod); err != nil {
		return nil, ErrTypes
	}
	return pod, nil
}

// HasMore reports whether a manifest that Parse reads has something behind its first YAML
// document, other than comments.
func HasMore(content []byte) bool {
	if utilyaml.IsJSONBuffer(content) {
		return false
	}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
	for documents := 0; documents < 2; {
		document, err := reader.Read()
		if err != nil {
			return false // the end
		}
		if data, err := utilyaml.ToJSON(document); err != nil || string(data) != "null" {
			documents++
		}
	}
	return true
}
