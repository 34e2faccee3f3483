package statefile

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Observation is a running container, and its spec today.
type Observation struct {
	ContainerID string
	// Name and Image are those of today's spec.
	Name, Image string
	// RunningImage is the image by the name that the container runtime gives it.
	RunningImage string
	// Annotated is the hash on the container, Current that of today's spec as
	// the running kubelet computes it.
	Annotated, Current uint64
	// CreatedAt is when the container was created.
	CreatedAt time.Time
	// Spec returns the JSON of today's v1.Container. It is called only when a
	// proof needs it. It may be nil.
	Spec func() ([]byte, error)
}

// The steps of Decide.
const (
	// StepEqual means that the hashes are equal.
	StepEqual = 1
	// StepProven means that the hash on the container is that of today's spec by
	// another version's algorithm.
	StepProven = 2
	// StepAdopted means that the container was seen to be unchanged before, and
	// only what happened since counts.
	StepAdopted = 3
	// StepUnproven means that no algorithm can tell, and the container is kept
	// since it was created under another version and still has its image.
	StepUnproven = 4
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

// Decide tells whether a container was changed since it was created. It is pure:
// the same state and observation give the same verdict. State.Kubelet must be the
// kubelet that computed Current. A Spec that panics counts as one that fails.
//
// When adopt is not nil, the container should be remembered with it, by its ID in
// State.Containers: the hash on it is no proof for ever, since its spec may change
// in what needs no restart.
func Decide(s State, o Observation) (verdict Verdict, adopt *Adopted) {
	if o.Annotated == o.Current {
		return Verdict{Step: StepEqual, Reason: "the hashes are equal"}, nil
	}
	created, fingerprint := s.CreatedUnder(o.CreatedAt), HashImageAndName(o.Image, o.Name)
	if before, ok := s.Containers[o.ContainerID]; ok {
		verdict, adopt = before.decide(s, o, fingerprint)
		verdict.CreatedUnder = before.CreatedUnder
		return verdict, adopt
	}
	verdict = prove(o, fingerprint)
	if verdict.Changed {
		verdict = s.vouch(o, created, verdict)
	}
	verdict.CreatedUnder = created
	if verdict.Changed {
		return verdict, nil
	}
	return verdict, s.adopt(o, fingerprint, created)
}

// adopt returns what is to be remembered of a container that is kept today.
func (s State) adopt(o Observation, fingerprint uint64, created string) *Adopted {
	return &Adopted{
		Fingerprint: format(fingerprint), Hash: format(o.Current), HashedBy: s.Kubelet.Version,
		CreatedUnder: created,
	}
}

func format(hash uint64) string { return strconv.FormatUint(hash, 16) }

// decide judges an adopted container as the kubelet that adopted it would judge one
// of its own. Under another version it is image and name that count, which is what
// every version can compute, and the container is adopted anew.
func (a Adopted) decide(s State, o Observation, fingerprint uint64) (Verdict, *Adopted) {
	if sameMinor(a.HashedBy, s.Kubelet.Version) {
		if a.Hash == format(o.Current) {
			return Verdict{Step: StepAdopted, Reason: "today's spec has the hash that it had when the container was adopted"}, nil
		}
		return Verdict{Changed: true, Step: StepAdopted, Reason: "its spec was changed after the container was adopted"}, nil
	}
	if a.Fingerprint != format(fingerprint) {
		return Verdict{Changed: true, Step: StepAdopted, Reason: "it has another image than when it was adopted"}, nil
	}
	return Verdict{Step: StepAdopted, Reason: "it has the image that it had when it was adopted"}, s.adopt(o, fingerprint, a.CreatedUnder)
}

// prove looks for a released algorithm by which today's spec has the hash that is
// on the container. That needs no record, so it holds however often the state was
// lost, and wherever the clock went.
func prove(o Observation, fingerprint uint64) Verdict {
	if fingerprint == o.Annotated {
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
	proven := false
	appendVariants(nil, spec, func(variant []byte) bool {
		proven = HashSpec(variant) == o.Annotated
		return proven
	})
	if proven {
		return Verdict{Step: StepProven, Reason: "the hash on it is that of today's spec, as a kubelet computes it that does not know the spec's newer fields"}
	}
	return Verdict{Changed: true, Step: StepStock, Reason: "no known algorithm gives the hash on it for today's spec"}
}

// vouch keeps a container that nothing is proven of, when nothing could be: when
// the state says that a kubelet created it whose hash can't be computed here, and it
// still has its image.
func (s State) vouch(o Observation, created string, otherwise Verdict) Verdict {
	switch {
	case created == "" || sameMinor(created, s.Kubelet.Version):
		return otherwise
	case computable(created, s.Kubelet.Version):
		// Its hash would have been found, had nobody changed the spec.
		return otherwise
	case o.Image == "" || normalImage(o.Image) != normalImage(o.RunningImage):
		otherwise.Reason += ", and it runs image " + strconv.Quote(o.RunningImage)
		return otherwise
	}
	return Verdict{Step: StepUnproven, Reason: "not proven: created under " + created +
		", whose hash can't be computed here, and it still has its image"}
}

// computable reports whether Variants of a spec, as the kubelet version here has it,
// include the one that the version there hashed.
func computable(there, here string) bool {
	creator, ok := minor(there)
	running, known := minor(here)
	switch {
	case !ok || !known:
		return true // so that nothing is kept for it
	case creator >= 31:
		return true
	}
	// Before 1.16 it is a dump of the struct; a later version's spec may have
	// had fields that this one drops.
	return creator >= 16 && creator <= running
}

// minor returns the minor version of "v1.30.14+steadylet.0a1b2c3d".
func minor(version string) (int, bool) {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) != 3 || parts[0] != "v1" {
		return 0, false
	}
	number, err := strconv.Atoi(parts[1])
	return number, err == nil
}

// sameMinor reports whether both versions compute hashes in the same way, from the
// same fields: no patch release ever changed that.
func sameMinor(a, b string) bool {
	first, ok := minor(a)
	second, known := minor(b)
	return a == b || ok && known && first == second
}

// normalImage writes an image's name out in full, as container runtimes do
// (github.com/distribution/reference, ParseNormalizedNamed and TagNameOnly).
func normalImage(name string) string {
	if name == "" {
		return ""
	}
	first := name
	if slash := strings.Index(name, "/"); slash >= 0 {
		first = name[:slash]
	}
	if first == name {
		name = "docker.io/library/" + name
	} else if !strings.ContainsAny(first, ".:") && first != "localhost" {
		name = "docker.io/" + name
	}
	if last := name[strings.LastIndex(name, "/"):]; !strings.ContainsAny(last, ":@") {
		name += ":latest"
	}
	return name
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
