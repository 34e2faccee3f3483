package doctor

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
)

func kubelet(f Facts) []Finding {
	k := f.Kubelet
	switch {
	case k.Err != nil:
		return found(Error, "start the kubelet, or name its program with --kubelet and its configuration with --config", "the kubelet is not known: %v", k.Err)
	case k.Program == "" && f.From.Known():
		return found(Unknown, "start the kubelet, or name its program with --kubelet", "the kubelet does not run; it is %s, and its program is not known: %v", f.From, f.Unit.Other)
	case k.Program == "":
		return found(Error, "start the kubelet, name its program with --kubelet, or pass its version with --from", "the kubelet does not run, and its version is not known: %v", f.Unit.Other)
	case k.VersionErr != nil:
		return found(Error, "see what the program is: steadylet verify "+k.Program+"; name the kubelet's with --kubelet, or pass its version with --from",
			"the version of %s is not known: %v", k.Program, k.VersionErr)
	case k.Replaced:
		return found(Warning, fmt.Sprintf("put back what runs, which restarts nothing: cp -p %[1]s %[1]s.new && cp /proc/%[2]d/exe %[1]s.runs && mv -f %[1]s.runs %[1]s", k.Program, k.PID),
			"process %d runs %s, and another program is at %s by now: there is no way back to the former, and whatever restarts the kubelet starts the latter", k.PID, f.From, k.Program)
	case k.PID == 0 && k.Source == "":
		return found(Warning, "run doctor while the old kubelet runs: it then sees the kubelet's command line",
			"the kubelet does not run; %s is %s, and what it is started with is not known", k.Program, f.From)
	case k.PID == 0:
		return found(Warning, "run doctor while the old kubelet runs: it then sees the kubelet's real command line",
			"the kubelet does not run; %s is %s, with the flags of %s", k.Program, f.From, k.Source)
	}
	return ok("%s runs as process %d and is %s", k.Program, k.PID, f.From)
}

// versions judges the pair itself (version skew policy; kubernetes issue 129385).
func versions(f Facts) []Finding {
	switch {
	case !f.To.Known():
		return found(Unknown, "pass --to with the version that comes", "no version to come was named, so what depends on it is judged for the one that runs")
	case !f.From.Known():
		return found(Unknown, "pass --from with the version that runs", "from which version %s is reached is not known", f.To)
	case f.To.minor > f.From.minor+1:
		return found(Warning, "nothing, if the API server is not older than the kubelet to come: steadylet keeps the containers over several versions too",
			"%s is %d minor versions after %s, which Kubernetes supports only with a drained node", f.To, f.To.minor-f.From.minor, f.From)
	case semver.Compare(f.To.text, f.From.text) < 0:
		return found(Warning, "watch the log for containers that are kept without proof (event RestartSuppressed)",
			"%s is before %s: what a container's hash proves may be less there", f.To, f.From)
	}
	return ok("%s to %s", f.From, f.To)
}

func flags(f Facts) []Finding {
	if len(f.Kubelet.Flags) == 0 && f.Kubelet.PID == 0 && f.Kubelet.Err == nil {
		return found(Unknown, "run doctor while the kubelet runs", "the kubelet's flags are not known: neither a process nor a unit of systemd has them")
	}
	to := f.target()
	if gone := to.removedAmong(removedFlags(), f.Kubelet.Flags, "--"); len(gone) > 0 {
		return found(Error, "take them out of "+f.Kubelet.Source+", or the kubelet will not start", "%s does not know %s", to, strings.Join(gone, ", "))
	}
	return ok("%s knows the %d flags of %s, as far as is known of it", to, len(f.Kubelet.Flags), f.Kubelet.Source)
}

// featureGates judges those that a kubelet does not know any more.
func featureGates(f Facts) []Finding {
	to := f.target()
	if gone := to.removedAmong(removedGates(), f.Kubelet.Gates, ""); len(gone) > 0 {
		return found(Error, "take them out of featureGates of the kubelet's configuration and of --feature-gates, or the kubelet will not start", "%s does not know %s", to, strings.Join(gone, ", "))
	}
	return ok("%s knows the %d feature gates that are set, as far as is known of it", to, len(f.Kubelet.Gates))
}

// target is the version that the node is judged for.
func (f Facts) target() Release {
	if f.To.Known() {
		return f.To
	}
	return f.From
}

func unit(f Facts) []Finding {
	u := f.Unit
	switch {
	case u.Err != nil:
		return unknown("what systemd starts", u.Err, "mend the unit, and see systemctl cat kubelet")
	case u.Path == "":
		return ok("there is no unit of systemd: something else starts the kubelet")
	case u.Other != nil:
		return unknown("which kubelet systemd starts, and with which flags,", u.Other, "see systemctl cat kubelet, and what that starts")
	case u.Differs:
		return found(Warning, "compare systemctl cat kubelet and its environment files with the command line that runs: the upgrade restarts the kubelet with the former",
			"%s starts the kubelet with another command than the one that runs", u.describe())
	}
	return ok("%s starts the kubelet", u.describe())
}

func (u Unit) describe() string {
	text := u.Path
	if more := slices.Concat(u.DropIns, u.EnvironmentFiles); len(more) > 0 {
		text += " with " + strings.Join(more, ", ")
	}
	return text
}

func wayBack(f Facts) []Finding {
	w := f.WayBack
	switch {
	case w.Err != nil && f.Kubelet.Err == nil:
		return unknown("whether the old kubelet is kept", w.Err, "name the kubelet with --kubelet")
	case f.Kubelet.Err != nil:
		return ok("there is nothing to copy")
	case len(w.Copies) == 0:
		return found(Warning, "copy it first: install -m 755 "+f.Kubelet.Program+" "+f.Kubelet.Program+".stock", "no copy of the kubelet is kept (%s)", w.Searched)
	}
	return ok("a copy of a kubelet is kept: %s", strings.Join(w.Copies, ", "))
}

// ofPackage judges who else may replace the kubelet's program: a package manager does it
// unasked, beneath the kubelet that runs.
func ofPackage(f Facts) []Finding {
	p := f.Package
	hold := "hold it: apt-mark hold " + p.Name
	if p.Manager == "rpm" {
		hold = "hold it: dnf versionlock add " + p.Name + ", or exclude=" + p.Name + " in its repository's file"
	}
	switch {
	case p.Err != nil && f.Kubelet.Err == nil:
		return unknown("of which package the kubelet is", p.Err, "see dpkg-query --search or rpm --query --file")
	case p.Name == "":
		return ok("the kubelet is of no package")
	case p.Held:
		return ok("the kubelet is of the package %s, which is held", p.Name)
	}
	return found(Warning, hold, "the kubelet is of the package %s (%s): its next upgrade replaces the program, whatever is in place then", p.Name, p.Manager)
}
