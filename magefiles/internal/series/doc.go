// Package series reads a patch series and applies it to a source tree in
// memory.
//
// A series is a folder with series.yaml and the patches that it lists, each the
// text that git format-patch prints. [Load] reads and checks all of it,
// [Series.Select] takes the patches meant for one Kubernetes version, and
// [Apply] computes what they change.
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
