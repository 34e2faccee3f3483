// Package statefile is what a patched kubelet remembers between its runs, and what
// it decides with that: whether a container whose hash moved was changed by anybody,
// and which UID a static pod has.
//
// The kubelet writes a hash of each container's spec on the container, and
// restarts the container when it differs from that of today's spec. The hash also
// moves when another version of the kubelet computes it in another way. Decide
// tells the two apart, in this order:
//
//  1. the hash on the container is that of today's spec: unchanged, and adopted where a
//     kubelet of another or an unknown minor version created it and the one that runs
//     hashes the whole spec (up to 1.30);
//  2. it is that of today's spec as a kubelet from 1.16 to 1.30 computes it: unchanged,
//     and adopted;
//  3. the container was adopted before: changed if the hash that it was adopted with is
//     not that of today's spec (where that can be computed it is asked before step 2, and
//     settles it), or, where it can't, if its image or name is another (image and name do
//     not count under a kubelet that hashes the whole spec and would have found the hash
//     on the container, had nobody changed the spec);
//     (2 again:) else, if it is that of today's image and name as a kubelet from 1.31 on
//     computes it: unchanged, and adopted;
//  4. nothing can be proven, since the record says that a kubelet created it whose hash
//     can't be computed here: unchanged if it was created before this version first
//     started and its image has the same name, and adopted;
//  5. changed, as stock.
//
// # Guarantee
//
// Steps 2 and 3 keep no container whose image or name was edited, before, during or
// after an upgrade. Whatever is missing, damaged or unexpected gives the stock
// answer, and nothing in this package panics or keeps a kubelet from starting. The
// file is whole at all times: it is replaced by rename after its content has reached
// the disk, and the copy before it is kept. It is written when something is learned,
// at most once a second, and not in steady state.
//
// # Caveat
//
// A field that the kubelet that created a container did not know, and that somebody adds
// before a kubelet with this package has seen the container, can't be told from one that
// was always there.
//
// The hash has 32 bits. An edited spec has the old hash with a probability of one
// in four thousand million for each algorithm that is tried, as it has with a
// stock kubelet.
//
// The hash of kubelets from 1.31 on covers image and name alone. Where a kubelet up
// to 1.30 meets it, after a rollback, an edit of anything else that was made before
// it looked for the first time can't be seen; one that is made afterwards can.
//
// Step 4 trusts the name that the container runtime gives to the image, and that every
// kubelet since the first recorded one has recorded itself. It is taken only on the
// word of a record that could be written.
//
// # Format
//
// A state file is a JSON object: see State. Its checksum is the SHA-256, in
// hexadecimal, of the whole text with 64 zeros in the checksum's place, so that
// sha256sum computes it too; before it comes exactly `"checksum": "`. The file is
// <root-dir>/steadylet/state.json, mode 0600, in a folder of mode 0700, both owned
// by the kubelet's user; state.json.prev is the file before it; a damaged one becomes
// state.json.corrupt-<time>; lock is held by the kubelet that runs; disable, if
// there is a file of that name, switches everything off.
//
// # Compatibility
//
// A file of schema version 1 can be read by every later release of this package.
// Within a schema version fields are added, never changed; a reader that does not
// know a field drops it. A file of a later schema version with a right checksum is
// refused (ErrFutureSchema) and left where it is.
//
// The package is compiled by the toolchains of all supported Kubernetes versions,
// so it keeps to the language and the standard library of Go 1.15.
package statefile
