package statefile

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"
)

// Observation is a running container, and its spec today.
type Observation struct {
	ContainerID string
	// Name and Image are those of today's spec.
	Name, Image string
	// Annotated is the hash on the container, Current that of today's spec as
	// the running kubelet computes it.
	Annotated, Current uint64
	// CreatedAt is when the container was created.
	CreatedAt time.Time
	// Spec returns the JSON of today's v1.Container. It is called only when a
	// proof needs it. It may be nil.
	Spec func() ([]byte, error)
}

// The steps of Decide. Numbers 3 and 4 are reserved.
const (
	// StepEqual means that the hashes are equal.
	StepEqual = 1
	// StepProven means that the hash on the container is that of today's spec by
	// another version's algorithm.
	StepProven = 2
	// StepStock means that nothing speaks for the container.
	StepStock = 5
)

// Verdict says whether the container has to be restarted, and why.
type Verdict struct {
	Changed bool
	Step    int
	Reason  string
	// CreatedUnder is the kubelet version that ran when the container was
	// created, or nothing when the state does not say.
	CreatedUnder string
}

// Decide tells whether a container was changed since it was created. It does not
// change the state, and gives the same verdict each time.
//
// It never panics: a Spec that does counts as one that fails, and a nil Recorder
// gives the stock verdict.
func (r *Recorder) Decide(o Observation) Verdict {
	if o.Annotated == o.Current {
		return Verdict{Step: StepEqual, Reason: "the hashes are equal"}
	}
	if r == nil {
		return Verdict{Changed: true, Step: StepStock, Reason: "there is no record"}
	}
	if r.disabled != "" {
		return Verdict{Changed: true, Step: StepStock, Reason: r.disabled}
	}
	verdict := prove(o)
	verdict.CreatedUnder = r.state.CreatedUnder(o.CreatedAt)
	return verdict
}

// prove looks for a released algorithm by which today's spec has the hash that is
// on the container. That needs no record, so it holds however often the state was
// lost, and wherever the clock went.
func prove(o Observation) Verdict {
	if HashImageAndName(o.Image, o.Name) == o.Annotated {
		return Verdict{Step: StepProven, Reason: "the hash on it is that of today's image and name, as kubelets from 1.31 compute it"}
	}
	if o.Spec == nil {
		return Verdict{Changed: true, Step: StepStock, Reason: "its spec is not known"}
	}
	spec, err := encode(o.Spec)
	if err != nil {
		return Verdict{Changed: true, Step: StepStock, Reason: "its spec can't be encoded: " + err.Error()}
	}
	if HashSpec(spec) == o.Annotated {
		return Verdict{Step: StepProven, Reason: "the hash on it is that of today's spec, as kubelets from 1.16 to 1.30 compute it"}
	}
	return Verdict{Changed: true, Step: StepStock, Reason: "no known algorithm gives the hash on it for today's spec"}
}

// encode calls spec, and makes an error of its panic.
func encode(spec func() ([]byte, error)) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return spec()
}

// HashSpec is the hash that kubelets 1.16 to 1.30 write on a container with the
// given JSON of v1.Container (HashContainer, pkg/kubelet/container/helpers.go):
// 32-bit FNV-1a over a dump of the bytes.
//
// The JSON has to be what that kubelet would have encoded. Since Go 1.22, which
// builds 1.30, a backspace and a form feed are escaped in another way: a container
// with one of them in its spec can't be proven across that, and gets the stock
// verdict.
func HashSpec(spec []byte) uint64 {
	// The dump of a byte slice is the type, and the bytes in decimal
	// (DeepHashObject, pkg/util/hash/hash.go).
	dump := make([]byte, 0, len(spec)*4+16)
	dump = append(dump, "([]uint8)["...)
	for i, b := range spec {
		if i > 0 {
			dump = append(dump, ' ')
		}
		dump = strconv.AppendUint(dump, uint64(b), 10)
	}
	dump = append(dump, ']')
	hash := fnv.New32a()
	hash.Write(dump)
	return uint64(hash.Sum32())
}

// HashImageAndName is the hash that kubelets from 1.31 on write on a container
// (HashContainer and pickFieldsToHash, pkg/kubelet/container/helpers.go): that of
// the JSON of these two fields.
func HashImageAndName(image, name string) uint64 {
	// A map of strings always can be encoded.
	picked, _ := json.Marshal(map[string]string{"name": name, "image": image})
	return HashSpec(picked)
}
