package impact

import (
	"embed"
	"fmt"
	"io/fs"
)

// internalTypes and externalTypes are the packages of the API's types: as the API
// server and the reader of static pods have them in memory, and as they are encoded.
const (
	internalTypes = rootModule + "/pkg/apis/core"
	externalTypes = "k8s.io/api/core/v1"
)

// Unknown stands for whatever has a structure that is not known.
const Unknown = "unknown"

// Finding is what a function was recognised as.
type Finding struct {
	// Is is what it was recognised as, or Unknown.
	Is string `json:"is"`
	// Found says what stands in the place of what was expected, where it is Unknown.
	Found string `json:"found,omitempty"`
}

func unknown(format string, args ...any) Finding {
	return Finding{Is: Unknown, Found: fmt.Sprintf(format, args...)}
}

// Facts are what a source tree says.
type Facts struct {
	// Container is v1.Container, as it is encoded. Without one, NoContainer says why.
	Container   *Schema `json:"container,omitempty"`
	NoContainer string  `json:"noContainer,omitempty"`
	// Pod is the Pod of a static pod, as it is in memory. Without one, NoPod says why.
	Pod   *Schema `json:"pod,omitempty"`
	NoPod string  `json:"noPod,omitempty"`
	// Defaults are what the API server fills in. Nil means that it is not known.
	Defaults []Default `json:"defaults"`
	// Hash is one of the Hash constants, UID says what a static pod's UID is made of.
	Hash Finding `json:"hash"`
	UID  UID     `json:"uid"`
	// Compared lists the kinds of container whose hashes are compared.
	Compared Compared `json:"compared"`
}

//go:embed *.go
var code embed.FS

// Code returns the text of this package, for keys of what Extract returned.
func Code() (text string) {
	names, _ := fs.Glob(code, "*.go") // fails for a bad pattern only
	for _, name := range names {
		data, _ := code.ReadFile(name) // a name that Glob returned
		text += string(data)
	}
	return text
}

// Extract reads the facts off a tree. The error is about a tree that is not one of
// Kubernetes; whatever else can't be read is unknown in the facts.
func Extract(tree Tree) (*Facts, error) {
	l := newLoader(tree)
	facts := new(Facts)
	var err error
	if facts.Hash, err = l.containerHash(); err != nil {
		return nil, err
	}
	if facts.UID, err = l.staticUID(); err != nil {
		return nil, err
	}
	if facts.Compared, err = l.compared(); err != nil {
		return nil, err
	}
	if facts.Container, err = l.schema(externalTypes, "Container"); err != nil {
		facts.Container, facts.NoContainer = nil, err.Error()
	}
	if facts.Pod, err = l.schema(internalTypes, "Pod"); err != nil {
		facts.Pod, facts.NoPod = nil, err.Error()
	}
	if facts.Container == nil {
		return facts, nil
	}
	facts.Defaults, err = l.defaults()
	return facts, err
}
