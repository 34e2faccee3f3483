package fixture

import "example.org/kubelet/hook"

func one(a, b int) (int, bool) {
	return a, a != b && hook.Changed(a, b)
}

func chain(a, b int) bool {
	return (a > 0 && a != b && (hook.Changed(a, b)))
}

func everyOne(a, b int) bool {
	if a < 0 {
		return a < b && hook.Changed(a, b)
	}
	return a != b && hook.Changed(b, a)
}

func withLiteral(a, b int) bool {
	compare := func() bool { return a != b }
	return compare() && hook.Changed(a, b)
}

func early(a, b int) bool {
	if a < 0 {
		return true
	}
	return a != b && hook.Changed(a, b)
}

func either(a, b int) bool {
	return a != b || hook.Changed(a, b)
}

func overruled(a, b int) bool {
	return a != b && hook.Changed(a, b) || a < 0
}

func onTheLeft(a, b int) bool {
	return hook.Changed(a, b) && a != b
}

func alone(a, b int) bool {
	return hook.Changed(a, b)
}

func denied(a, b int) bool {
	return a != b && !hook.Changed(a, b)
}

func bare(a, b int) (changed bool) {
	changed = a != b && hook.Changed(a, b)
	return
}

func none(a, b int) {
	hook.Changed(a, b)
}

func never(a, b int) bool {
	return false && hook.Changed(a, b)
}

func ended(a, b int) bool {
	panic("stop")
	return a != b && hook.Changed(a, b)
}

func hidden(hook checker, a, b int) bool {
	return a != b && hook.Changed(a, b)
}

func onlyInLiteral(a, b int) bool {
	changed := func() bool { return a != b && hook.Changed(a, b) }
	return changed()
}

func plain(a, b int) bool {
	return a != b && changed(a, b)
}

func plainElsewhere(a, b int) bool {
	return a != b && one(a, b)
}

func plainHidden(a, b int) bool {
	changed := func(int, int) bool { return true }
	return a != b && changed(a, b)
}

func (m *manager) actions(a, b int) {
	if different := changed(a, b); different {
		log()
	}
}

func (m *manager) hiddenActions(a, b int, changed func(int, int) bool) {
	if different := changed(a, b); different {
		log()
	}
}
