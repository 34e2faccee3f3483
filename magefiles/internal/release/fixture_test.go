package release_test

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/release"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// unpack writes the files of a txtar to a folder.
func unpack(t *testing.T, name, to string) {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		write(t, filepath.Join(to, file.Name), string(file.Data), 0o644)
	}
}

func write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// output runs a program, or skips the test where it isn't installed.
func output(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	packages := map[string]string{"dpkg-deb": "dpkg", "dpkg-query": "dpkg", "ssh-keygen": "openssh-client"}
	programtest.Needs(t, cmp.Or(packages[args[0]], args[0]), args[0])
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := output(t, "", args...)
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return out
}

var date = time.Date(2026, 7, 22, 18, 7, 38, 0, time.UTC)

const seriesDigest = "d4b41a95f907d0adfbfb2354083537ed71bf29f2744e763d6d08537ea960a299"

// fixture lays out a repository with kubelets of one version, one for each
// architecture, in a folder of its own.
func fixture(t *testing.T, tag string, architectures ...string) release.Config {
	t.Helper()
	return fixtureIn(t, t.TempDir(), tag, architectures...)
}

// sharedFolder is where releases lie that several tests look at. TestMain makes it.
var sharedFolder string

// sharedRelease is a release that nobody changes: with the race detector, compressing
// one takes seconds.
func sharedRelease(t *testing.T, tag string) (release.Config, *release.Release) {
	t.Helper()
	known, found := sharedReleases.Load(tag)
	if !found {
		config := fixtureIn(t, filepath.Join(sharedFolder, tag), tag)
		known = madeOnce{config, mustMake(t, config)}
		sharedReleases.Store(tag, known)
	}
	once := known.(madeOnce)
	return once.config, once.made
}

var sharedReleases sync.Map

type madeOnce struct {
	config release.Config
	made   *release.Release
}

func fixtureIn(t *testing.T, dir, tag string, architectures ...string) release.Config {
	t.Helper()
	root := filepath.Join(dir, "repository")
	unpack(t, "repository.txtar", root)
	config := release.Config{
		Root: root, Series: "restart-suppression", Date: date, Revision: 1, Work: filepath.Join(dir, "work"),
		Target: filepath.Join(root, "dist", tag, "release"), Progress: progress.New(io.Discard, false),
		Repository: release.Repository{Commit: strings.Repeat("ab", 20)},
	}
	freshWork(t, config)
	if len(architectures) == 0 {
		architectures = []string{runtime.GOARCH}
	}
	for _, arch := range architectures {
		config.Kubelets = append(config.Kubelets, kubelet(t, root, tag, arch))
	}
	return config
}

// freshWork gives a release the empty folder that it wants.
func freshWork(t *testing.T, config release.Config) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(config.Work), os.Mkdir(config.Work, 0o700)); err != nil {
		t.Fatal(err)
	}
}

// kubelet compiles the stand-in twice, stripped and with its symbols, and writes its
// manifest.
func kubelet(t *testing.T, root, tag, arch string) release.Kubelet {
	t.Helper()
	dir := filepath.Join(root, "dist", tag, "linux-"+arch, "release")
	path, version := filepath.Join(dir, "kubelet"), tag+"+steadylet."+seriesDigest[:8]
	const id = "a545fc9c1bf92bcc11990d406e20f2e3582c9918"
	flags := "-B=0x" + id + " -X=main.version=" + version
	compile(t, root, arch, path, flags+" -s -w")
	compile(t, root, arch, path+".debug", flags)
	described := manifest.Manifest{
		Component: "kubelet", Version: version,
		Base: manifest.Base{Tag: tag, Tree: strings.Repeat("12", 20), Source: source.Origin{
			Kind: source.Module, Location: "k8s.io/kubernetes@" + tag, Verified: true,
			RootSum: "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o=", Proofs: []string{"it has the sums in the lock"},
		}},
		Series: manifest.Series{Digest: seriesDigest, Library: seriesDigest, Commit: strings.Repeat("cd", 20), Patches: []manifest.Patch{{
			File: "0001-keep.patch", Title: "kubelet: keep containers", Tree: strings.Repeat("ef", 20),
			Digest: digest(t, filepath.Join(root, "patches/restart-suppression/0001-keep.patch")).SHA256,
		}}},
		Build: manifest.Build{
			OS: "linux", Arch: arch, Mode: build.Release, Toolchain: runtime.Version(), BuildID: id, Started: time.Now(), DurationSeconds: 3,
			Arguments: []string{"build", "-o", path}, Settings: []string{"GOARCH=" + arch},
		},
		Binary: digest(t, path),
	}
	symbols := digest(t, path+".debug")
	described.Debug = &symbols
	if err := manifest.Write(path+".manifest.json", described); err != nil {
		t.Fatal(err)
	}
	return release.Kubelet{Path: path, NodeCommand: path}
}

// compiled has what compile made, since a stand-in is the same in every test.
var compiled sync.Map

func compile(t *testing.T, root, arch, out, flags string) {
	t.Helper()
	known, found := compiled.Load(arch + flags)
	if !found {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags="+flags, "-o", out, "./cmd/kubelet")
		cmd.Dir = filepath.Join(root, "kubelet")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		compiled.Store(arch+flags, read(t, out))
		return
	}
	write(t, out, known.(string), 0o755)
}

func digest(t *testing.T, path string) manifest.File {
	t.Helper()
	sum, size, err := build.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	return manifest.File{Name: filepath.Base(path), SHA256: sum, Size: size}
}

// one returns the path of the file of a release whose name ends so.
func one(t *testing.T, made *release.Release, suffix string) string {
	t.Helper()
	for _, file := range made.Files {
		if strings.HasSuffix(file.Name, suffix) {
			return filepath.Join(made.Dir, file.Name)
		}
	}
	t.Fatalf("the release has no %s: %v", suffix, made.Files)
	return ""
}

// change replaces text in a file.
func change(t *testing.T, path, old, new string) {
	t.Helper()
	text := read(t, path)
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q", path, old)
	}
	write(t, path, strings.ReplaceAll(text, old, new), 0o644)
}

// snapshot describes everything below a folder: mode and content of each file.
func snapshot(t *testing.T, dir string, without ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(dir, path)
		for _, prefix := range without {
			if strings.HasPrefix(relative, prefix) {
				return nil
			}
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		found[relative] = info.Mode().String()
		if info.Mode().IsRegular() {
			found[relative] += " " + digest(t, path).SHA256
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// killable is the configuration of a fixture in dir that another process laid out.
func killable(dir string) release.Config {
	root := filepath.Join(dir, "repository")
	path := filepath.Join(root, "dist/v1.36.3/linux-"+runtime.GOARCH+"/release/kubelet")
	return release.Config{
		Root: root, Series: "restart-suppression", Date: date, Revision: 1, Work: filepath.Join(dir, "work"),
		Target: filepath.Join(root, "dist/v1.36.3/release"), Progress: progress.New(io.Discard, false),
		Kubelets: []release.Kubelet{{Path: path, NodeCommand: path}},
	}
}
