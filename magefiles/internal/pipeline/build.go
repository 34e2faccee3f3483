package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// Built is a finished binary in dist/.
type Built struct {
	// Path is the binary's, ManifestPath that of the manifest beside it. Both are
	// absolute.
	Path, ManifestPath string
	// Version is what the binary says of itself.
	Version string
	// Cached says that it was there already, byte for byte.
	Cached bool
}

// builtRecord is what the workspace remembers of a finished build.
type builtRecord struct {
	Path, SHA256           string
	DebugPath, DebugSHA256 string
	ManifestPath           string
	ManifestSHA256         string
	// Configuration is kubeadm's, where it has one.
	ConfigurationPath, ConfigurationSHA256 string
	// Untested and Source are what the manifest says: the binary doesn't depend on them.
	Untested bool
	Source   source.Origin
}

// Build compiles a patched tree into
// dist/<version>/<os>-<arch>/<mode>/<component>. A stock build's mode has the
// prefix "stock-", and that of a kubeadm with years of its own their label at the end. When it fails the files of an earlier build are still there.
func (p *Pipeline) Build(ctx context.Context, tree *Patched, options build.Options) (*Built, error) {
	if err := options.Check(); err != nil {
		return nil, err
	}
	target := p.target(tree)
	key := buildKey(tree, target, options)
	dir := p.distDir(tree, options)
	binary := filepath.Join(dir, options.Component)
	built := &Built{Path: binary, ManifestPath: binary + ".manifest.json", Version: target.Stamp.Version}
	var known builtRecord
	if p.space.Recall("build", key, &known) && known.said(tree) && known.intact(built) {
		built.Cached = true
		return built, nil
	}
	if err := p.Checkout(ctx, tree); err != nil {
		return nil, err
	}
	temporary, err := p.space.TempDir()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temporary)
	described, err := p.compile(ctx, tree, target, options, temporary)
	if err != nil {
		return nil, err
	}
	if known, err = publish(temporary, dir, described); err != nil {
		return nil, fmt.Errorf("moving the result to %s: %w", dir, err)
	}
	return built, p.space.Record("build", key, known)
}

// target describes the tree to the compiler.
func (p *Pipeline) target(tree *Patched) build.Tree {
	request := tree.Tree.Request
	var variables []build.Variable
	if tree.Validity != nil && tree.Series.Digest != "" {
		variables = tree.Validity.Variables()
	}
	return build.Tree{
		Dir: tree.Tree.Worktree, Layout: tree.Tree.Layout, ID: tree.Series.Tree, Toolchain: request.Entry.Toolchain,
		Stamp: build.Stamp{
			Version: tree.Version(), Commit: tree.Series.Commit, Date: request.Entry.Time.UTC().Format(time.RFC3339),
			Major: request.Version.Major, Minor: request.Version.Minor,
			Verified: tree.Tree.Origin.Verified, Variables: variables,
		},
	}
}

func (p *Pipeline) distDir(tree *Patched, options build.Options) string {
	mode := string(options.Mode)
	if tree.Series.Digest == "" {
		mode = "stock-" + mode
	}
	if tree.Validity != nil {
		mode += "-" + tree.Validity.Label()
	}
	return filepath.Join(p.config.Root, "dist", tree.Tree.Request.Version.String(), "linux-"+options.Arch, mode)
}

