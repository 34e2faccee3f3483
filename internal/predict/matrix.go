package predict

import (
	"fmt"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

// Extent says how much of a node an upgrade restarts.
type Extent int

// The extents. NoSuch is that of a kubelet that can't be had. Some are the containers with fields that only one of the versions knows;
// with Static and more the static pods without a UID of their own are recreated too,
// those of Some at least in part.
const (
	NoSuch Extent = iota - 1
	None
	Static
	Some
	All
)

// String says it in words.
func (e Extent) String() string {
	if e == NoSuch {
		return "there is no such kubelet"
	}
	return [...]string{"nothing", "static pods", "static pods, and containers with newer fields", "every container"}[e]
}

// Matrix says of each pair of minor versions what going from the one to the other
// restarts. The new kubelet is a stock one or a patched one; the old one is of the same
// kind on the way back, where a patched kubelet goes by its record.
func Matrix(patched bool) [][]Extent {
	matrix := make([][]Extent, Newest-Oldest+1)
	for from := range matrix {
		for to := range matrix {
			matrix[from] = append(matrix[from], extent(Oldest+from, Oldest+to, patched))
		}
	}
	return matrix
}

// version is the release of a minor version that a matrix is about: any, since no patch
// release moved a hash.
func version(minor int, patched bool) Version {
	text := fmt.Sprintf("v1.%d.0", minor)
	if patched {
		text += "+steadylet"
	}
	return Version{Text: text, Minor: minor, Patched: patched}
}

// specimens are what the extents are told by: a container as any version knows it, one
// with a field of every version that added one, and a static pod.
func specimens() (plain, rich, static Pod) {
	const plainSpec = `{"name":"app","image":"app:v1","resources":{}}`
	const richSpec = `{"name":"app","image":"app:v1","resources":{"claims":[{"name":"c","request":"r"}]},"resizePolicy":[],` +
		`"restartPolicyRules":[],"volumeMounts":[{"name":"v","recursiveReadOnly":"Disabled","bindMountOptions":[]}],` +
		`"livenessProbe":{"grpc":{"port":1,"mode":"m"},"terminationGracePeriodSeconds":1},"lifecycle":{"preStop":{"sleep":{"seconds":1}},"stopSignal":"SIGTERM"},` +
		`"securityContext":{"seccompProfile":{"type":"Unconfined"},"appArmorProfile":{"type":"Unconfined"},"windowsOptions":{"hostProcess":false}}}`
	container := func(spec string) []Container {
		return []Container{{Name: "app", Kind: Regular, Image: "app:v1", Spec: []byte(spec)}}
	}
	plain, rich = Pod{Name: "plain", Containers: container(plainSpec)}, Pod{Name: "rich", Containers: container(richSpec)}
	static = Pod{Name: "static", Static: true, MadeUpUID: true, Containers: container(plainSpec), Has: func(string) bool { return true }}
	return plain, rich, static
}

// Patchable reports whether the patch series has a variant for that minor version
// (patches/restart-suppression/series.yaml, with which a test compares this).
func Patchable(minor int) bool { return minor >= 20 && minor <= Newest }

func extent(from, to int, patched bool) Extent {
	if patched && (!Patchable(to) || from > to && !Patchable(from)) {
		return NoSuch
	}
	u := Upgrade{From: version(from, patched && from > to), To: version(to, patched), Now: time.Unix(1e9, 0)}
	if u.From.Patched {
		u.State = statefile.State{}.Started(u.From.Text, time.Unix(0, 0))
	}
	restarts := func(pod Pod) bool { return u.Pod(pod)[0].Verdict != Kept && u.Pod(pod)[0].Verdict != KeptBySteadylet }
	plain, rich, static := specimens()
	switch {
	case restarts(plain):
		return All
	case restarts(rich):
		return Some
	case restarts(static):
		return Static
	}
	return None
}
