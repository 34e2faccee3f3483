package build

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"go/version"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/steadylet/steadylet/magefiles/internal/command"
	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
	"github.com/steadylet/steadylet/magefiles/internal/layout"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// Tree is what is built: a prepared worktree.
type Tree struct {
	Dir    string
	Layout layout.Layout
	// ID identifies the tree's content.
	ID string
	// Toolchain is the one that the tag names, "go1.26.5".
	Toolchain string
	Stamp     Stamp
}

// Binary is a finished build.
type Binary struct {
	// Path is where the binary is; DebugPath is the file with its DWARF, for a
	// release build.
	Path      string
	DebugPath string
	// SHA256 and DebugSHA256 are the files' digests in hexadecimal, Size and DebugSize
	// their sizes in bytes.
	SHA256, DebugSHA256 string
	Size, DebugSize     int64
	// BuildID is the GNU build ID, of 20 bytes in hexadecimal, that links a binary
	// to its DWARF. It is the build's key.
	BuildID string
	// Arguments are those of the go command.
	Arguments []string
	// Settings are the variables that the go command was given.
	Settings []string
	// StampChecked says that the binary was run and named its version. Another
	// architecture's can't be.
	StampChecked bool
}

// Builder compiles trees. It is safe for concurrent use on different trees.
type Builder struct {
	// Environment is what the go command starts from, usually os.Environ().
	Environment []string
	Progress    *progress.Reporter
}

// ErrStamp is matched by the error of a build whose binary does not say the
// version that it was given.
var ErrStamp = errors.New("the binary does not name its version")

// Key identifies the result of building a tree with these options.
func Key(tree Tree, options Options) workspace.Key {
	inputs := append(options.identity(), tree.ID, tree.Toolchain, tree.Stamp.linkerFlags(), tags(options, tree))
	if options.Mode == Debug {
		inputs = append(inputs, tree.Dir) // it is in the DWARF
	}
	return workspace.KeyOf(inputs...)
}

// Build compiles into the folder out, which must exist, and returns what it
// made. The files are named after the component; nothing is there if it fails.
func (b Builder) Build(ctx context.Context, tree Tree, options Options, out string) (Binary, error) {
	if err := errors.Join(options.CheckHost(ctx, b.Environment), checkPackage(options, tree)); err != nil {
		return Binary{}, err
	}
	binary := Binary{
		Path:         filepath.Join(out, options.Component),
		BuildID:      string(Key(tree, options)),
		Settings:     settings(options, tree),
		StampChecked: options.checksStamp(), // or there is no binary
	}
	extra := []string{"-B=0x" + binary.BuildID}
	if options.Mode == Release {
		binary.DebugPath = binary.Path + ".debug"
		extra = append(extra, "-s", "-w")
	}
	binary.Arguments = arguments(options, tree, extra, binary.Path)
	err := b.compile(ctx, tree, options, binary)
	if err == nil {
		err = binary.examine(ctx, tree, options)
	}
	if err != nil {
		return Binary{}, errors.Join(err, removeIfThere(binary.Path), removeIfThere(binary.DebugPath))
	}
	return binary, nil
}

func (b Builder) compile(ctx context.Context, tree Tree, options Options, binary Binary) error {
	step := b.Progress.Step("compile", progress.Packages)
	defer step.Abort()
	counter := &packageCounter{step: step, done: make(chan struct{})}
	g := gocommand.Go{Toolchain: tree.Toolchain, Environment: b.Environment}
	go counter.findTotal(ctx, g, tree, options)
	err := g.Run(ctx, gocommand.Call{Args: binary.Arguments, Dir: tree.Dir, Set: binary.Settings, Stderr: counter})
	close(counter.done)
	if err != nil {
		return fmt.Errorf("compiling %s: %w", options.Component, err)
	}
	if binary.DebugPath != "" {
		// The same link with symbols and DWARF: the code lies at the same addresses.
		args := arguments(options, tree, []string{"-B=0x" + binary.BuildID}, binary.DebugPath)
		if err := g.Run(ctx, gocommand.Call{Args: args, Dir: tree.Dir, Set: binary.Settings}); err != nil {
			return fmt.Errorf("linking the debug file of %s: %w", options.Component, err)
		}
	}
	step.Done(fmt.Sprintf("%d packages", counter.packages()))
	return nil
}

