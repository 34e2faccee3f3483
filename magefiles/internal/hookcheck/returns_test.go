package hookcheck

import "testing"

func TestInEveryReturn(t *testing.T) {
	const lacks = "has no result that is a condition && the call"
	tests := []struct{ function, want string }{
		{"one", ""},
		{"chain", ""},
		{"everyOne", ""},
		{"withLiteral", ""},
		{"early", "the return statement in line 27 " + lacks},
		{"either", lacks},
		{"overruled", lacks},
		{"onTheLeft", ""},
		{"alone", lacks},
		{"denied", lacks},
		{"bare", lacks},
		{"none", "it has no return statement"},
		{"never", "never reached: it is below a condition that is constant"},
		{"ended", "never reached: it is after a statement that ends"},
		{"hidden", "hook is shadowed by the declaration in line 70"},
		{"onlyInLiteral", lacks},
	}
	for _, test := range tests {
		t.Run(test.function, func(t *testing.T) {
			checkOne(t, Assertion{File: "returns.go", Function: test.function, Call: "hook.Changed", In: InEveryReturn, Import: hookPath}, test.want)
		})
	}
}

// A function of the same package needs no import, and no variable may pass for it.
func TestPlainCall(t *testing.T) {
	tests := []struct{ function, call, in, want string }{
		{"plain", "changed", InEveryReturn, ""},
		{"plainElsewhere", "one", InEveryReturn, ""},
		{"plainHidden", "changed", InEveryReturn, "changed is shadowed by the declaration in line 88"},
		{"(*manager).actions", "changed", "", ""},
		{"(*manager).hiddenActions", "changed", "", "changed is shadowed by the declaration in line 98"},
		{"(*manager).actions", "one", "", "it does not call one"},
	}
	for _, test := range tests {
		t.Run(test.function, func(t *testing.T) {
			checkOne(t, Assertion{File: "returns.go", Function: test.function, Call: test.call, In: test.in}, test.want)
		})
	}
}
