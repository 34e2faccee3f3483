package doctor

import "github.com/steadylet/steadylet/internal/kubeletversion"

// The sizes of what is free, in bytes. The state file has at most 1 MiB, and three of
// them may lie in the folder while one is written.
const (
	neededFree  = 4 << 20
	scarceFree  = 100 << 20
	neededFiles = 16
)

func stateFile(f Facts) []Finding {
	s := f.State
	switch {
	case s.SwitchedOff != "":
		severity := Warning
		if kubeletversion.Patched(f.To.String()) {
			severity = Error
		}
		return found(severity, "remove that before the upgrade, unless it is meant",
			"%s switches steadylet off: a patched kubelet behaves as stock, and restarts what a stock one restarts", s.SwitchedOff)
	case s.Condition == "whole":
		return ok("%s is whole", s.Path)
	case s.Condition == "missing" && len(f.StaticPods.Loose) == 0:
		return ok("there is no state file, and nothing that needs one before the first patched start")
	case s.Condition == "missing":
		return found(Warning, s.Remedy, "there is no state file")
	}
	return found(Error, s.Remedy, "%s is %s: %v", s.Path, s.Condition, s.Err)
}

func stateFolder(f Facts) []Finding {
	d := f.Folder
	switch {
	case d.Err != nil:
		return found(Error, "make it a folder of root's with mode 0700 (a link is not followed: remove it, and move the files to where it was), or remove it", "%s can't hold the state file: %v", d.Path, d.Err)
	case d.ReadOnly:
		return found(Error, "mount it for writing", "%s is on a file system that is mounted read-only", d.Path)
	case d.Free >= 0 && d.Free < neededFree || d.FreeFiles >= 0 && d.FreeFiles < neededFiles:
		return found(Error, "make room there: the state is not saved on a full disk", "%s has %d KiB and %d inodes left", d.Path, d.Free>>10, d.FreeFiles)
	case d.Free >= 0 && d.Free < scarceFree:
		return found(Warning, "make room there: the kubelet evicts pods on a full disk", "%s has %d MiB left", d.Path, d.Free>>20)
	}
	return ok("%s has room for the state file", d.Path)
}
