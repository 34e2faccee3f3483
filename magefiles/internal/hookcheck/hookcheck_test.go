package hookcheck

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// fixtures is testdata; the FS of a folder reads files as Files wants it.
func fixtures(t testing.TB) Files {
	t.Helper()
	files, ok := os.DirFS("testdata").(Files)
	if !ok {
		t.Fatal("os.DirFS does not read files")
	}
	return files
}

const hookPath = "example.org/kubelet/hook"

// checkOne checks one assertion. Without want it must hold; else the failure
// must say want.
func checkOne(t *testing.T, a Assertion, want string) {
	t.Helper()
	err := Check(fixtures(t), []Assertion{a})
	if want == "" {
		if err != nil {
			t.Errorf("Check: %v", err)
		}
		return
	}
	var failed *Error
	if !errors.Is(err, ErrHookMissing) || !errors.As(err, &failed) {
		t.Fatalf("Check: %v; want an Error that says %q", err, want)
	}
	for _, part := range []string{want, a.File, a.Function, a.Call} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q:\n%v", part, err)
		}
	}
}

func TestInReturn(t *testing.T) {
	tests := []struct{ function, want string }{
		{"returned", ""},
		{"returnedDeep", ""},
		{"assigned", "the call is not in a return statement"},
		{"belowFalse", "never reached: it is below a condition that is constant"},
		{"belowConstant", "never reached: it is below a condition that is constant"},
		{"afterConstant", "never reached: it is after a statement that ends"},
		{"shortCircuit", "never reached: it is below a condition that is constant"},
		{"shortCircuitOr", "never reached: it is below a condition that is constant"},
		{"afterReturn", "never reached: it is after a statement that ends"},
		{"afterBothReturn", "never reached: it is after a statement that ends"},
		{"afterPanic", "never reached: it is after a statement that ends"},
		{"afterEndlessLoop", "never reached: it is after a statement that ends"},
		{"afterBrokenLoop", ""},
		{"afterSwitch", "never reached: it is after a statement that ends"},
		{"afterOpenSwitch", ""},
		{"afterGoto", ""},
		{"afterSelect", "never reached: it is after a statement that ends"},
		{"constantOperand", "never reached: it is below a condition that is constant"},
		{"negated", "never reached: it is after a statement that ends"},
		{"afterLabel", "never reached: it is after a statement that ends"},
		{"inLiteral", "it does not call hook.Changed"},
		{"shadowed", "hook is shadowed by the declaration in line 130"},
		{"shadowedLater", "the call is not in a return statement"},
		{"shadowedByParameter", "hook is shadowed by the declaration in line 140"},
		{"foreign", "it does not call hook.Changed"},
		{"deadAndLive", ""},
		{"(*manager).changed", ""},
		{"(manager).value", ""},
		{"(*manager).value", "the file declares no function (*manager).value"},
		{"(*generic).changed", ""},
		{"changed", "the file declares no function changed"},
		{"init", "init is declared twice, in lines 169 and 171"},
		{"external", "has no body"},
	}
	for _, test := range tests {
		t.Run(test.function, func(t *testing.T) {
			checkOne(t, Assertion{File: "hooks.go", Function: test.function, Call: "hook.Changed", In: InReturn, Import: hookPath}, test.want)
		})
	}
}

func TestImport(t *testing.T) {
	tests := []struct{ function, call, path, want string }{
		{"foreign", "other.Changed", "example.org/other/hook", ""},
		{"foreign", "other.Changed", hookPath, "other is the package example.org/other/hook"},
		{"major", "versioned.Changed", "example.org/versioned/v2", ""},
		{"notImported", "missing.Changed", "example.org/missing", "missing is not imported"},
		{"shadowed", "hook.Changed", "", ""},
	}
	for _, test := range tests {
		t.Run(test.call, func(t *testing.T) {
			checkOne(t, Assertion{File: "hooks.go", Function: test.function, Call: test.call, Import: test.path}, test.want)
		})
	}
}

