package nodepods

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/internal/podmanifest"
	"github.com/steadylet/steadylet/internal/predict"
	"github.com/steadylet/steadylet/statefile"
)

// LeftOut takes what should have been read and wasn't: a file by its path, and why.
type LeftOut func(what string, why error)

// Node is what this node says of its pods. The zero Node says nothing.
type Node struct {
	Settings nodestate.Settings
	// NoPodCgroups, Resize and ReferencesGate are as in predict.Upgrade.
	NoPodCgroups   bool
	Resize         *bool
	ReferencesGate *bool
	Runtime        Runtime
	// SwitchedOff says what has a patched kubelet behave as stock, or nothing.
	SwitchedOff string
	// State is what a patched kubelet has recorded, or empty.
	State statefile.State
	// LeftOut takes what is left out, and why. It must be set for Pods.
	LeftOut LeftOut

	leftOut map[string]string // why a patched kubelet recreates it, by the pod's name
	seen    map[string]bool   // the static pods that were annotated
}

// Look finds the kubelet, its settings and its record.
func (n *Node) Look(ctx context.Context, request nodestate.Request, proc kubeletproc.Proc) error {
	kubelet, config, _, err := request.Settle(proc)
	if err != nil {
		return fmt.Errorf("looking at this node: %w", err)
	}
	n.NoPodCgroups = !kubelet.PodCgroups(config)
	if on, set := kubelet.Gate(config, "InPlacePodVerticalScaling"); set {
		n.Resize = &on
	}
	references, set := kubelet.Gate(config, podmanifest.ReferencesGates()...)
	references = references || !set
	n.ReferencesGate = &references
	settings, plan, err := request.Generate(ctx, proc, time.Now())
	if err != nil {
		return fmt.Errorf("looking at this node: %w", err)
	}
	n.Settings, n.SwitchedOff = settings, request.SwitchedOff(settings.RootDir, kubelet.PID, proc)
	if inspection := nodestate.Inspect(statefile.Path(settings.RootDir)); inspection.Current.Condition == nodestate.Whole {
		n.State = inspection.Current.State
		return nil // its static pods are recorded already
	}
	return n.noteLeftOut(plan.LeftOut)
}

// noteLeftOut notes the static pods that no record can be made of, by their names.
func (n *Node) noteLeftOut(leftOut []nodestate.LeftOut) error {
	if len(leftOut) == 0 {
		return nil
	}
	files, err := nodestate.ReadManifests(n.Settings.ManifestPath, n.Settings.NodeName)
	if err != nil {
		return err
	}
	n.leftOut = map[string]string{}
	for _, file := range files {
		for _, out := range leftOut {
			if out.Manifest == file.Path {
				n.leftOut[file.Namespace+"/"+file.Name] = out.Reason
			}
		}
	}
	return nil
}

// Annotate adds what the node knows to a pod. A static one of a manifest lacks the node's
// name.
func (n *Node) Annotate(pod *predict.Pod) error {
	if name := pod.Namespace + "/" + pod.Name; pod.Static {
		if pod.FromManifest {
			name += "-" + n.Settings.NodeName
		}
		if n.seen == nil {
			n.seen = map[string]bool{}
		}
		n.seen[name] = true
		pod.Recreated = cmp.Or(pod.Recreated, n.leftOut[name])
	}
	return n.Runtime.Annotate(pod, n.Settings.NodeName)
}

// Pods calls each for the node's static pods, and then for those that the runtime alone
// tells of.
func (n *Node) Pods(each func(predict.Pod) error) error {
	static := map[string]bool{}
	if n.Settings.ManifestPath != "" {
		files, err := nodestate.ReadManifests(n.Settings.ManifestPath, n.Settings.NodeName)
		if err != nil {
			return err
		}
		twice := nodestate.Twice(files)
		for _, file := range files {
			pod, err := readManifest(file)
			if err != nil {
				n.LeftOut(file.Path, err)
				continue
			}
			static[file.Namespace+"/"+file.Name] = true
			if err := forecast(file, pod, twice, n.LeftOut, each); err != nil {
				return err
			}
		}
	}
	for _, pod := range n.Runtime.Pods(func(namespace, pod string) bool { return static[namespace+"/"+pod] }) {
		if err := each(pod); err != nil {
			return err
		}
	}
	return nil
}

