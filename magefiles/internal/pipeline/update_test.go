package pipeline_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
	"github.com/steadylet/steadylet/magefiles/internal/update"
)

// onlyLocked keeps one tag in the locks, and names no repository that could be asked.
func onlyLocked(t *testing.T, root string, keep kubever.Version) {
	t.Helper()
	path := filepath.Join(root, "patches", "kubernetes.lock.yaml")
	known, err := lock.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	known.Git = filepath.Join(root, "no-repository")
	known.Versions = slices.DeleteFunc(known.Versions, func(e lock.Entry) bool { return e.Version != keep })
	if err := known.Write(path); err != nil {
		t.Fatal(err)
	}
	recorded, err := filepath.Glob(filepath.Join(root, "patches", "*", serieslock.FileName))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range recorded {
		series, err := serieslock.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		series.Versions = slices.DeleteFunc(series.Versions, func(v serieslock.Version) bool { return v.Version != keep })
		if err := series.Write(path); err != nil {
			t.Fatal(err)
		}
	}
}

// moduleCache is one of the test's own. The modules are those of the real one, but not
// what is known of the versions of Kubernetes, so that what the test makes up stays here.
func moduleCache(t *testing.T, tags ...string) string {
	t.Helper()
	from, to := programtest.ModuleCache(t), t.TempDir()
	shared := []string{"k8s.io", "cache/download/k8s.io/api", "cache/download/k8s.io/apimachinery", "cache/download/sumdb"}
	for _, tag := range tags {
		for _, module := range []string{"kubernetes@" + tag, "api@v0" + tag[2:], "apimachinery@v0" + tag[2:]} {
			programtest.Module(t, "k8s.io/"+module)
		}
		for _, kind := range []string{"info", "mod", "zip", "ziphash"} {
			shared = append(shared, "cache/download/k8s.io/kubernetes/@v/"+tag+"."+kind)
		}
	}
	for _, name := range shared {
		link(t, filepath.Join(from, name), filepath.Join(to, name))
	}
	return to
}

func link(t *testing.T, from, to string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Symlink(from, to)); err != nil {
		t.Fatal(err)
	}
}

// moduleProxy lists some versions, and has the source of none of them.
func moduleProxy(t *testing.T, versions ...string) (url string) {
	t.Helper()
	dir := t.TempDir()
	module := filepath.Join(dir, "k8s.io", "kubernetes", "@v")
	writeFile(t, filepath.Join(module, "list"), []byte(strings.Join(versions, "\n")+"\n"))
	for _, version := range versions {
		writeFile(t, filepath.Join(module, version+".info"), []byte(`{"Version":"`+version+`"}`))
		writeFile(t, filepath.Join(module, version+".mod"), []byte("module k8s.io/kubernetes\n"))
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}

// With one tag locked, of the later ones the patch release is safe and is locked, the
// minor version that made up static pods' UIDs anew is not, nor is a tag that can't be had.
func TestUpdateLocksWhatIsSafe(t *testing.T) {
	root, _ := ownSeries(t)
	from := kubever.Version{Major: 1, Minor: 31}
	onlyLocked(t, root, from)
	settings := config(root)
	settings.Environment = append(os.Environ(), "GONOSUMDB=k8s.io/kubernetes", // which does not know v1.38.0
		"GOMODCACHE="+moduleCache(t, "v1.31.0", "v1.31.14", "v1.32.13"),
		"GOPROXY="+moduleProxy(t, "v1.30.99", "v1.31.0", "v1.31.14", "v1.32.13", "v1.38.0", "v1.39.0-rc.1"))
	before := read(t, filepath.Join(root, "patches", "kubernetes.lock.yaml"))
	want := map[string]update.Finding{
		"v1.31.14": {Verdict: update.Safe}, "v1.32.13": {Verdict: update.MovesHash}, "v1.38.0": {Verdict: update.Unknown},
	}
	if diff := cmp.Diff(want, updated(t, settings, pipeline.UpdateOptions{DryRun: true, JSON: true})); diff != "" {
		t.Errorf("a dry run (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, read(t, filepath.Join(root, "patches", "kubernetes.lock.yaml"))); diff != "" {
		t.Errorf("a dry run wrote the lock (-before +after):\n%s", diff)
	}
	want["v1.31.14"] = update.Finding{Verdict: update.Safe, Locked: true}
	if diff := cmp.Diff(want, updated(t, settings, pipeline.UpdateOptions{JSON: true})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	known, err := lock.Read(filepath.Join(root, "patches", "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	locked := []kubever.Version{from, {Major: 1, Minor: 31, Patch: 14}}
	if diff := cmp.Diff(locked, known.Known()); diff != "" {
		t.Errorf("the lock (-want +got):\n%s", diff)
	}
	recorded, err := serieslock.Read(filepath.Join(root, "patches", pipeline.DefaultSeries, serieslock.FileName))
	if err != nil {
		t.Fatal(err)
	}
	if _, found := recorded.Find(locked[1]); !found || len(recorded.Versions) != 2 {
		t.Errorf("%d tags are recorded, v1.31.14 among them: %v", len(recorded.Versions), found)
	}
}

// updated runs an update, and returns what it says of each tag, less the details, which
// there have to be.
func updated(t *testing.T, settings pipeline.Config, options pipeline.UpdateOptions) map[string]update.Finding {
	t.Helper()
	var results strings.Builder
	settings.Results = &results
	p, err := pipeline.Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Update(t.Context(), options), p.Close()); err != nil {
		t.Fatal(err)
	}
	t.Log(results.String())
	var findings []update.Finding
	if err := json.Unmarshal([]byte(results.String()), &findings); err != nil {
		t.Fatal(err)
	}
	said := map[string]update.Finding{}
	for _, finding := range findings {
		if len(finding.Details) == 0 {
			t.Errorf("%s is called %s, and nothing says why", finding.Tag, finding.Verdict)
		}
		said[finding.Tag.String()] = update.Finding{Verdict: finding.Verdict, Locked: finding.Locked}
	}
	return said
}