func TestBefore(t *testing.T) {
	const reached = "can be reached without it"
	tests := []struct{ function, target, want string }{
		{"before", "begin", ""},
		{"beforeInIf", "begin", ""},
		{"beforeInBlock", "begin", ""},
		{"sameCondition", "begin", ""},
		{"inItsOwnBody", "begin", ""},
		{"asArgument", "begin", ""},
		{"method", "m.config.begin", ""},
		{"after", "begin", "begin is called earlier, in line 51"},
		{"onceBefore", "begin", "begin is called earlier, in line 56"},
		{"conditional", "begin", reached},
		{"conditionalOperand", "begin", reached},
		{"conditionalElse", "begin", reached},
		{"inCase", "begin", reached},
		{"inLoop", "begin", reached},
		{"inLoopPost", "begin", reached},
		{"inSelect", "begin", reached},
		{"deferred", "begin", "deferred or in a goroutine"},
		{"concurrent", "begin", "deferred or in a goroutine"},
		{"skipped", "begin", "the function has a goto"},
		{"labelledBlock", "begin", reached},
		{"labelledInner", "begin", reached},
		{"labelledEnd", "begin", "begin is called earlier, in line 176"},
		{"labelledWithin", "begin", ""},
		{"labelledUnused", "begin", ""},
		{"labelledSwitch", "begin", ""},
		{"labelledCase", "begin", reached},
		{"deadTarget", "begin", "begin is not called at all"},
		{"noTarget", "begin", "begin is not called at all"},
	}
	for _, test := range tests {
		t.Run(test.function, func(t *testing.T) {
			checkOne(t, Assertion{File: "order.go", Function: test.function, Call: "hook.Start", Before: test.target, Import: hookPath}, test.want)
		})
	}
}

func TestUnusableFiles(t *testing.T) {
	checkOne(t, Assertion{File: "absent.go", Function: "f", Call: "g"}, "the file is missing")
	checkOne(t, Assertion{File: "broken.go.txt", Function: "f", Call: "g"}, "the file is not valid Go")
}

// TestEveryFailure: one error names all that fail, and can be marshalled.
func TestEveryFailure(t *testing.T) {
	err := Check(fixtures(t), []Assertion{
		{File: "hooks.go", Function: "assigned", Call: "hook.Changed", In: InReturn},
		{File: "hooks.go", Function: "returned", Call: "hook.Changed", In: InReturn},
		{File: "order.go", Function: "after", Call: "hook.Start", Before: "begin"},
	})
	var failed *Error
	if !errors.As(err, &failed) || len(failed.Failures) != 2 {
		t.Fatalf("Check: %v; want two failures", err)
	}
	if got := failed.Failures[0]; got.Line != 30 || got.Assertion.Function != "assigned" {
		t.Errorf("first failure: %+v", got)
	}
	if _, err := json.Marshal(failed); err != nil {
		t.Error(err)
	}
}

type unreadable struct{}

func (unreadable) ReadFile(string) ([]byte, error) { return nil, fs.ErrPermission }

func TestUnreadableIsNoMissingHook(t *testing.T) {
	err := Check(unreadable{}, []Assertion{{File: "a.go", Function: "f", Call: "g"}})
	if !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrHookMissing) {
		t.Errorf("Check: %v; want the reading error", err)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name string
		a    Assertion
		want string
	}{
		{"good", Assertion{File: "a.go", Function: "f", Call: "p.g", In: "return", Import: "x/p"}, ""},
		{"no call", Assertion{File: "a.go", Function: "f"}, "all needed"},
		{"path", Assertion{File: "../a.go", Function: "f", Call: "g"}, "clean relative path"},
		{"in", Assertion{File: "a.go", Function: "f", Call: "g", In: "loop"}, `in is "loop"`},
		{"order of returns", Assertion{File: "a.go", Function: "f", Call: "g", In: "every-return", Before: "h"}, "before does not go"},
		{"import of a plain call", Assertion{File: "a.go", Function: "f", Call: "g", Import: "x/p"}, "package.Function"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.a.Validate()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("Validate: %v; want %q", err, test.want)
			}
		})
	}
	if err := Check(fixtures(t), []Assertion{{}}); err == nil || errors.Is(err, ErrHookMissing) {
		t.Errorf("Check of an empty assertion: %v", err)
	}
}

func TestAppliesTo(t *testing.T) {
	versions, err := kubever.ParseRange(">=1.25.0")
	if err != nil {
		t.Fatal(err)
	}
	old, recent := kubever.Version{Major: 1, Minor: 24}, kubever.Version{Major: 1, Minor: 30}
	limited := Assertion{Versions: &versions}
	if limited.AppliesTo(old) || !limited.AppliesTo(recent) || !(Assertion{}).AppliesTo(old) {
		t.Error("the version range is not kept to")
	}
}

// FuzzCheck: no source makes Check panic, and a hook that it finds is in the
// text.
func FuzzCheck(f *testing.F) {
	for _, name := range []string{"hooks.go", "order.go", "returns.go", "broken.go.txt"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("package p\nfunc run() { for x := range hook.Start() { begin(x) } }\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		files := fstest.MapFS{"a.go": {Data: data}}
		for _, a := range []Assertion{
			{File: "a.go", Function: "run", Call: "hook.Start", Import: hookPath, Before: "begin"},
			{File: "a.go", Function: "returned", Call: "hook.Changed", In: InReturn},
			{File: "a.go", Function: "early", Call: "hook.Changed", In: InEveryReturn},
		} {
			if err := Check(files, []Assertion{a}); err == nil && !strings.Contains(string(data), a.Function) {
				t.Errorf("%s was found", a)
			}
		}
	})
}
