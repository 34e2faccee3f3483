package statefile

import (
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
		return Verdict{Step: StepEqual, Reason: "the hashes are equal"}, s.witness(o)
	}
	created, fingerprint := s.CreatedUnder(o.CreatedAt), HashImageAndName(o.Image, o.Name)
	before, adopted := s.Containers[o.ContainerID]
	if adopted {
		created = before.CreatedUnder
	}
	hashedBy := created
	witnessed := adopted && before.Hash == format(o.Annotated)
	if witnessed {
		hashedBy = before.HashedBy
	}
	specs := &specs{encode: o.Spec}
	switch {
	case adopted && before.decisive(s.Kubelet.Version):
		verdict = before.decide(s.Kubelet.Version, o, fingerprint, specs)
	case specs.hash(o.Annotated, hashedBy):
		verdict = Verdict{Step: StepProven, Reason: "the hash on it is that of today's spec, as kubelets from 1.16 to 1.30 compute it"}
	case adopted && !witnessed && !disproves(created, s.Kubelet.Version): // what was witnessed is the hash on it, which proves nothing here
		verdict = before.decide(s.Kubelet.Version, o, fingerprint, specs)
	case fingerprint == o.Annotated:
		verdict = Verdict{Step: StepProven, Reason: "the hash on it is that of today's image and name, as kubelets from 1.31 compute it"}
	default:
		verdict = s.vouch(o, created, specs.reason())
	}
	verdict.CreatedUnder = created
	if verdict.Changed || adopted && sameMinor(before.HashedBy, s.Kubelet.Version) && before.Hash == format(o.Current) {
		return verdict, nil
	}
	return verdict, s.adopt(o, fingerprint, created)
}

// witness returns what is to be remembered of a container whose hashes are equal, or
// nil. Where another kubelet created it, one that may not have known all fields, the
// spec had none of them when this one saw it: one that is there later was added.
func (s State) witness(o Observation) *Adopted {
	created := s.CreatedUnder(o.CreatedAt)
	if before, adopted := s.Containers[o.ContainerID]; adopted {
		if sameMinor(before.HashedBy, s.Kubelet.Version) && before.Hash == format(o.Current) {
			return nil
		}
		created = before.CreatedUnder
	} else if sameMinor(created, s.Kubelet.Version) || !o.CreatedAt.Before(s.Kubelet.LastStart) {
		return nil // a kubelet that knew all fields created it, or this very one
	}
	if !wholeSpec(s.Kubelet.Version) {
		return nil
	}
	return s.adopt(o, HashImageAndName(o.Image, o.Name), created)
}

// adopt returns what is to be remembered of a container that is kept today.
func (s State) adopt(o Observation, fingerprint uint64, created string) *Adopted {
	return &Adopted{
		Fingerprint: format(fingerprint), Hash: format(o.Current), HashedBy: s.Kubelet.Version,
		CreatedUnder: created,
	}
}

func format(hash uint64) string { return strconv.FormatUint(hash, 16) }

// decide judges an adopted container. Where the hash that it was adopted with can be
// computed, it must still be that of the spec; otherwise image and name count, which
// every version can compute.
func (a Adopted) decide(running string, o Observation, fingerprint uint64, specs *specs) Verdict {
	hash, _ := strconv.ParseUint(a.Hash, 16, 64)
	decisive := a.decisive(running)
	switch {
	case sameMinor(a.HashedBy, running) && a.Hash == format(o.Current), decisive && specs.hash(hash, a.HashedBy):
		return Verdict{Step: StepAdopted, Reason: "its spec is that with which it was adopted"}
	case decisive:
		return Verdict{Changed: true, Step: StepAdopted, Reason: "its spec was changed after it was adopted"}
	case a.Fingerprint != format(fingerprint):
		return Verdict{Changed: true, Step: StepAdopted, Reason: "it has another image than when it was adopted"}
	}
	return Verdict{Step: StepAdopted, Reason: "it has the image that it had when it was adopted"}
}

// decisive reports whether the hash that the container was adopted with settles
// whether its spec was changed: then the older hash on the container has nothing to add.
func (a Adopted) decisive(running string) bool {
	_, err := strconv.ParseUint(a.Hash, 16, 64)
	return err == nil && wholeSpec(a.HashedBy) && wholeSpec(running) && computable(a.HashedBy, running)
}

// disproves reports whether a kubelet that hashes the whole spec would have found the hash
// on a container of a kubelet of version created, had nobody changed the spec: then a
// stock one sees the edit too, and that image and name are those of the adoption
// excuses nothing. Of an unknown kubelet it would, as anywhere else.
func disproves(created, running string) bool {
	return wholeSpec(running) && computable(created, running)
}

// vouch keeps a container that nothing is proven of, when nothing could be: when
// the state says that a kubelet created it whose hash can't be computed here, and it
// still has its image. (A kubelet that ran without a record in between is not known
// to the state.)
func (s State) vouch(o Observation, created, unproven string) Verdict {
	otherwise := Verdict{Changed: true, Step: StepStock, Reason: unproven}
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

// wholeSpec reports whether that version hashes the whole spec.
func wholeSpec(version string) bool {
	number, ok := minor(version)
	return ok && number >= 16 && number <= 30
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
// same fields: no patch release ever changed that. (The Go release that builds them may
// differ, and with it how two characters are escaped: see Variants.)
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
