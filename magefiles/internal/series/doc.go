// Package series reads a patch series and applies it to a source tree in
// memory.
//
// A series is a folder with series.yaml and the patches that it lists, each the
// text that git format-patch prints. [Load] reads and checks all of it,
// [Series.Select] takes the patches meant for one Kubernetes version, and
// [Apply] computes what they change.
//
// An index looks like this. Patches are applied in the order of the list; those
// that share a slot are variants of one patch for different versions, of which
// exactly one is taken.
//
//	name: restart-suppression
//	summary: Keeps containers running over an in-place kubelet upgrade.
//	components: [kubelet]
//	patches:
//	  - file: 0001-run-kubelet.v1.20.patch
//	    slot: run-kubelet
//	    versions: ">=1.20.0 <1.25.0"
//	    why: The state has to be loaded before the first pod is looked at.
//	  - file: 0001-run-kubelet.patch
//	    slot: run-kubelet
//	    versions: ">=1.25.0 <1.38.0"
//	    why: The same, where the kubelet logs through a context.
//	assertions:
//	  - file: cmd/kubelet/app/server.go
//	    function: RunKubelet
//	    call: steadylet.Start
//	    before: createAndInitKubelet
//	    import: k8s.io/kubernetes/pkg/kubelet/steadylet
//
// A hunk is found by its whole pre-image (context and deleted lines) at
// whatever line it lies, and only when it lies in exactly one place. Nothing is
// guessed: no line of context is dropped, white space counts, and two candidate
// places are a conflict even if one of them is at the line the patch names. A
// hunk that has no context on one side was made at that edge of the file, and
// is only found there; so a hunk that appends to a file is never applied twice.
//
// Nothing in this package writes to disk. Loaded values are not changed
// afterwards and are safe for concurrent use.
package series
