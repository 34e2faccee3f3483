package statefile

import "fmt"

// specs are the texts that kubelets from 1.16 to 1.30 may have hashed for today's
// spec. They are worked out when they are first asked for.
type specs struct {
	encode   func() ([]byte, error)
	spec     []byte
	variants [][]byte
	failed   string // why there are none, or nothing
	loaded   bool
	varied   bool
}

// hash reports whether one of the texts has that hash. The spec itself comes first,
// which nearly always is the one.
func (s *specs) hash(want uint64) bool {
	if !s.load() {
		return false
	}
	if HashSpec(s.spec) == want {
		return true
	}
	if !s.varied {
		s.variants, s.varied = Variants(s.spec), true
	}
	for _, text := range s.variants {
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
