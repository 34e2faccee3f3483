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
	// Kept says that it is not the one that the running kubelet makes up, Moved that it
	// is, and that the pod ran under another one, or may have: it is recreated if it runs.
	Kept, Moved bool
}

// known returns the UID of a pod that the state has: the one that it runs under, as
// long as the manifest's bytes are the same. Where they are not, the pod may still
// be, as after an edit of a comment: then the running kubelet makes up the UID that was
// made up before the edit.
//
// Of a pod that it does not have, seedable says that neither the path nor another
// manifest was this pod's: such a pod may have run before there was a state.
func (s State) known(m Manifest, digest string) (uid StaticPodUID, known, seedable bool) {
	before, ok := s.StaticPods[m.Path]
	switch {
	case !ok:
		return StaticPodUID{}, false, !s.taken(m)
	case before.Pod != m.pod():
		return StaticPodUID{}, false, false
	case before.Digest == digest:
		return m.answer(before.UID, "the manifest is the same, to the byte"), true, false
	case before.Generated == m.Generated:
		return m.answer(before.UID, "the manifest says the same"), true, false
	}
	return m.moved(before.UID, "the manifest was changed"), true, false
}

func (m Manifest) pod() string { return m.Namespace + "/" + m.Name }

func (m Manifest) digest() string {
	sum := sha256.Sum256(m.Content)
	return hex.EncodeToString(sum[:])
}

func (m Manifest) answer(uid, reason string) StaticPodUID {
	return StaticPodUID{UID: uid, Reason: reason, Kept: uid != m.Generated}
}

// moved is the answer for a pod that runs under the UID from, if under any, and has the
// one that is made up from now on.
func (m Manifest) moved(from, reason string) StaticPodUID {
	return StaticPodUID{UID: m.Generated, Reason: reason, Moved: from != m.Generated}
}

// running returns the sandbox that a pod runs in: the one ready sandbox of its name, if
// that is of a static pod. Otherwise it returns none, with the reason; it has the UID that
// is made up where nothing runs that would lose another one.
func (m Manifest) running(sandboxes []Sandbox) (found Sandbox, reason string) {
	count := 0
	for _, sandbox := range sandboxes {
		if sandbox.Ready && sandbox.Namespace == m.Namespace && sandbox.Name == m.Name {
			found = sandbox
			count++
		}
	}
	switch {
	case count == 0:
		return Sandbox{UID: m.Generated}, "none of its sandboxes is ready"
	case count > 1:
		return Sandbox{}, fmt.Sprintf("%d sandboxes of it are ready", count)
	case !found.FromFile || found.UID == "":
		return Sandbox{UID: m.Generated}, "its sandbox is not of a static pod"
	}
	return found, ""
}

// seed returns the UID of a pod that runs already and that the state does not know:
// the one that it runs under, if its sandbox is younger than the manifest's last change.
func (m Manifest) seed(changed, now time.Time, sandboxes []Sandbox) StaticPodUID {
	sandbox, reason := m.running(sandboxes)
	switch {
	case reason != "":
		return m.moved(sandbox.UID, reason)
	case sandbox.CreatedAt.After(now):
		return m.moved(sandbox.UID, "its sandbox is of the future: the clock was set back")
	case !changed.Before(sandbox.CreatedAt):
		return m.moved(sandbox.UID, "the manifest was changed after its sandbox was made")
	}
	return m.answer(sandbox.UID, "it runs under this UID since the manifest was last changed")
}

// taken reports whether another manifest makes the same pod: then nobody knows which
// of them it runs by.
func (s State) taken(m Manifest) bool {
	for path, pod := range s.StaticPods {
		if path != m.Path && pod.Pod == m.pod() {
			return true
		}
	}
	return false
}

