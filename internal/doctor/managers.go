package doctor

import "strings"

// cpuManager judges the checkpoint that the kubelet restores before it starts
// (pkg/kubelet/cm/cpumanager/state/state_checkpoint.go and policy_static.go, 1.36.3).
func cpuManager(f Facts) []Finding { return manager("CPU", "none", f.CPUs) }

// memoryManager is the same for pkg/kubelet/cm/memorymanager/state/state_checkpoint.go.
func memoryManager(f Facts) []Finding { return manager("memory", "None", f.Memory) }

func manager(name, none string, c Checkpoint) []Finding {
	const remedy = "the kubelet exits with it, while containers run on: drain, then remove the file, or set the policy back"
	configured := c.Configured
	if configured == "" {
		configured = none
	}
	switch {
	case c.Err != nil:
		return found(Error, remedy, "the checkpoint of the %s manager can't be read: %v", name, c.Err)
	case !c.Exists:
		return ok("the %s manager has no checkpoint, its policy is %s", name, configured)
	case c.Recorded != configured:
		return found(Error, remedy, "%s has policy %q, the kubelet's configuration %q", c.Path, c.Recorded, configured)
	case c.Gone != "":
		return found(Error, remedy, "%s names CPUs that are not online: %s", c.Path, c.Gone)
	case c.New != "" && !strings.EqualFold(configured, none):
		return found(Warning, "this is right only with the policy option strict-cpu-reservation: else "+remedy, "%s lacks CPUs that are online: %s", c.Path, c.New)
	}
	return ok("the checkpoint of the %s manager has the configured policy, %s", name, configured)
}
