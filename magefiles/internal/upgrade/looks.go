package upgrade

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

const (
	// lookVerbosity is that of a kubelet's log from which on it says each time what it
	// has to do about a pod's containers, which it has just compared with the pod's spec
	// (pkg/kubelet/kuberuntime/kuberuntime_manager.go, SyncPod, 1.20 to 1.37).
	lookVerbosity = 3
	// looks is how often a kubelet has to have looked at each pod.
	looks = 2
)

// lookedAt finds the pod's name at the end of such a line: name_namespace(uid) in 1.20,
// namespace/name later.
var lookedAt = regexp.MustCompile(`computePodActions got .*\bpod[= ]"(?:([^"/_]+)_[^"]*|[^"/]+/([^"]+))"`)

// looksIn counts in a log how often a kubelet has looked at each pod, by the name that the
// pod has in the rig. A kubelet that looks at none keeps everything, and so does one whose
// worker for one pod is blocked.
func looksIn(log string) map[string]int {
	counts := map[string]int{}
	for line := range strings.Lines(log) {
		if found := lookedAt.FindStringSubmatch(line); found != nil {
			counts[rigName(found[1]+found[2])]++
		}
	}
	return counts
}

// markLog has what the running kubelet has logged so far not count any more.
func (c *cluster) markLog() error {
	info, err := os.Stat(c.kubelet.Log())
	if err == nil {
		c.logged = info.Size()
	}
	return err
}

// unlooked lists the pods at which the kubelet has not looked often enough since the mark.
func (c *cluster) unlooked() ([]string, error) {
	log, err := os.ReadFile(c.kubelet.Log())
	if err != nil {
		return nil, err
	}
	counts := looksIn(string(log[min(c.logged, int64(len(log))):]))
	var names []string
	for _, pod := range c.pods {
		if counts[pod.name] < looks {
			names = append(names, pod.name)
		}
	}
	return names, nil
}

// hasLooked reports whether the kubelet has looked at every pod since the mark, and has
// read every edit: without that, it would keep everything too.
func (r *run) hasLooked(ctx context.Context) (bool, error) {
	unlooked, err := r.cluster.unlooked()
	if err != nil {
		return false, err
	}
	unread, err := r.unread(ctx)
	if err != nil {
		r.waitsFor = err.Error() // the kubelet may be busy
		return false, nil
	}
	r.waitsFor = fmt.Sprintf("the kubelet has not looked at pods %v %d times, and has not read the edits of %v", unlooked, looks, unread)
	return len(unlooked)+len(unread) == 0, nil
}

// unread lists the containers of which the kubelet's own list of pods does not have what
// was asked for in edits.
func (r *run) unread(ctx context.Context) ([]containerName, error) {
	if len(r.asked) == 0 {
		return nil, nil
	}
	var answer podList
	if err := r.cluster.ask().get(ctx, "/pods", &answer); err != nil {
		return nil, err
	}
	var names []containerName
	for name, fields := range r.asked {
		sent, err := plain(fields)
		if err != nil {
			return nil, err
		}
		if !answer.has(name, sent) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, compareNames)
	return names, nil
}

// podList is a kubelet's list of its pods.
type podList struct {
	Items []struct {
		Metadata struct{ Name string }
		Spec     object
	}
}

// has reports whether a pod in the list has a container with those fields. (While a static
// pod is replaced, the list has two of its name.)
func (l podList) has(name containerName, fields any) bool {
	for _, pod := range l.Items {
		if rigName(pod.Metadata.Name) != name.Pod {
			continue
		}
		for _, field := range []string{"initContainers", "containers"} {
			entries, _ := pod.Spec[field].(list)
			for _, entry := range entries {
				if entry.(object)["name"] == name.Container && len(lostFields("", fields, entry)) == 0 {
					return true
				}
			}
		}
	}
	return false
}

// noteAsked notes fields that were asked for in an edit of a container.
func (r *run) noteAsked(name containerName, fields object) {
	r.asked[name] = merged(r.asked[name], fields)
}
