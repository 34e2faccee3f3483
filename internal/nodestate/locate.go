package nodestate

import "github.com/steadylet/steadylet/internal/kubeletproc"

// Locate finds the kubelet and works out its settings. It runs no program.
func (r Request) Locate(proc kubeletproc.Proc) (Settings, error) {
	_, settings, err := r.settle(proc)
	return settings, err
}
