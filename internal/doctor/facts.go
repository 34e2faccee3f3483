package doctor

import (
	"time"

	"github.com/steadylet/steadylet/internal/podmanifest"
)

// Facts is what was gathered of a node. An Err says why its part is not known; the
// other fields of that part then mean nothing.
type Facts struct {
	// Node is what the node is called.
	Node string
	Now  time.Time
	// From is the version of the kubelet that runs or ran last, To the one to come.
	// Each is the zero value where it isn't known.
	From, To     Release
	Kubelet      Kubelet
	Unit         Unit
	WayBack      WayBack
	Package      Package
	Runtime      Runtime
	Cgroups      Cgroups
	StaticPods   StaticPods
	Pods         Pods
	Devices      Devices
	CPUs         Checkpoint
	Memory       Checkpoint
	State        State
	Folder       Folder
	Certificates Certificates
	Client       Client
	Firewall     Firewall
}

// Kubelet is how the kubelet runs, or would be started.
type Kubelet struct {
	// PID is 0 where none runs. Program is the path of its program, or empty where none
	// runs and the unit starts something else (Unit.Other).
	PID     int
	Program string
	// Flags are the names of its flags, without dashes.
	Flags []string
	// Gates are the names of the feature gates that its flags and its configuration set.
	Gates []string
	// Replaced says that another program is at that path than the one that runs.
	Replaced bool
	// ContainerRuntime is the value of the flag of that name, which kubelets before 1.27
	// have.
	ContainerRuntime string
	// Source says where the flags come from.
	Source string
	Err    error
	// VersionErr says why the version isn't known.
	VersionErr error
}

// Unit is the kubelet's unit of systemd.
type Unit struct {
	// Path is empty where there is none.
	Path string
	// DropIns and EnvironmentFiles are those that count, in systemd's order.
	DropIns, EnvironmentFiles []string
	// Other says what the unit starts that is no kubelet, such as a script, or is nil.
	Other error
	// Differs says that the kubelet that runs was started with another command.
	Differs bool
	Err     error
}

// WayBack is what is kept of the kubelet that runs.
type WayBack struct {
	// Copies are programs that may be copies of the kubelet in use; Searched says where
	// they were looked for.
	Copies   []string
	Searched string
	Err      error
}

// Package is the package that the kubelet's program is of.
type Package struct {
	// Name is empty where it is of none. Manager is "dpkg" or "rpm".
	Name, Manager string
	// Held says that the package manager leaves it alone.
	Held bool
	Err  error
}

// Runtime is the container runtime.
type Runtime struct {
	Endpoint, Name, Version string
	// API is the newest version of the CRI that it speaks, "v1" or "v1alpha2".
	API string
	// CgroupDriver is empty where the runtime doesn't say.
	CgroupDriver string
	Sandboxes    []Sandbox
	Err          error
}

// Sandbox is a pod sandbox that is ready, or in which containers run.
type Sandbox struct {
	// Pod is "namespace/name".
	Pod, UID string
	Ready    bool
	Running  int
}

// Cgroups is what the control groups are like.
type Cgroups struct {
	// Version is 1 or 2.
	Version int
	// Configured is the kubelet's own driver, InUse those whose groups of pods there
	// are: "systemd" (kubepods.slice) or "cgroupfs" (kubepods).
	Configured string
	InUse      []string
	// FromRuntime is the feature gate KubeletCgroupDriverFromCRI, or nil where the
	// version's default counts.
	FromRuntime *bool
	// NoPods says that pods have no group of their own: cgroupsPerQOS is off.
	NoPods bool
	// FailV1 is nil where the kubelet's default counts.
	FailV1 *bool
	Err    error
}

