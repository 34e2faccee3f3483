package statefile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/semver"

	"github.com/steadylet/steadylet/statefile"
)

// golden is a container, and the hash that a real kubelet's HashContainer gave it.
type golden struct {
	Case, Name, Image, Spec string
	Hash                    uint64
}

func goldenValues(t testing.TB, version string) map[string]golden {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "golden", version+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []golden
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	byName := map[string]golden{}
	for _, c := range cases {
		byName[c.Case] = c
	}
	if len(byName) == 0 {
		t.Fatal("there are no golden values")
	}
	return byName
}

// wholeSpec reports whether a version's kubelet hashes the whole spec, not only image and
// name.
func wholeSpec(version string) bool { return semver.Compare(version, "v1.31.0") < 0 }

// goldenVersions are those that there are golden values of, the earliest first.
func goldenVersions(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for _, file := range files {
		versions = append(versions, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	semver.Sort(versions)
	return versions
}

// hash is what a version's kubelet makes of it.
func (c golden) hash(version string) uint64 {
	if wholeSpec(version) {
		return statefile.HashSpec([]byte(c.Spec))
	}
	return statefile.HashImageAndName(c.Image, c.Name)
}

// Every minor version has values that its own packages have computed.
func TestHashesAreThoseOfRealKubelets(t *testing.T) {
	had := map[string]bool{}
	for _, version := range goldenVersions(t) {
		had[semver.MajorMinor(version)] = true
		for name, c := range goldenValues(t, version) {
			if got := c.hash(version); got != c.Hash {
				t.Errorf("%s, %s: got %d, want %d", version, name, got, c.Hash)
			}
		}
	}
	for minor := 20; minor <= 37; minor++ {
		if !had[fmt.Sprintf("v1.%d", minor)] {
			t.Errorf("there are no golden values of 1.%d", minor)
		}
	}
}

// opened opens a state and lets it go again, as a kubelet does that ends.
func opened(options statefile.Options) (*statefile.Recorder, error) {
	r, err := statefile.Open(options)
	return r, errors.Join(err, r.Close())
}

func recorder(t testing.TB, options statefile.Options) *statefile.Recorder {
	t.Helper()
	options.RootDir = t.TempDir()
	r, err := statefile.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// running is the state of a node whose kubelet was never another version.
func running(version string) statefile.State { return statefile.State{}.Started(version, start) }

var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// edited returns the container with another image, as the API server sends it.
func (c golden) edited(t testing.TB) golden {
	t.Helper()
	var spec map[string]any
	if err := json.Unmarshal([]byte(c.Spec), &spec); err != nil {
		t.Fatal(err)
	}
	c.Image += "-edited"
	spec["image"] = c.Image
	data, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	c.Spec = string(data)
	return c
}

// transition is a container that the kubelet of one version has started, under that of
// another, and what becomes of it.
type transition struct {
	what, under        string
	annotated, current uint64
	today              golden
	step               int // StepStock: it is changed
}

// transitions are those between an earlier version and a later one. The later kubelet sees
// fields that the earlier one dropped.
func transitions(t *testing.T, from, to string, earlier, later golden) []transition {
	t.Helper()
	proven := statefile.StepProven
	if earlier.Hash == later.Hash {
		proven = statefile.StepEqual
	}
	back := proven
	if wholeSpec(to) && earlier.Spec != later.Spec {
		back = statefile.StepStock // nobody there can know the fields that were dropped
	}
	editedEarlier, editedLater := earlier.edited(t), later.edited(t)
	return []transition{
		{"upgrade", to, earlier.Hash, later.Hash, later, proven},
		{"upgrade to an unknown algorithm", to, earlier.Hash, later.Hash ^ 1, later, statefile.StepProven},
		{"rollback", from, later.Hash, earlier.Hash, earlier, back},
		{"image edited, upgrade", to, earlier.Hash, editedLater.hash(to), editedLater, statefile.StepStock},
		{"image edited, rollback", from, later.Hash, editedEarlier.hash(from), editedEarlier, statefile.StepStock},
	}
}

// Each version's containers under each later one, and the other way round; and what an edit
// of each makes of it.
func TestDecide(t *testing.T) {
	versions := goldenVersions(t)
	for i, from := range versions {
		for _, to := range versions[i+1:] {
			t.Run(from+", "+to, func(t *testing.T) {
				later := goldenValues(t, to)
				for name, earlier := range goldenValues(t, from) {
					for _, test := range transitions(t, from, to, earlier, later[name]) {
						test.check(t, name)
					}
				}
			})
		}
	}
}

func (test transition) check(t *testing.T, name string) {
	t.Helper()
	got, adopt := statefile.Decide(running(test.under), statefile.Observation{
		Name: test.today.Name, Image: test.today.Image, Annotated: test.annotated, Current: test.current,
		Spec: func() ([]byte, error) { return []byte(test.today.Spec), nil },
	})
	changed := test.step == statefile.StepStock
	if got.Changed != changed || got.Step != test.step {
		t.Errorf("%s, %s: got %+v, want changed %t by step %d", name, test.what, got, changed, test.step)
	}
	// One whose hash is equal is remembered where a field could be added to it.
	remembered := !changed && (test.step != statefile.StepEqual || wholeSpec(test.under))
	if (adopt != nil) != remembered {
		t.Errorf("%s, %s: got %+v, remembered: %t", name, test.what, got, !remembered)
	}
}

func TestEqualHashesAreNoChange(t *testing.T) {
	got, adopt := statefile.Decide(statefile.State{}, statefile.Observation{Annotated: 7, Current: 7})
	if got.Changed || got.Step != statefile.StepEqual || adopt != nil {
		t.Errorf("got %+v and %+v", got, adopt)
	}
}

// Only the exact hash is a proof: with any bit of it flipped the container is
// changed. So it is with any bit of the spec flipped, its image included.
func TestDecideKeepsNothingThatIsAlmostProven(t *testing.T) {
	old := goldenValues(t, "v1.30.14")["recent"]
	changed := func(annotated uint64, spec []byte) bool {
		verdict, adopt := statefile.Decide(running("v1.36.3"), statefile.Observation{
			Name: old.Name, Image: old.Image, Annotated: annotated, Current: 1,
			Spec: func() ([]byte, error) { return spec, nil },
		})
		if verdict.Changed && adopt != nil {
			t.Errorf("a changed container is adopted: %+v", adopt)
		}
		return verdict.Changed
	}
	if changed(old.Hash, []byte(old.Spec)) {
		t.Fatal("the control was not kept")
	}
	for bit := range 64 {
		if !changed(old.Hash^1<<bit, []byte(old.Spec)) {
			t.Errorf("kept with bit %d of the hash flipped", bit)
		}
	}
	for i := range len(old.Spec) * 8 {
		spec := []byte(old.Spec)
		spec[i/8] ^= 1 << (i % 8)
		if !changed(old.Hash, spec) {
			t.Errorf("kept with bit %d of byte %d of the spec flipped", i%8, i/8)
		}
	}
}

func TestDecideBehavesAsStockWhenInDoubt(t *testing.T) {
	old := goldenValues(t, "v1.20.2")["rich"]
	observation := statefile.Observation{Name: old.Name, Image: old.Image, Annotated: old.Hash, Current: 1}
	withSpec := func(spec func() ([]byte, error)) statefile.Observation {
		o := observation
		o.Spec = spec
		return o
	}
	good := withSpec(func() ([]byte, error) { return []byte(old.Spec), nil })
	for name, test := range map[string]struct {
		options statefile.Options
		given   statefile.Observation
	}{
		"no spec":           {statefile.Options{}, observation},
		"spec fails":        {statefile.Options{}, withSpec(func() ([]byte, error) { return nil, errors.New("no") })},
		"spec is empty":     {statefile.Options{}, withSpec(func() ([]byte, error) { return nil, nil })},
		"kill switch":       {statefile.Options{Disabled: "it is told to"}, good},
		"unknown algorithm": {statefile.Options{}, withSpec(func() ([]byte, error) { return []byte(old.Spec + ","), nil })},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Version, test.options.Now = "v1.36.3", start
			if got, _ := recorder(t, test.options).Decide(test.given); !got.Changed || got.Reason == "" {
				t.Errorf("got %+v, want changed, with a reason", got)
			}
		})
	}
	if got, _ := recorder(t, statefile.Options{Version: "v1.36.3", Now: start}).Decide(good); got.Changed {
		t.Errorf("the control was not kept: %+v", got)
	}
}

func TestDecideNamesTheVersionThatCreatedTheContainer(t *testing.T) {
	root := t.TempDir()
	var r *statefile.Recorder
	for i, version := range []string{"v1.30.14", "v1.31.0", "v1.36.3"} {
		var err error
		if r, err = opened(statefile.Options{RootDir: root, Version: version, Now: start.Add(time.Duration(i) * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	for minutes, want := range map[int]string{-1: "", 0: "v1.30.14", 59: "v1.30.14", 60: "v1.31.0", 119: "v1.31.0", 500: "v1.36.3"} {
		got, _ := statefile.Decide(r.State(), statefile.Observation{Annotated: 1, Current: 2, CreatedAt: start.Add(time.Duration(minutes) * time.Minute)})
		if got.CreatedUnder != want {
			t.Errorf("created at minute %d: under %q, want %q", minutes, got.CreatedUnder, want)
		}
	}
}

// The hot paths, taken at every sync of every container, must not allocate.
func TestEqualHashesCostNothing(t *testing.T) {
	r := recorder(t, statefile.Options{Version: "v1.36.3", Now: start})
	if n := testing.AllocsPerRun(100, func() { r.Decide(statefile.Observation{Annotated: 7, Current: 7}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	kept := statefile.Observation{ContainerID: "id", Image: "i", Name: "n", Annotated: statefile.HashImageAndName("i", "n"), Current: 7}
	if r.Kept("id", kept.Annotated, 7) {
		t.Error("kept before anybody asked")
	}
	r.Decide(kept)
	r.Decide(statefile.Observation{ContainerID: "changed", Annotated: 1, Current: 7})
	if !r.Kept("id", kept.Annotated, 7) || r.Kept("id", kept.Annotated, 8) || r.Kept("changed", 1, 7) {
		t.Error("Kept and Decide disagree")
	}
	if n := testing.AllocsPerRun(100, func() { r.Kept("id", kept.Annotated, 7) }); n != 0 {
		t.Errorf("%v allocations for one that is kept", n)
	}
}

func FuzzDecide(f *testing.F) {
	for _, c := range goldenValues(f, "v1.20.2") {
		f.Add(c.Name, c.Image, []byte(c.Spec), c.Hash, uint64(1))
	}
	f.Fuzz(func(t *testing.T, name, image string, spec []byte, annotated, current uint64) {
		got, _ := statefile.Decide(running("v1.36.3"), statefile.Observation{
			Name: name, Image: image, Annotated: annotated, Current: current,
			Spec: func() ([]byte, error) { return spec, nil },
		})
		proven := annotated == current || annotated == statefile.HashSpec(spec) || annotated == statefile.HashImageAndName(image, name)
		for _, variant := range statefile.Variants(spec, 0) {
			proven = proven || annotated == statefile.HashSpec(variant)
		}
		if got.Changed == proven {
			t.Errorf("got %+v; a proof exists: %t", got, proven)
		}
	})
}

func ExampleRecorder_Decide() {
	root, err := os.MkdirTemp("", "kubelet")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	r, err := opened(statefile.Options{RootDir: root, Version: "v1.31.0", Now: time.Now()})
	if err != nil {
		panic(err)
	}
	spec := []byte(`{"name":"app","image":"registry.example/app:v1","resources":{}}`)
	defer r.Close()
	verdict, first := r.Decide(statefile.Observation{
		Name: "app", Image: "registry.example/app:v1",
		Annotated: 2879365065, // as a kubelet 1.20.2 wrote it
		Current:   7924334,    // as a kubelet 1.36.3 computes it
		Spec:      func() ([]byte, error) { return spec, nil },
	})
	fmt.Println(verdict.Changed, verdict.Step, first)
	// Output: false 2 true
}

func TestDecideNeverPanics(t *testing.T) {
	o := statefile.Observation{Annotated: 1, Current: 2, Spec: func() ([]byte, error) { panic("broken") }}
	if got, _ := recorder(t, statefile.Options{Version: "v1.36.3", Now: start}).Decide(o); !got.Changed {
		t.Errorf("got %+v, want changed", got)
	}
	if got, _ := (*statefile.Recorder)(nil).Decide(o); !got.Changed {
		t.Errorf("got %+v, want changed", got)
	}
}

// Pod workers ask at the same time; the race detector watches. Each container's
// first verdict is said to be that once.
func TestDecideConcurrently(t *testing.T) {
	r := recorder(t, statefile.Options{Version: "v1.36.3", Now: start})
	old := goldenValues(t, "v1.20.2")["rich"]
	var workers sync.WaitGroup
	var firsts atomic.Int64
	const containers = 500
	for range 64 {
		workers.Go(func() {
			for i := range containers {
				got, first := r.Decide(statefile.Observation{
					ContainerID: fmt.Sprint(i), Name: old.Name, Image: old.Image,
					Annotated: old.Hash + uint64(i%2), Current: 1, CreatedAt: start,
					Spec: func() ([]byte, error) { return []byte(old.Spec), nil },
				})
				if got.Changed != (i%2 == 1) {
					t.Errorf("got %+v at %d", got, i)
				}
				if first {
					firsts.Add(1)
				}
				if i%100 == 0 {
					r.State()
				}
			}
		})
	}
	workers.Wait()
	if firsts.Load() != containers || len(r.State().Containers) != containers/2 {
		t.Errorf("%d first verdicts and %d adopted containers, want %d and %d", firsts.Load(), len(r.State().Containers), containers, containers/2)
	}
}
