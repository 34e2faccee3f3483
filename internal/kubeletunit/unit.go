// Package kubeletunit works out from the unit of systemd, its drop-ins and its
// environment files how the kubelet is started, without systemd: for a kubelet that
// doesn't run, and to see whether a restart would start it as it runs.
//
// Specifiers other than %% are left as they are, and of the environment only what the
// unit itself sets counts.
package kubeletunit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/internal/kubeletbin"
	"github.com/steadylet/steadylet/internal/readfile"
)

// Unit is how the kubelet is started.
type Unit struct {
	// Path is that of the unit file, DropIns and EnvironmentFiles are the paths of those
	// that were found, in the order in which they count.
	Path                      string
	DropIns, EnvironmentFiles []string
	// Args is the command line, the program included.
	Args []string
	// Environment is what the unit itself sets. It may hold secrets.
	Environment map[string]string
}

// ErrNone means that there is no unit of the kubelet.
var ErrNone = errors.New("no kubelet.service")

// maxSize bounds a file, in bytes.
const maxSize = 1 << 20

// folders are those of system units, the first one counting most (systemd.unit(5)).
func folders() []string {
	return []string{
		"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
	}
}

// Load reads the unit kubelet.service below root, which is "/" on a node. The error
// matches ErrNone where there is none.
func Load(root string) (Unit, error) {
	l := loader{root: root}
	if err := l.load(); err != nil {
		return Unit{}, err
	}
	args, err := expand(l.section.execStart, l.environment)
	if err != nil {
		return Unit{}, fmt.Errorf("%s: ExecStart: %w", l.unit.Path, err)
	}
	if len(args) == 0 {
		return Unit{}, fmt.Errorf("%s starts nothing: it has no ExecStart", l.unit.Path)
	}
	l.unit.Args, l.unit.Environment = args, l.environment
	return l.unit, nil
}

// Other says what the unit starts that is no kubelet by its content, such as a script, or
// nil. Which kubelet that starts, and with which flags, is not known then.
func (u Unit) Other() error {
	if !filepath.IsAbs(u.Args[0]) {
		return fmt.Errorf("%s starts %s, which is no absolute path and was not looked for", u.Path, u.Args[0])
	}
	if err := kubeletbin.Check(u.Args[0]); errors.Is(err, kubeletbin.ErrNoKubelet) {
		return fmt.Errorf("%s starts something else: %w", u.Path, err)
	}
	return nil
}

type loader struct {
	root        string
	unit        Unit
	section     service
	environment map[string]string
}

func (l *loader) load() error {
	for _, folder := range folders() {
		path := filepath.Join(folder, "kubelet.service")
		found, err := l.read(path)
		if err != nil {
			return err
		}
		if found {
			l.unit.Path = path
			break
		}
	}
	if l.unit.Path == "" {
		return ErrNone
	}
	dropIns, err := l.dropIns()
	if err != nil {
		return err
	}
	for _, path := range dropIns {
		if _, err := l.read(path); err != nil {
			return err
		}
	}
	l.unit.DropIns = dropIns
	return l.readEnvironment()
}

// read adds a unit file or a drop-in to the section.
func (l *loader) read(path string) (found bool, err error) {
	data, err := readfile.Read(filepath.Join(l.root, path), maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("the kubelet's unit: %w", err)
	}
	return true, l.section.add(string(data))
}

// dropIns lists them by their names; of equal names the one of the first folder
// counts, and one that is a link to /dev/null hides the others.
func (l *loader) dropIns() ([]string, error) {
	byName := map[string]string{}
	for _, folder := range folders() {
		dir := filepath.Join(folder, "kubelet.service.d")
		entries, err := os.ReadDir(filepath.Join(l.root, dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the drop-ins of the kubelet's unit: %w", err)
		}
		for _, entry := range entries {
			if name := entry.Name(); filepath.Ext(name) == ".conf" && byName[name] == "" {
				byName[name] = filepath.Join(dir, name)
			}
		}
	}
	var paths []string
	for _, path := range byName {
		if target, err := os.Readlink(filepath.Join(l.root, path)); err != nil || target != os.DevNull {
			paths = append(paths, path)
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return paths, nil
}

// readEnvironment reads what the unit sets, then its environment files, which count
// more (systemd.exec(5)).
func (l *loader) readEnvironment() error {
	l.environment = map[string]string{}
	for _, assignment := range l.section.environment {
		name, value, _ := strings.Cut(assignment, "=")
		l.environment[name] = value
	}
	for _, file := range l.section.environmentFiles {
		path, optional := strings.CutPrefix(file, "-")
		data, err := readfile.Read(filepath.Join(l.root, path), maxSize)
		if errors.Is(err, fs.ErrNotExist) && optional {
			continue
		}
		if err != nil {
			return fmt.Errorf("the environment of %s: %w", l.unit.Path, err)
		}
		parseEnvironment(string(data), l.environment)
		l.unit.EnvironmentFiles = append(l.unit.EnvironmentFiles, path)
	}
	return nil
}