// StaticPods are the pods that come from elsewhere than the API server.
type StaticPods struct {
	// Path is the folder, or empty where there is none.
	Path string
	// FromURL says that the kubelet asks for more of them elsewhere.
	FromURL bool
	// Pods is how many there are.
	Pods int
	// Loose are those that have no UID of their own and no record in the state file;
	// LeftOut are loose ones that a record can't be made of, with the reason.
	Loose, LeftOut []string
	// Twice are pods that more than one file gives, with those files.
	Twice []string
	// Referring are those with references, Unread the files that could not be read.
	Referring []Referring
	Unread    []string
	// ReferencesGate is what podmanifest.ReferencesGates come to, or nil where the default
	// counts.
	ReferencesGate *bool
	Err            error
}

// Referring is a static pod with fields that name objects of the API server.
type Referring struct {
	// Pod is "namespace/name".
	Pod, Manifest string
	References    []podmanifest.Reference
}

// Pods is what was read of the node's pods, as "namespace/name".
type Pods struct {
	// RestartOnResize have a container with resizePolicy RestartContainer, Sidecars an
	// init container that stays.
	RestartOnResize, Sidecars []string
	// Actuated says that the kubelet has a record of the resources in effect.
	Actuated bool
	// Err says why no more than the static pods were read.
	Err error
}

// Devices is the checkpoint of the device plugins.
type Devices struct {
	// Pods is how many have a device.
	Pods int
	Err  error
}

// Checkpoint is the file of the CPU or memory manager.
type Checkpoint struct {
	Path string
	// Exists says that there is one; Recorded is the policy in it.
	Exists   bool
	Recorded string
	// Configured is the policy that the kubelet will have.
	Configured string
	// Gone are CPUs that the file names and that are not online, New those that are
	// online and not in it.
	Gone, New string
	Err       error
}

// State is the state file.
type State struct {
	Path string
	// Condition is as in nodestate: "whole", "missing", "damaged", ...
	Condition string
	// SwitchedOff says what tells a patched kubelet to behave as stock, as "the file PATH",
	// and is empty where nothing does.
	SwitchedOff string
	// Remedy is empty for a whole file.
	Remedy string
	Err    error
}

// Folder is where the state file is or will be.
type Folder struct {
	Path string
	// Free is in bytes, FreeFiles in inodes; -1 is a file system without a bound.
	Free, FreeFiles int64
	ReadOnly        bool
	// Err says what is wrong with the folder's kind, owner or links.
	Err error
}

// Certificates are those of the kubelet and of a control plane on the node.
type Certificates struct {
	Found  []Certificate
	Unread []Unread
}

// Unread is a file or folder that could not be read or understood, and why.
type Unread struct {
	Path string
	Err  error
}

// Certificate is the first one of a file.
type Certificate struct {
	Path                string
	NotBefore, NotAfter time.Time
}

// Client is what the kubelet has to show to the API server when it starts.
type Client struct {
	// Path is that of its kubeconfig, and empty for a kubelet that asks no API server.
	// BootstrapPath is that of the one to ask for a certificate with, or empty.
	Path, BootstrapPath string
	// Rotates says that the kubelet keeps a certificate of its own, at StoredPath.
	Rotates    bool
	StoredPath string
	// Kubeconfig and Bootstrap are of the current contexts.
	Kubeconfig, Bootstrap, Stored Credentials
	// Err says why the kubelet's flags are not known.
	Err error
}

// Credentials are those in a file, which may name others.
type Credentials struct {
	// Missing says that there is no such file, PathErr why nobody can tell whether there is
	// one, Err why the file can't be used.
	Missing      bool
	PathErr, Err error
	// Certified says that there is a client certificate. Path is the file that has it.
	Certified bool
	Path      string
	// NotAfter is when the first of the certificates in that file expires.
	NotBefore, NotAfter time.Time
	// CertErr says why the certificate can't be used. KeyErr says that of a key in a file
	// of its own, at which the kubelet looks later than at the certificate.
	CertErr, KeyErr error
}

// Firewall is what the two kinds of iptables hold.
type Firewall struct {
	// Mode is that of the iptables in the path, "legacy" or "nf_tables".
	Mode string
	// Legacy and NFT count the chains of Kubernetes.
	Legacy, NFT int
	Err         error
}