// ChangedAt returns when a manifest last changed, in content or in any other way. A
// path that leads over a link is refused: where a link leads can change without a
// trace. That error matches ErrNotRegular; any other is that of the file system.
func ChangedAt(path string) (time.Time, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return time.Time{}, err
	}
	if resolved != filepath.Clean(path) {
		return time.Time{}, fmt.Errorf("%s leads over a link: %w", path, ErrNotRegular)
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
// sandboxes lists those of the node; it may be nil. It is called the first time that a
// manifest is read, in each run:
//
// A pod that the state does not know keeps the UID that it runs under when its
// manifest was not changed since its sandbox was made. (Neither an edit in the moment
// in which a clock was set back nor a folder that was put in the place of another is
// told from none.)
//
// A pod that the state knows has the UID that it runs under when that is another one,
// because a kubelet that kept nothing started it: the one that is made up, or, under the
// condition above, one that a version in between made up.
func (r *Recorder) StaticPodUID(m Manifest, sandboxes func() ([]Sandbox, error)) StaticPodUID {
	if r == nil || r.disabled != "" {
		return m.answer(m.Generated, "as stock")
	}
	digest := m.digest()
	r.mutex.Lock()
	uid, known, seedable := r.state.known(m, digest)
	before, asked := r.uids[m.Path]
	r.mutex.Unlock()
	unsure := asked && before.unsure && before.generated == m.Generated
	switch {
	case known && (asked || sandboxes == nil):
	case known:
		uid = m.confirm(uid, sandboxes)
	case !seedable || asked || sandboxes == nil:
		uid = m.answer(m.Generated, "it is new")
	default:
		uid, unsure = m.seedFrom(sandboxes)
	}
	r.give(m, digest, uid, unsure)
	return uid
}

// given is what was answered for a manifest.
type given struct {
	generated string
	// unsure says that the runtime could not be asked. The pod has the UID that is
	// made up as long as this kubelet runs, and the next one asks again.
	unsure bool
}

// give remembers a UID that was given to a pod.
func (r *Recorder) give(m Manifest, digest string, uid StaticPodUID, unsure bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.uids[m.Path] = given{m.Generated, unsure}
	if unsure {
		return
	}
	next := StaticPod{Pod: m.pod(), UID: uid.UID, Digest: digest, Generated: m.Generated, GeneratedBy: r.state.Kubelet.Version}
	before, there := r.state.StaticPods[m.Path]
	if before.Pod == next.Pod && before.UID == next.UID && before.Generated == next.Generated {
		// This kubelet sees no edit. A later version may: it compares with the old bytes.
		next.Digest = before.Digest
	}
	if before == next || !there && len(r.state.StaticPods) >= maxStaticPods {
		return
	}
	r.state.StaticPods[m.Path] = next
	r.saveSoon()
}

// confirm returns the recorded UID, unless the pod runs under the made-up one, or since
// the manifest's last change under one that a kubelet in between made up.
func (m Manifest) confirm(recorded StaticPodUID, sandboxes func() ([]Sandbox, error)) StaticPodUID {
	list, err := sandboxes()
	if err != nil {
		return recorded
	}
	sandbox, reason := m.running(list)
	switch {
	case reason != "" || sandbox.UID == recorded.UID:
		return recorded
	case sandbox.UID == m.Generated:
		return m.answer(m.Generated, "it runs under this UID already")
	}
	if changed, err := ChangedAt(m.Path); err == nil {
		if uid := m.seed(changed, time.Now(), list); uid.Kept {
			return uid
		}
	}
	return recorded
}

// seedFrom asks for the sandboxes, and behaves as stock when anything is amiss. unsure
// says that there was no answer.
func (m Manifest) seedFrom(sandboxes func() ([]Sandbox, error)) (uid StaticPodUID, unsure bool) {
	list, err := sandboxes()
	changed, unclear := ChangedAt(m.Path)
	switch {
	case unclear != nil:
		sandbox, _ := m.running(list) // of no list, none
		return m.moved(sandbox.UID, "no telling when the manifest was changed: "+unclear.Error()), false
	case err != nil:
		return m.moved("", "the sandboxes can't be listed: "+err.Error()), true
	}
	return m.seed(changed, time.Now(), list), false
}
