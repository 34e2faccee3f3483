package predict

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Listed says what a list of pods was.
type Listed struct {
	// Pods counts those on a node, Elsewhere those that no node has yet, Others what is
	// no pod.
	Pods, Elsewhere, Others int
	// FromKubelet says that a kubelet wrote it: it has no field that this kubelet does
	// not know.
	FromKubelet bool
	// Partial says that the API server has more: this is a page of the list.
	Partial bool
}

// ErrNoPods means that what was read is no pod and no list of pods.
var ErrNoPods = errors.New("it is neither a Pod nor a list of pods in JSON: use kubectl get pods -o json, or name a file with a manifest in YAML or a folder of manifests")

// ReadPods reads pods from JSON, one at a time, and calls each for those that a node has:
// lists from the API server or from a kubelet's /pods, or pods, one after the other up to
// the end of r. It holds no more than one pod in memory. Static pods are told by their
// annotations; that a static pod's UID is made up, by its form: 32 hexadecimal digits.
//
// All of r must be JSON, but what is not read of a pod may be of any type.
func ReadPods(r io.Reader, each func(Pod) error) (Listed, error) {
	p := podReader{decoder: newDecoder(r), each: each}
	for n := 1; ; n++ {
		err := p.document()
		switch {
		case n > 1 && err == errEnd:
			return p.listed, nil
		case err == errEnd:
			err = ErrNoPods
		case err != nil && n > 1:
			err = fmt.Errorf("document %d: %w", n, err)
		}
		if err != nil {
			return p.listed, fmt.Errorf("reading the pods: %w", err)
		}
	}
}

// newDecoder returns one that takes what encoding/json takes: every API server and
// kubelet writes with that.
func newDecoder(r io.Reader) *jsontext.Decoder {
	return jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// errEnd means that there is no further document.
var errEnd = errors.New("the input has ended")

type podReader struct {
	decoder *jsontext.Decoder
	each    func(Pod) error
	listed  Listed
}

// document reads a list, or a pod.
func (p *podReader) document() error {
	if err := p.begins(); err != nil {
		return err
	}
	var read listedPod
	lists := false
	err := object(p.decoder, func(name string) error {
		if name != "items" {
			return read.member(p.decoder, name)
		}
		lists = true
		return p.items()
	})
	if err != nil {
		return err
	}
	switch {
	case lists && slices.Contains([]string{"List", "PodList"}, read.kind):
		p.listed.FromKubelet = p.listed.FromKubelet || read.kind == "PodList" && !read.versioned
		p.listed.Partial = p.listed.Partial || read.further
		return nil
	case !lists && read.kind == "Pod":
		return p.item(read)
	}
	return ErrNoPods
}

// begins makes sure that an object comes next.
func (p *podReader) begins() error {
	if p.decoder.PeekKind() == jsontext.KindBeginObject {
		return nil
	}
	_, err := p.decoder.ReadToken()
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.EOF):
		return errEnd
	case err != nil && !errors.As(err, &syntax):
		return err // of the reader
	}
	return ErrNoPods
}

func (p *podReader) items() error {
	n := 0
	err := array(p.decoder, func() error {
		n++
		var read listedPod
		err := object(p.decoder, func(name string) error { return read.member(p.decoder, name) })
		if err != nil {
			return err
		}
		return p.item(read)
	})
	if err != nil && n > 0 {
		return fmt.Errorf("pod %d: %w", n, err)
	}
	return err
}

// item takes one pod.
func (p *podReader) item(read listedPod) error {
	if read.kind != "" && read.kind != "Pod" {
		p.listed.Others++ // kubectl get lists what it is asked for
		return nil
	}
	pod, err := read.pod()
	if err != nil {
		return err
	}
	if read.nodeName == "" && !pod.Static {
		p.listed.Elsewhere++
		return nil
	}
	p.listed.Pods++
	return p.each(pod)
}
