// Package hookcheck proves on Go source that a patch took effect.
//
// A patch can apply cleanly and do nothing: upstream moved the code, or calls
// the patched function no longer. An [Assertion] says which call must be where,
// and [Check] holds it against the patched files. Files are parsed and
// type-checked one by one; their imports are not needed, since only names that
// a file itself declares or imports are resolved.
//
// Everything here is pure and safe for concurrent use.
package hookcheck

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// Files reads the patched tree. Paths are slash paths in the upstream layout.
// An absent file gives an error that matches fs.ErrNotExist.
type Files interface {
	ReadFile(path string) ([]byte, error)
}

// Version changes with every change of what Check accepts, so that a proof of an
// earlier checker is not taken for one of this.
const Version = "hookcheck 5"

const (
	// InReturn is the value of Assertion.In for a call inside a return statement.
	InReturn = "return"
	// InEveryReturn is the one for a call that has a say in every return statement:
	// a result of each is "condition && call" or "call && condition".
	InEveryReturn = "every-return"
)

// Assertion says that a function calls another. A call counts only where it can
// be reached: not after an unconditional return, not below a condition that is
// constant false, and not inside a function literal.
type Assertion struct {
	// File is the path of the Go file in the upstream layout.
	File string `yaml:"file" json:"file"`
	// Function is declared exactly once in File: "name", or "(*T).name" and
	// "(T).name" for a method.
	Function string `yaml:"function" json:"function"`
	// Call is the called function as written: "steadylet.Start", or "start" for one
	// of the file's own package.
	Call string `yaml:"call" json:"call"`
	// In is InReturn or InEveryReturn when the call is part of what the function
	// returns.
	In string `yaml:"in" json:"in,omitempty"`
	// Before is a call, as written, that every path reaches only after Call.
	Before string `yaml:"before" json:"before,omitempty"`
	// Argument is one of the call's arguments, as written: "CAValidity()".
	Argument string `yaml:"argument" json:"argument,omitempty"`
	// Import is the import path that the package name in Call stands for; with
	// Argument, that in the argument.
	Import string `yaml:"import" json:"import,omitempty"`
	// Versions limits the assertion; nil is every version.
	Versions *kubever.Range `yaml:"versions" json:"versions,omitempty"`
}

// Validate reports what is wrong with the assertion itself.
func (a Assertion) Validate() error {
	switch {
	case a.File == "" || a.Function == "" || a.Call == "":
		return errors.New("file, function and call are all needed")
	case !fs.ValidPath(a.File):
		return fmt.Errorf("%q is not a clean relative path", a.File)
	case a.In != "" && a.In != InReturn && a.In != InEveryReturn:
		return fmt.Errorf("in is %q (want %q, %q or nothing)", a.In, InReturn, InEveryReturn)
	case a.In == InEveryReturn && a.Before != "":
		return fmt.Errorf("before does not go with in: %s", InEveryReturn)
	case a.Argument != "" && a.In == InEveryReturn:
		return fmt.Errorf("argument does not go with in: %s", InEveryReturn)
	case a.Import != "" && a.Argument == "" && strings.Count(a.Call, ".") != 1:
		return fmt.Errorf("import needs a call of the form package.Function, not %q", a.Call)
	case a.Import != "" && a.Argument != "" && strings.Count(a.Argument, ".") != 1:
		return fmt.Errorf("import needs an argument of the form package.Name, not %q", a.Argument)
	}
	return nil
}

// AppliesTo reports whether the assertion is meant for v.
func (a Assertion) AppliesTo(v kubever.Version) bool {
	return a.Versions == nil || a.Versions.Contains(v)
}

// String returns what is expected, in words.
func (a Assertion) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to call %s", a.Function, a.Call)
	if a.Argument != "" {
		fmt.Fprintf(&b, " with the argument %s", a.Argument)
	}
	if a.Import != "" {
		fmt.Fprintf(&b, " of %s", a.Import)
	}
	switch a.In {
	case InReturn:
		b.WriteString(" in a return statement")
	case InEveryReturn:
		b.WriteString(" on a side of && in every return statement")
	}
	if a.Before != "" {
		fmt.Fprintf(&b, " on every path to %s", a.Before)
	}
	return b.String()
}

// ErrHookMissing matches every *Error.
var ErrHookMissing = errors.New("a hook is missing from the patched source")

// Failure is one assertion that does not hold.
type Failure struct {
	Assertion Assertion `json:"assertion"`
	// Line is where the closest thing to the call is, or 0.
	Line int `json:"line,omitempty"`
	// Found says what is there instead.
	Found string `json:"found"`
}

func (f Failure) String() string {
	place := f.Assertion.File
	if f.Line > 0 {
		place = fmt.Sprintf("%s:%d", place, f.Line)
	}
	return fmt.Sprintf("%s: expected %s, but %s", place, f.Assertion, f.Found)
}

// Error lists every assertion that does not hold.
type Error struct {
	Failures []Failure `json:"failures"`
}

func (e *Error) Error() string {
	texts := make([]string, len(e.Failures))
	for i, f := range e.Failures {
		texts[i] = f.String()
	}
	return fmt.Sprintf("%v: the patches apply but have no effect here:\n%s", ErrHookMissing, strings.Join(texts, "\n"))
}

// Is makes errors.Is(err, ErrHookMissing) hold.
func (e *Error) Is(target error) bool { return target == ErrHookMissing }

// Check holds every assertion against files. When some don't hold, the error is
// an *Error that lists them all; another error means that a file could not be
// read, or that an assertion is not valid.
func Check(files Files, assertions []Assertion) error {
	sources := map[string]*source{}
	var failures []Failure
	for _, a := range assertions {
		if err := a.Validate(); err != nil {
			return fmt.Errorf("checking hooks: %w", err)
		}
		src, ok := sources[a.File]
		if !ok {
			data, err := files.ReadFile(a.File)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("checking hooks: reading %s: %w", a.File, err)
			}
			src = newSource(a.File, data, err)
			sources[a.File] = src
		}
		if line, found := src.check(a); found != "" {
			failures = append(failures, Failure{a, line, found})
		}
	}
	if len(failures) > 0 {
		return &Error{failures}
	}
	return nil
}
