package statefile

import "fmt"

// specs are the texts that kubelets from 1.16 to 1.30 may have hashed for today's
// spec, which is encoded when they are first asked for.
type specs struct {
	encode func() ([]byte, error)
	spec   []byte
	failed string // why there is none, or nothing
	loaded bool
}

// hash reports whether one of the texts that a kubelet of the version by may have
// hashed has that hash; by is nothing where the version isn't known. The spec itself
// comes first, which nearly always is the one. A version that hashes in another way did
// not write the hash if it is found: the record misses the kubelet that did.
func (s *specs) hash(want uint64, by string) bool {
	if !s.load() {
		return false
	}
	if HashSpec(s.spec) == want {
		return true
	}
	oldest := 0
	if wholeSpec(by) {
		oldest, _ = minor(by)
	}
	for _, text := range Variants(s.spec, oldest) {
		if HashSpec(text) == want {
			return true
		}
	}
	return false
}

// load encodes the spec, and reports whether there is one.
func (s *specs) load() bool {
	if s.loaded {
		return s.failed == ""
	}
	s.loaded = true
	if s.encode == nil {
		s.failed = "its spec is not known"
		return false
	}
	var err error
	if s.spec, err = call(s.encode); err != nil {
		s.failed = "its spec can't be encoded: " + err.Error()
		return false
	}
	return true
}

// reason says why nothing was proven.
func (s *specs) reason() string {
	if s.failed != "" {
		return s.failed
	}
	return "no known algorithm gives the hash on it for today's spec"
}

// call calls encode, and makes an error of its panic.
func call(encode func() ([]byte, error)) (data []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			data, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	return encode()
}
