package fixture

import "example.org/kubelet/hook"

func before() error {
	if err := prepare(); err != nil {
		return err
	}
	hook.Start()
	k, err := begin()
	return k.run(err)
}

func beforeInIf() error {
	if err := hook.Start(); err != nil {
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	return nil
}

func beforeInBlock() {
	{
		hook.Start()
	}
	begin()
}

func sameCondition(id string) {
	if id == "" {
		hook.Start()
		for range 3 {
			begin()
		}
	}
}

func inItsOwnBody() {
	if ok := hook.Start(); ok {
		begin()
	}
}

func asArgument() {
	begin(hook.Start())
}

func after() {
	begin()
	hook.Start()
}

func onceBefore() {
	begin()
	hook.Start()
	begin()
}

func conditional(wanted bool) {
	if wanted {
		hook.Start()
	}
	begin()
}

func conditionalOperand(wanted bool) {
	started := wanted && hook.Start()
	begin(started)
}

func conditionalElse(wanted bool) {
	if wanted {
		log()
	} else if hook.Start() {
		log()
	}
	begin()
}

func inCase(kind int) {
	switch kind {
	case 1:
		hook.Start()
	}
	begin()
}

func inLoop(items []int) {
	for range items {
		hook.Start()
	}
	begin()
}

func inLoopPost(n int) {
	for i := 0; i < n; hook.Start() {
		begin(i)
	}
}

func inSelect(done chan int) {
	select {
	case <-done:
		hook.Start()
	default:
	}
	begin()
}

func deferred() {
	defer hook.Start()
	begin()
}

func concurrent() {
	go hook.Start()
	begin()
}

func deadTarget() {
	hook.Start()
	if false {
		begin()
	}
}

func noTarget() {
	hook.Start()
}

func method(m *manager) {
	hook.Start()
	m.config.begin()
}

func skipped(wanted bool) {
	if !wanted {
		goto start
	}
	hook.Start()
start:
	begin()
}

func labelledBlock(wanted bool) {
block:
	{
		if !wanted {
			break block
		}
		hook.Start()
	}
	begin()
}

func labelledInner(wanted bool) {
block:
	{
		{
			if !wanted {
				break block
			}
			hook.Start()
		}
	}
	begin()
}

func labelledEnd() {
block:
	{
		break block
	}
	begin()
	hook.Start()
	begin()
}

func labelledWithin(wanted bool) {
block:
	{
		if !wanted {
			break block
		}
		hook.Start()
		begin()
	}
}

func labelledUnused() {
block:
	{
		hook.Start()
	}
	begin()
}

func labelledSwitch(wanted bool) {
choice:
	switch hook.Start() {
	case true:
		if wanted {
			break choice
		}
		log()
	}
	begin()
}

func labelledCase(wanted bool) {
choice:
	switch {
	default:
		if !wanted {
			break choice
		}
		hook.Start()
	}
	begin()
}
