package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/steadylet/steadylet/magefiles/internal/manifest"
)

// Builds compares builds of one Kubernetes version through the module source. It
// compiles a kubelet from nothing, twice, so it takes as long as that.
type Builds struct {
	// Root is the repository; a copy of it is built in Scratch, which must be empty.
	Root, Scratch string
	Version       string
	// Rounds is how often the short builds are repeated.
	Rounds int
}

// workspaceRoot is the copy that is built.
func (b Builds) workspaceRoot() string { return filepath.Join(b.Scratch, "repository") }

// copied are the parts of the repository that a build takes.
func copied() []string {
	return []string{"go.mod", "go.sum", "patches", "statefile", "internal", "magefiles"}
}

// Run measures the three figures.
func (b Builds) Run(ctx context.Context) ([]Figure, error) {
	for _, name := range copied() {
		if err := copyAll(filepath.Join(b.Root, name), filepath.Join(b.workspaceRoot(), name)); err != nil {
			return nil, fmt.Errorf("copying the repository: %w", err)
		}
	}
	ours := timed{
		args: []string{"go", "tool", "mage", "build", "-source=module", "-version=" + b.Version},
		dir:  b.workspaceRoot(), env: []string{"GOCACHE=" + filepath.Join(b.Scratch, "cache-ours")},
	}
	// What compiles the build tool itself is not part of a build. (mage -l does not.)
	first := ours
	first.args = []string{"go", "tool", "mage", "clean"}
	if _, err := first.run(ctx); err != nil {
		return nil, err
	}
	// What was measured before may still be on its way to the disk.
	syscall.Sync()
	cold, err := ours.run(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := b.plainBuild()
	if err != nil {
		return nil, err
	}
	plainCold, err := plain.run(ctx)
	if err != nil {
		return nil, err
	}
	unchanged, plainUnchanged, err := pair(ctx, b.Rounds, ours, plain)
	if err != nil {
		return nil, err
	}
	edited, plainEdited, err := b.edited(ctx, ours, plain)
	if err != nil {
		return nil, err
	}
	return []Figure{
		{What: "cold `build`", Against: "`go build` of the same prepared tree", Ours: cold.Wall, Theirs: plainCold.Wall, Unit: "s", Bound: 1.05},
		{What: "`build` with nothing changed", Against: "`go build` with nothing changed", Ours: unchanged.Wall, Theirs: plainUnchanged.Wall, Unit: "s", Bound: 0.5, Limit: 1},
		{What: "one patch edited -> binary", Against: "`go build` after the same edit of the file", Ours: edited.Wall, Theirs: plainEdited.Wall, Unit: "s", Bound: 1.10},
	}, nil
}

// plainBuild is the go command that the manifest says was run, on the same tree,
// with a build cache of its own.
func (b Builds) plainBuild() (timed, error) {
	found, err := filepath.Glob(filepath.Join(b.workspaceRoot(), "dist", b.Version, "*", "debug", "kubelet.manifest.json"))
	if err != nil || len(found) != 1 {
		return timed{}, errors.Join(fmt.Errorf("finding the manifest of the build: %v", found), err)
	}
	described, err := manifest.Read(found[0])
	if err != nil {
		return timed{}, err
	}
	args := append([]string{"go"}, described.Build.Arguments...)
	args[slices.Index(args, "-o")+1] = filepath.Join(b.Scratch, "plain-kubelet")
	tree, err := b.tree()
	if err != nil {
		return timed{}, err
	}
	env := append(described.Build.Settings, "GOTOOLCHAIN="+described.Build.Toolchain, "GOWORK=off", "GOCACHE="+filepath.Join(b.Scratch, "cache-plain"))
	return timed{args: args, dir: tree, env: env}, nil
}

func (b Builds) tree() (string, error) {
	found, err := filepath.Glob(filepath.Join(b.workspaceRoot(), ".steadylet", "trees", "*", "src"))
	if err != nil || len(found) != 1 {
		return "", errors.Join(fmt.Errorf("finding the tree of the build: %v", found), err)
	}
	return found[0], nil
}

// The edit is made in the first patch, and in the file that it adds.
const editedPatch = "patches/restart-suppression/0001-steadylet-package.patch"

var editFrom, editTo = []byte("maxQueued = 1024"), "maxQueued = %d"

// edited measures a build after an edit of a patch, and of the patched file.
func (b Builds) edited(ctx context.Context, ours, plain timed) (Usage, Usage, error) {
	tree, err := b.tree()
	if err != nil {
		return Usage{}, Usage{}, err
	}
	patch := filepath.Join(b.workspaceRoot(), editedPatch)
	file := filepath.Join(tree, "vendor/k8s.io/kubernetes/pkg/kubelet/steadylet/report.go")
	original, err := os.ReadFile(patch)
	if err != nil {
		return Usage{}, Usage{}, err
	}
	number := 5000
	ours.args = append(slices.Clone(ours.args), "-untested") // or the series' lock refuses the edit
	ours.before = func() error { number++; return edit(patch, original, number) }
	plain.before = func() error {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return edit(file, bytes.ReplaceAll(content, []byte(fmt.Sprintf(editTo, number)), editFrom), number+1000)
	}
	return pair(ctx, b.Rounds, ours, plain)
}

func edit(path string, content []byte, number int) error {
	changed := bytes.Replace(content, editFrom, []byte(fmt.Sprintf(editTo, number)), 1)
	if bytes.Equal(changed, content) {
		return fmt.Errorf("editing %s: it does not contain %q", path, editFrom)
	}
	return os.WriteFile(path, changed, 0o644)
}

// copyAll copies a file or a folder.
func copyAll(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o644))
}