// examine asks the new binary for its version, and works out the digests meanwhile.
func (b *Binary) examine(ctx context.Context, tree Tree, options Options) error {
	var group errgroup.Group
	if options.runsHere() {
		want := "" // any answer: EdgeCore names the release of KubeEdge
		if b.StampChecked {
			want = tree.Stamp.Version
		}
		group.Go(func() error { return checkStamp(ctx, b.Path, options.Component, want) })
	}
	if options.Component == edgeCore && hasSQLite(tree) {
		group.Go(func() error { return checkSQLite(cmp.Or(b.DebugPath, b.Path)) })
	}
	if b.DebugPath != "" {
		group.Go(func() (err error) {
			b.DebugSHA256, b.DebugSize, err = Digest(b.DebugPath)
			return err
		})
	}
	group.Go(func() (err error) {
		b.SHA256, b.Size, err = Digest(b.Path)
		return err
	})
	return group.Wait()
}

// arguments returns those of a go build of the component.
func arguments(options Options, tree Tree, linker []string, output string) []string {
	args := []string{"build", "-v", "-o", output, tags(options, tree)}
	if options.Mode == Debug {
		args = append(args, "-gcflags=all=-N -l")
	} else {
		args = append(args, "-trimpath")
	}
	return append(args, "-ldflags="+tree.Stamp.linkerFlags(linker...), packagePath(options))
}

// tags returns the flag with the build tags that upstream's own builds have
// (hack/lib/golang.sh). Without selinux an old kubelet can't label volumes, and
// grpcnotrace lets the linker drop the methods that nothing calls.
func tags(options Options, tree Tree) string {
	flag := "-tags=selinux,notest"
	if options.Mode == Release && tree.Stamp.Minor >= firstWithoutTrace {
		flag += ",grpcnotrace"
	}
	return flag
}

// firstWithoutTrace is the first minor version that upstream builds with grpcnotrace.
const firstWithoutTrace = 34

func packagePath(options Options) string {
	if options.Component == edgeCore {
		return "./" + edgeCorePackage
	}
	return "k8s.io/kubernetes/cmd/" + options.Component
}

func settings(options Options, tree Tree) []string {
	cgo := "0"
	if options.CGO {
		cgo = "1"
	}
	flags := "-mod=vendor"
	if version.Compare(tree.Toolchain, "go1.18") >= 0 {
		// The tree may lie inside somebody's git checkout: that isn't its history.
		flags += " -buildvcs=false"
	}
	set := []string{"GOOS=linux", "GOARCH=" + options.Arch, "CGO_ENABLED=" + cgo, "GOFLAGS=" + flags}
	if options.CGO && options.Arch != runtime.GOARCH {
		set = append(set, "CC="+crossCompilers[options.Arch].program)
	}
	// Releases from 1.30 on vendor for a whole workspace.
	if workspaceFile := filepath.Join(tree.Dir, "go.work"); tree.Layout == layout.Upstream && exists(workspaceFile) {
		set = append(set, "GOWORK="+workspaceFile)
	}
	return set
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// checkStamp asks the binary for its version. EdgeCore is asked for a configuration: it
// tells its version to its log only.
func checkStamp(ctx context.Context, path, component, want string) error {
	args := []string{path, "--version"}
	switch component {
	case "kubeadm":
		args = []string{path, "version", "-o", "short"}
	case "kubectl":
		args = []string{path, "version", "--client"}
	case edgeCore:
		// It knows no --version (edge/cmd/edgecore/app/server.go of KubeEdge 1.19.0 and 1.23.1).
		args = []string{path, "--minconfig"}
	}
	out, err := command.Command{Args: args}.Output(ctx)
	if err != nil {
		return fmt.Errorf("asking the new binary for its version: %w", err)
	}
	if !strings.Contains(string(out), want) {
		return fmt.Errorf("%w: want %s, it says %q", ErrStamp, want, strings.TrimSpace(string(out)))
	}
	return nil
}

// Digest returns a file's SHA-256 and its size in bytes.
func Digest(path string) (digest string, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	hash := sha256.New()
	size, err = io.Copy(hash, file)
	if err != nil {
		return "", 0, fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(hash.Sum(nil)), size, nil
}

func removeIfThere(path string) error {
	if path == "" {
		return nil
	}
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
