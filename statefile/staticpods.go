package statefile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Manifest is a static pod's manifest as it was just read, and the pod that it
// makes.
type Manifest struct {
	// Path is absolute.
	Path string
	// Content is the file's bytes.
	Content []byte
	// Namespace and Name are the pod's; the name ends with that of the node.
	Namespace, Name string
	// Generated is the UID that the running kubelet makes up for the pod.
	Generated string
}

// Sandbox is a pod sandbox as the container runtime lists it.
type Sandbox struct {
	Namespace, Name, UID string
	// Ready says that it runs, FromFile that its pod came from a manifest.
	Ready, FromFile bool
	CreatedAt       time.Time
}

// StaticPodUID is the UID that a static pod goes by, and why.
type StaticPodUID struct {
	UID    string
	Reason string
	// Kept says that it is not the one that the running kubelet makes up.
	Kept bool
}

// known returns the UID of a pod that the state has: the one that it runs under, as
// long as the manifest's bytes are the same. Where they are not, the pod may still
// be, as after an edit of a comment: then the same kubelet makes up the same UID.
func (s State) known(m Manifest, digest string) (StaticPodUID, bool) {
	before, ok := s.StaticPods[m.Path]
	switch {
	case !ok || before.Pod != m.pod():
		return StaticPodUID{}, false
	case before.Digest == digest:
		return m.answer(before.UID, "the manifest is the same, to the byte"), true
	case before.Generated == m.Generated && before.GeneratedBy == s.Kubelet.Version:
		return m.answer(before.UID, "the manifest says the same"), true
	}
	return m.answer(m.Generated, "the manifest was changed"), true
}

func (m Manifest) pod() string { return m.Namespace + "/" + m.Name }

func (m Manifest) digest() string {
	sum := sha256.Sum256(m.Content)
	return hex.EncodeToString(sum[:])
}

func (m Manifest) answer(uid, reason string) StaticPodUID {
	return StaticPodUID{UID: uid, Reason: reason, Kept: uid != m.Generated}
}

// seed finds the UID of a pod that runs already and that the state does not know:
// that of the one ready sandbox of its name, if that is of a static pod and younger
// than the manifest's last change.
func (m Manifest) seed(changed time.Time, now time.Time, sandboxes []Sandbox) StaticPodUID {
	var found []Sandbox
	for _, sandbox := range sandboxes {
		if sandbox.Ready && sandbox.Namespace == m.Namespace && sandbox.Name == m.Name {
			found = append(found, sandbox)
		}
	}
	switch {
	case len(found) != 1:
		return m.answer(m.Generated, fmt.Sprintf("%d sandboxes of it are ready", len(found)))
	case !found[0].FromFile || found[0].UID == "":
		return m.answer(m.Generated, "its sandbox is not of a static pod")
	case found[0].CreatedAt.After(now):
		return m.answer(m.Generated, "its sandbox is of the future: the clock was set back")
	case !changed.Before(found[0].CreatedAt):
		return m.answer(m.Generated, "the manifest was changed after its sandbox was made")
	}
	return m.answer(found[0].UID, "it runs under this UID since the manifest was last changed")
}

// changedAt returns when a file last changed, in content or in any other way. A
// path that leads over a link is refused: where a link leads can change without a
// trace.
func changedAt(path string) (time.Time, error) {
	if resolved, err := filepath.EvalSymlinks(path); err != nil || resolved != filepath.Clean(path) {
		return time.Time{}, fmt.Errorf("%s leads over a link: %w", path, join(err, ErrNotRegular))
	}
	info, err := os.Lstat(path)
	if err != nil {
		return time.Time{}, err
	}
	changed := info.ModTime()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if status := time.Unix(int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec)); status.After(changed) {
			changed = status
		}
	}
	return changed, nil
}

// StaticPodUID returns the UID that a static pod is to have, and remembers it. The
// pod keeps its UID as long as its manifest stays the same, in whichever way a
// kubelet makes up UIDs.
//
// sandboxes lists those of the node; it is called for a pod that the state does not
// know, and may be nil. The UID of a pod that runs already is taken over from there
// when this kubelet is the first to look and the manifest was not changed since. An
// edit in the moment in which a clock was set back can't be told from none.
func (r *Recorder) StaticPodUID(m Manifest, sandboxes func() ([]Sandbox, error)) StaticPodUID {
	if r == nil || r.disabled != "" {
		return m.answer(m.Generated, "as stock")
	}
	digest := m.digest()
	r.mutex.Lock()
	uid, known := r.state.known(m, digest)
	_, pathKnown := r.state.StaticPods[m.Path]
	r.mutex.Unlock()
	if !known {
		uid = m.answer(m.Generated, "it is new")
		if sandboxes != nil && !pathKnown {
			uid = m.seedFrom(sandboxes)
		}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	next := StaticPod{Pod: m.pod(), UID: uid.UID, Digest: digest, Generated: m.Generated, GeneratedBy: r.state.Kubelet.Version}
	before, there := r.state.StaticPods[m.Path]
	if before == next || !there && len(r.state.StaticPods) >= maxEntries {
		return uid
	}
	r.state.StaticPods[m.Path] = next
	r.saveSoon()
	return uid
}

// seedFrom asks for the sandboxes, and behaves as stock when anything is amiss.
func (m Manifest) seedFrom(sandboxes func() ([]Sandbox, error)) StaticPodUID {
	changed, err := changedAt(m.Path)
	if err != nil {
		return m.answer(m.Generated, "no telling when the manifest was changed: "+err.Error())
	}
	list, err := sandboxes()
	if err != nil {
		return m.answer(m.Generated, "the sandboxes can't be listed: "+err.Error())
	}
	return m.seed(changed, time.Now(), list)
}
