package hookcheck

import (
	"strings"
	"testing"
)

func TestArgument(t *testing.T) {
	for name, test := range map[string]struct {
		function, argument, path string
		want                     string
	}{
		"of a package":          {"takes", "hook.Validity", hookPath, ""},
		"a call":                {"takes", "validity()", "", ""},
		"of another package":    {"takes", "hook.Validity", "example.org/other", "hook is the package " + hookPath},
		"not of a package":      {"takesAnother", "hook.Validity", hookPath, "hook is shadowed by the declaration in line"},
		"called, but not taken": {"takesNothing", "validity()", "", "the call does not take validity()"},
		"of the function's own": {"takesShadowed", "validity()", "", "validity is shadowed by the declaration in line"},
	} {
		t.Run(name, func(t *testing.T) {
			checkOne(t, Assertion{File: "hooks.go", Function: test.function, Call: "t.Add", Argument: test.argument, Import: test.path}, test.want)
		})
	}
}

func TestArgumentThatIsNotValid(t *testing.T) {
	for says, a := range map[string]Assertion{
		"does not go with": {File: "a.go", Function: "f", Call: "g", Argument: "x", In: InEveryReturn},
		"package.Name":     {File: "a.go", Function: "f", Call: "g", Argument: "x", Import: "x/p"},
	} {
		if err := a.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	a := Assertion{Function: "f", Call: "t.Add", Argument: "p.X"}
	if got, want := a.String(), "f to call t.Add with the argument p.X"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
