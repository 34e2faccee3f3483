// Package predict forecasts what an upgrade of a kubelet in place does to the
// containers that run: which it keeps, which it restarts, and why.
//
// The forecast is about the causes that come with the version: the hash of a container,
// the made-up UID of a static pod, the objects that a static pod names and kubelets from 1.34
// on refuse (package podmanifest), and what kubelets from 1.33 on do about a resizePolicy.
// It takes the pods as they are asked for and assumes that nobody edits one meanwhile.
// What else may restart a container is listed in the README, under what steadylet does not
// cover.
//
// # Where the facts come from
//
// Hashes, and which version knows which field, are those of package statefile, which
// a patched kubelet decides with; for a patched kubelet the forecast is what
// [statefile.Decide] says. What moves a static pod's UID is a table here, which a test
// compares with the sources of every version (magefiles/internal/impact).
//
// # What it does not know
//
// A version outside of [Oldest] to [Newest] gives Unknown, never a guess. So does a
// container on which another hash may be than that of the old version, where the
// container runtime was not asked, and one where it matters which kubelet created it and a
// patched one's record of that is not at hand.
//
// Go 1.22, which 1.30 is built with, encodes a backspace and a form feed in another way,
// which moves the hash of a container that has one from 1.29 to 1.30. Stock kubelets
// then restart it; the forecast does not see that without the hash on it.
//
// Everything but reading is pure. All of it is safe for concurrent use.
package predict
