// Package fixture has the hook in every position that the tests ask about. It
// is parsed only, so its imports need not exist.
package fixture

import (
	"example.org/kubelet/hook"
	other "example.org/other/hook"
	"example.org/versioned/v2"
)

const enabled = false

func returned(a, b int) (int, bool) {
	sum := a + b
	return sum, hook.Changed(a, b)
}

func returnedDeep(a, b int) bool {
	if a == b {
		return false
	}
	switch {
	case a > b:
		return !(a != b && hook.Changed(a, b))
	}
	return true
}

func assigned(a, b int) bool {
	changed := hook.Changed(a, b)
	return changed
}

func belowFalse(a, b int) bool {
	if false {
		return hook.Changed(a, b)
	}
	return a != b
}

func belowConstant(a, b int) bool {
	if !enabled {
		return a != b
	} else {
		return hook.Changed(a, b)
	}
}

func afterConstant(a, b int) bool {
	if !enabled {
		return a != b
	}
	return hook.Changed(a, b)
}

func shortCircuit(a, b int) bool {
	return a != b && enabled && hook.Changed(a, b)
}

func shortCircuitOr(a, b int) bool {
	return !enabled || hook.Changed(a, b)
}

func afterReturn(a, b int) bool {
	return a != b
	return hook.Changed(a, b)
}

func afterBothReturn(a, b int) bool {
	if a > b {
		return true
	} else {
		return false
	}
	return hook.Changed(a, b)
}

func afterPanic(a, b int) bool {
	panic("stop")
	return hook.Changed(a, b)
}

func afterEndlessLoop(a, b int) bool {
	for {
		a++
	}
	return hook.Changed(a, b)
}

func afterBrokenLoop(a, b int) bool {
	for {
		if a > b {
			break
		}
		a++
	}
	return hook.Changed(a, b)
}

func afterSwitch(a, b int) bool {
	switch a {
	case b:
		return true
	default:
		return false
	}
	return hook.Changed(a, b)
}

func afterOpenSwitch(a, b int) bool {
	switch a {
	case b:
		return true
	}
	return hook.Changed(a, b)
}

func afterGoto(a, b int) bool {
	goto end
end:
	return hook.Changed(a, b)
}

func inLiteral(a, b int) bool {
	check := func() bool { return hook.Changed(a, b) }
	return check != nil
}

func shadowed(a, b int) bool {
	hook := newHook()
	return hook.Changed(a, b)
}

func shadowedLater(a, b int) bool {
	changed := hook.Changed(a, b)
	hook := changed
	return hook
}

func shadowedByParameter(hook checker, a, b int) bool {
	return hook.Changed(a, b)
}

func foreign(a, b int) bool {
	return other.Changed(a, b)
}

func notImported(a, b int) bool {
	return missing.Changed(a, b)
}

func major(a, b int) bool {
	return versioned.Changed(a, b)
}

func deadAndLive(a, b int) bool {
	if enabled {
		return hook.Changed(a, b)
	}
	return hook.Changed(b, a)
}

func (m *manager) changed(a, b int) bool { return hook.Changed(a, b) }

func (m manager) value(a, b int) bool { return hook.Changed(a, b) }

func (g *generic[T]) changed(a, b int) bool { return hook.Changed(a, b) }

func init() { hook.Start() }

func init() { hook.Start() }

func external(a, b int) bool

func afterSelect(a, b int) bool {
	select {}
	return hook.Changed(a, b)
}

func constantOperand(a, b int) bool {
	if a != b && enabled {
		return hook.Changed(a, b)
	}
	return a != b
}

func negated(a, b int) bool {
	if !(enabled || false) {
		return a != b
	}
	return hook.Changed(a, b)
}

func afterLabel(a, b int) bool {
	return a != b
loop:
	for {
		if a > b {
			continue loop
		}
		return hook.Changed(a, b)
	}
}

func takes(t clock) int {
	if t.Now() > 0 {
		return t.Add(hook.Validity)
	}
	return t.Add(validity())
}

func takesAnother(t clock) int {
	hook := t
	return t.Add(hook.Validity)
}

func takesNothing(t clock) int {
	validity()
	return t.Add(1)
}

func takesShadowed(t clock, validity func() int) int {
	return t.Add(validity())
}