// Unlisted calls each for the node's static pods that name objects of the API server, but
// for those that were annotated: the API server has no mirror pod of them.
func (n *Node) Unlisted(each func(predict.Pod) error) error {
	if n.Settings.ManifestPath == "" {
		return nil
	}
	files, err := nodestate.ReadManifests(n.Settings.ManifestPath, n.Settings.NodeName)
	if err != nil {
		return err
	}
	twice := nodestate.Twice(files)
	for _, file := range files {
		if file.Err != nil && len(file.Content) == 0 {
			n.LeftOut(file.Path, file.Err)
		}
		if len(file.References) == 0 || n.seen[file.Namespace+"/"+file.Name] {
			continue
		}
		pod, err := readManifest(file)
		if err != nil {
			n.LeftOut(file.Path, err)
			continue
		}
		if err := forecast(file, pod, twice, n.LeftOut, each); err != nil {
			return err
		}
	}
	return nil
}

func readManifest(file nodestate.ManifestFile) (predict.Pod, error) {
	if file.Err != nil && len(file.Content) == 0 {
		return predict.Pod{}, file.Err
	}
	return predict.ReadManifest(file.Content)
}

// ReadManifests calls each for the pod of a manifest, or for those of a folder of manifests.
// What is no manifest in a folder is left out, and leftOut is told.
func ReadManifests(path string, leftOut LeftOut, each func(predict.Pod) error) error {
	files, err := nodestate.ReadManifests(path, "node")
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b nodestate.ManifestFile) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	twice := nodestate.Twice(files)
	for _, file := range files {
		pod, err := readManifest(file)
		if err != nil && file.Path == path {
			return fmt.Errorf("%s is no static pod's manifest (a list of pods has to be JSON): %w", path, err)
		}
		if err != nil {
			leftOut(file.Path, err)
			continue
		}
		if err := forecast(file, pod, twice, leftOut, each); err != nil {
			return err
		}
	}
	return nil
}

// forecast calls each for the pod of a file, and leftOut for what can't be told from it.
// twice is nodestate.Twice of all files.
func forecast(file nodestate.ManifestFile, pod predict.Pod, twice map[string][]string, leftOut LeftOut, each func(predict.Pod) error) error {
	if files := twice[file.Namespace+"/"+file.Name]; file.Err == nil && files != nil {
		leftOut(file.Path, errors.New(nodestate.GivenTwice(files)))
		return nil
	}
	if podmanifest.HasMore(file.Content) {
		leftOut("what is behind the first YAML document of "+file.Path, errors.New("the kubelet does not look at it: give each pod a file"))
	}
	return each(pod)
}

// Open opens a list of pods, or says that the path is one for [ReadManifests]: a folder, or
// a file that does not begin as JSON does. A file may be a pipe, as a shell makes it, which
// has to be a list; a device or a socket is refused.
func Open(path string) (file io.ReadCloser, manifests bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, fmt.Errorf("reading the pods: %w", err)
	}
	if info.IsDir() {
		return nil, true, nil
	}
	if mode := info.Mode().Type(); mode != 0 && mode != os.ModeNamedPipe {
		return nil, false, fmt.Errorf("reading the pods: %s: %w", path, errors.New("it is neither a file nor a folder"))
	}
	opened, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("reading the pods: %w", err)
	}
	if info.Mode().IsRegular() && !isJSON(opened) {
		return nil, true, opened.Close()
	}
	return opened, false, nil
}

// isJSON reports whether a file begins as an object or an array of JSON does, or is empty. It
// leaves the file where it is.
func isJSON(file io.ReaderAt) bool {
	start := make([]byte, 4096)
	n, _ := file.ReadAt(start, 0) // whoever reads all of it meets the error too
	text := bytes.TrimLeft(start[:n], " \t\r\n")
	return len(text) == 0 || text[0] == '{' || text[0] == '['
}
