package impact_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/impact"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
)

// locked returns every tag of the lock.
func locked(t *testing.T) []kubever.Version {
	t.Helper()
	file, err := lock.Read(filepath.Join("..", "..", "..", "patches", "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return file.Known()
}

func version(t *testing.T, text string) kubever.Version {
	t.Helper()
	parsed, err := kubever.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// cached returns the modules of a version that the module cache has, or says which one
// it lacks.
func cached(t *testing.T, v kubever.Version) (modules impact.Modules, lacks string) {
	t.Helper()
	cache := programtest.ModuleCache(t)
	modules = impact.Modules{}
	for module, tag := range map[string]string{
		"k8s.io/kubernetes": v.String(), "k8s.io/api": v.StagingModule(), "k8s.io/apimachinery": v.StagingModule(),
	} {
		modules[module] = filepath.Join(cache, filepath.FromSlash(module)+"@"+tag)
		if _, err := os.Stat(modules[module]); errors.Is(err, fs.ErrNotExist) {
			lacks = module + "@" + tag
		}
	}
	return modules, lacks
}

// modulesOf is cached, of a version without which the test can't run.
func modulesOf(t *testing.T, v kubever.Version) impact.Modules {
	t.Helper()
	modules, lacks := cached(t, v)
	if lacks != "" {
		programtest.Module(t, lacks)
	}
	return modules
}

func extract(t *testing.T, tree impact.Tree) *impact.Facts {
	t.Helper()
	facts, err := impact.Extract(tree)
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

// read has the facts of modules that were read before: nothing changes them.
var read sync.Map

// factsOf is extract of modules of the cache.
func factsOf(t *testing.T, modules impact.Modules) *impact.Facts {
	t.Helper()
	dir := modules["k8s.io/kubernetes"]
	if facts, known := read.Load(dir); known {
		return facts.(*impact.Facts)
	}
	facts := extract(t, modules)
	read.Store(dir, facts)
	return facts
}