// compile builds into a temporary folder, and writes the manifest there.
func (p *Pipeline) compile(ctx context.Context, tree *Patched, target build.Tree, options build.Options, dir string) (manifest.Manifest, error) {
	builder := build.Builder{Environment: p.config.Environment, Progress: p.progress}
	started := p.now()
	binary, err := builder.Build(ctx, target, options, dir)
	if err != nil {
		return manifest.Manifest{}, err
	}
	described := manifest.Manifest{
		Component: options.Component, Version: target.Stamp.Version, Series: tree.Series,
		Base: manifest.Base{
			Tag: tree.Tree.Request.Version.String(), Source: tree.Tree.Origin, Layout: tree.Tree.Layout,
			Tree: tree.Tree.TreeID.String(), Commit: tree.Tree.Commit.String(),
		},
		Build: manifest.Build{
			OS: "linux", Arch: options.Arch, Mode: options.Mode, CGO: options.CGO, Toolchain: target.Toolchain,
			Arguments: binary.Arguments, Settings: binary.Settings, BuildID: binary.BuildID,
			StampChecked: binary.StampChecked,
			Started:      started.UTC().Truncate(time.Second), DurationSeconds: p.now().Sub(started).Seconds(),
		},
	}
	described.Binary = manifest.File{Name: filepath.Base(binary.Path), SHA256: binary.SHA256, Size: binary.Size}
	if binary.DebugPath != "" {
		described.Debug = &manifest.File{Name: filepath.Base(binary.DebugPath), SHA256: binary.DebugSHA256, Size: binary.DebugSize}
	}
	if described.CertificateValidity, err = describeValidity(tree, options.Component, dir); err != nil {
		return manifest.Manifest{}, err
	}
	return described, manifest.Write(binary.Path+".manifest.json", described)
}

// publish moves finished files from one folder to another. The manifest goes
// last: where there is one, what it describes is whole, the link included.
func publish(from, to string, described manifest.Manifest) (builtRecord, error) {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return builtRecord{}, err
	}
	name := described.Component + ".manifest.json"
	if err := os.Remove(filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return builtRecord{}, err
	}
	digest, _, err := build.Digest(filepath.Join(from, name))
	if err != nil {
		return builtRecord{}, err
	}
	record := builtRecord{
		Path: filepath.Join(to, described.Binary.Name), SHA256: described.Binary.SHA256, Untested: described.Series.Untested, Source: described.Base.Source,
		ManifestPath: filepath.Join(to, name), ManifestSHA256: digest,
	}
	files := []string{described.Binary.Name}
	if described.Debug != nil {
		files = append(files, described.Debug.Name)
		record.DebugPath, record.DebugSHA256 = filepath.Join(to, described.Debug.Name), described.Debug.SHA256
	}
	if validity := described.CertificateValidity; validity != nil && validity.Configuration != nil {
		files = append(files, validity.Configuration.Name)
		record.ConfigurationPath, record.ConfigurationSHA256 = filepath.Join(to, validity.Configuration.Name), validity.Configuration.SHA256
	}
	for _, file := range files {
		if err := os.Rename(filepath.Join(from, file), filepath.Join(to, file)); err != nil {
			return builtRecord{}, err
		}
	}
	if described.Debug != nil {
		if err := linkByBuildID(to, described); err != nil {
			return builtRecord{}, err
		}
	}
	return record, os.Rename(filepath.Join(from, name), record.ManifestPath)
}

// linkByBuildID puts a link to the file with the DWARF where debuggers look for
// it below a debug file directory: .build-id/xx/yyyy.debug.
func linkByBuildID(dir string, described manifest.Manifest) error {
	id := described.Build.BuildID
	link := filepath.Join(dir, ".build-id", id[:2], id[2:]+".debug")
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(filepath.Join("..", "..", described.Debug.Name), link)
}

// said reports whether the manifest says of the tree what it would say now.
func (r builtRecord) said(tree *Patched) bool {
	return r.Untested == tree.Series.Untested && reflect.DeepEqual(r.Source, tree.Tree.Origin)
}

// intact reports whether the files of an earlier build are still there, to the
// byte.
func (r builtRecord) intact(built *Built) bool {
	if r.Path != built.Path || r.ManifestPath != built.ManifestPath {
		return false
	}
	for path, want := range map[string]string{
		r.Path: r.SHA256, r.DebugPath: r.DebugSHA256, r.ManifestPath: r.ManifestSHA256, r.ConfigurationPath: r.ConfigurationSHA256,
	} {
		if path == "" {
			continue
		}
		if digest, _, err := build.Digest(path); err != nil || digest != want {
			return false
		}
	}
	return true
}
