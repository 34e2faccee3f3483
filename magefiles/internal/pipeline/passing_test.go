package pipeline_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/modproxytest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// proxied is a repository whose lock lacks v1.36.3, which the servers have.
type proxied struct {
	root    string
	servers *modproxytest.Servers
	// results and messages are those of the last run.
	results, messages bytes.Buffer
}

func newProxied(t *testing.T) *proxied {
	t.Helper()
	root, _ := repository(t)
	known := filepath.Join(root, "patches", "kubernetes.lock.yaml")
	writeFile(t, known, []byte(strings.ReplaceAll(read(t, known), "v1.36.3", "v1.35.4"))) // of no series
	return &proxied{root: root, servers: modproxytest.Serve(t, filepath.Join("..", "source", "testdata", "modules"))}
}

func (r *proxied) run(t *testing.T, do func(*pipeline.Pipeline) error) error {
	t.Helper()
	r.results.Reset()
	r.messages.Reset()
	settings := config(r.root)
	settings.Environment, settings.Results, settings.Messages = r.servers.Environment(), &r.results, &r.messages
	p, err := pipeline.Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	err = do(p)
	if closeErr := p.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	return err
}

func (r *proxied) lock(t *testing.T, version string) error {
	t.Helper()
	return r.run(t, func(p *pipeline.Pipeline) error { return p.Lock(t.Context(), pipeline.LockOptions{Version: version}) })
}

// locks are the texts of all locks.
func (r *proxied) locks(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range []string{"kubernetes.lock.yaml", filepath.Join(pipeline.DefaultSeries, serieslock.FileName)} {
		texts[name] = read(t, filepath.Join(r.root, "patches", name))
	}
	return texts
}

// What may be there another day is not written down, and what is there is left alone.
func TestLockWritesFactsOnly(t *testing.T) {
	const api, third = "k8s.io/api", "example.org/third"
	for name, test := range map[string]struct {
		module   string
		answer   modproxytest.Answer
		rootOnly bool
		says     string // none: it is locked
	}{
		"all there":       {api, 200, false, ""},
		"404":             {api, 404, true, ""},
		"410":             {api, 410, true, ""},
		"503":             {api, 503, false, "k8s.io/api@v0.36.3: reading |503 Service Unavailable"},
		"hung up":         {api, modproxytest.HangUp, false, "k8s.io/api@v0.36.3: Get |EOF"},
		"dependency, 404": {third, 404, true, ""},
		"dependency, 503": {third, 503, false, "example.org/third@v1.0.0: reading |503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newProxied(t)
			before := r.locks(t)
			r.servers.Proxy(test.module, test.answer)
			err := r.lock(t, "v1.36.3")
			if test.says == "" {
				text := r.locks(t)["kubernetes.lock.yaml"]
				if err != nil || !strings.Contains(text, "version: v1.36.3\n") || strings.Contains(text, "rootOnly: true") != test.rootOnly {
					t.Errorf("%v; the lock has\n%s", err, text)
				}
				return
			}
			for part := range strings.SplitSeq("nothing is recorded of v1.36.3: |"+test.says, "|") {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("it does not say %q: %v", part, err)
				}
			}
			if diff := cmp.Diff(before, r.locks(t)); diff != "" {
				t.Errorf("the locks changed (-before +after):\n%s", diff)
			}
			leftNothing(t, r.root)
		})
	}
}

// While the proxy does not answer, nothing is taken for held against the lock, for
// recorded, for checked or for the newest.
func TestProxyIsDown(t *testing.T) {
	r := newProxied(t)
	if err := r.lock(t, "v1.36.3"); err != nil {
		t.Fatal(err)
	}
	fetch := func(p *pipeline.Pipeline) (*source.Tree, error) {
		return p.Source(t.Context(), pipeline.SourceOptions{Version: "v1.36.3", Kind: "module"})
	}
	if err := r.run(t, func(p *pipeline.Pipeline) error { _, err := fetch(p); return err }); err != nil {
		t.Fatal(err)
	}
	r.servers.Forget()
	r.servers.Proxy("k8s.io/kubernetes", 503)
	before := r.locks(t)
	for name, do := range map[string]func(*pipeline.Pipeline) error{
		"patch": func(p *pipeline.Pipeline) error {
			tree, err := fetch(p)
			if err != nil {
				t.Errorf("the tree that is there: %v", err)
			}
			_, err = p.Patch(t.Context(), tree, pipeline.PatchOptions{Series: pipeline.DefaultSeries})
			return err
		},
		"lock":   func(p *pipeline.Pipeline) error { return p.Lock(t.Context(), pipeline.LockOptions{}) },
		"update": func(p *pipeline.Pipeline) error { return p.Update(t.Context(), pipeline.UpdateOptions{}) },
		"check": func(p *pipeline.Pipeline) error {
			_, err := p.Check(t.Context(), pipeline.CheckOptions{Version: pipeline.AllVersions})
			return err
		},
		"impact": func(p *pipeline.Pipeline) error {
			return p.Impact(t.Context(), pipeline.ImpactOptions{From: "v1.36.3", To: "v1.36.3", Format: "table"})
		},
	} {
		err := r.run(t, do)
		if err == nil || !strings.Contains(err.Error(), "503 Service Unavailable") || !strings.Contains(err.Error(), "k8s.io/kubernetes") {
			t.Errorf("%s: got %v; it prints %q", name, err, r.results.String())
		}
		if diff := cmp.Diff(before, r.locks(t)); diff != "" {
			t.Errorf("%s changes the locks (-before +after):\n%s", name, diff)
		}
	}
	r.servers.Proxy("k8s.io/kubernetes", 200)
	if err := r.lock(t, ""); err != nil {
		t.Errorf("once it is up: %v", err)
	}
}

// Types that are not published are not known; those that can't be had now are an error.
func TestImpactWithoutTypes(t *testing.T) {
	for name, test := range map[string]struct {
		answer modproxytest.Answer
		passes bool
	}{"404": {404, false}, "503": {503, true}} {
		t.Run(name, func(t *testing.T) {
			r := newProxied(t)
			if err := r.lock(t, "v1.36.3"); err != nil {
				t.Fatal(err)
			}
			r.servers.Forget()
			r.servers.Proxy("k8s.io/api", test.answer)
			err := r.run(t, func(p *pipeline.Pipeline) error {
				return p.Impact(t.Context(), pipeline.ImpactOptions{From: "v1.36.3", To: "v1.36.3", Format: "table"})
			})
			passing := errors.Is(err, source.ErrUnavailable) && strings.Contains(err.Error(), "downloading k8s.io/api@v0.36.3: ")
			if warned := strings.Contains(r.messages.String(), "warning: the types of v1.36.3 are not known: "); passing != test.passes || warned == test.passes {
				t.Errorf("got %v; it says %q", err, r.messages.String())
			}
		})
	}
}
