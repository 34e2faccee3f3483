package impact_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/predict"
	"github.com/steadylet/steadylet/magefiles/internal/impact"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/statefile"
)

// What the node command forecasts with is what the sources say, minor version by minor
// version.
func TestPredictKnowsWhatTheSourcesSay(t *testing.T) {
	compared := 0
	for i := 1; i < len(minors); i++ {
		from, to := version(t, minors[i-1]), version(t, minors[i])
		report := adjacent(t, from, to)
		if report == nil {
			continue
		}
		compared++
		t.Run(to.String(), func(t *testing.T) {
			for _, verdict := range report.Verdicts {
				switch verdict.Of {
				case impact.OfStatic:
					checkUID(t, to.Minor, verdict)
				case impact.OfRegular:
					checkHash(t, from.String(), to.String(), verdict)
				}
			}
			checkFields(t, to.Minor, report.Container)
			if sidecars := to.Minor >= 32; report.Is.Compared.Sidecars != sidecars {
				t.Errorf("hashes of sidecars are compared: %t, forecast with %t", report.Is.Compared.Sidecars, sidecars)
			}
		})
	}
	if compared == 0 {
		modulesOf(t, version(t, minors[0])) // or those of the next one are missing
		modulesOf(t, version(t, minors[1]))
	}
}

func checkUID(t *testing.T, minor int, verdict impact.Verdict) {
	t.Helper()
	always, of := predict.UIDChange(minor)
	if always != (verdict.Outcome == impact.Restarts) {
		t.Errorf("the UID of every static pod moves: %t, by the sources: %s (%s)", always, verdict.Outcome, verdict.Reason)
	}
	var want []string
	if verdict.Outcome == impact.Some && !strings.HasPrefix(verdict.Reason, "the UID stays") {
		for _, path := range verdict.Fields {
			if json := jsonPath(path); json != "" && !slices.Contains(want, json) {
				want = append(want, json)
			}
		}
	}
	slices.Sort(want)
	got := slices.Sorted(slices.Values(of))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what moves the UID (-sources +predict):\n%s", diff)
	}
}

// jsonPath is the path in a manifest of a path in the internal Pod: names begin with a
// small letter, and embedded structs have none. What a static pod can't have is left out.
func jsonPath(path string) string {
	if strings.Contains(path, "EphemeralContainers") || strings.Contains(path, "VolumeClaimTemplate*.ObjectMeta") {
		return ""
	}
	var names []string
	for _, name := range strings.Split(strings.NewReplacer("*", "", "[]", "", "{}", "").Replace(path), ".") {
		switch name {
		case "VolumeSource", "PodAffinityTerm":
			continue
		case "ObjectMeta":
			name = "metadata"
		}
		names = append(names, strings.ToLower(name[:1])+name[1:])
	}
	return strings.Join(names, ".")
}

// checkHash compares what a plain container is forecast with what the sources say of all.
func checkHash(t *testing.T, from, to string, verdict impact.Verdict) {
	t.Helper()
	spec := []byte(`{"name":"app","image":"app:v1","resources":{}}`)
	before, _ := statefile.HashBy(from, spec, "app:v1", "app")
	after, ok := statefile.HashBy(to, spec, "app:v1", "app")
	if !ok || (before != after) != (verdict.Outcome == impact.Restarts) {
		t.Errorf("hashes %x and %x, by the sources: %s (%s)", before, after, verdict.Outcome, verdict.Reason)
	}
}

// checkFields wants the library to know every field that the version added.
func checkFields(t *testing.T, minor int, changes []impact.Change) {
	t.Helper()
	for _, change := range changes {
		if change.Kind != impact.Added {
			continue
		}
		found := statefile.NewerFields(specWith(change.Shape().Path))
		path := strings.ReplaceAll(change.Shape().Path, "[]", "")
		if !slices.Contains(found, statefile.NewerField{Path: path, Since: minor}) {
			t.Errorf("%s is new in 1.%d, and the library knows %v", path, minor, found)
		}
	}
}

// specWith is a container's JSON that has the field at a path.
func specWith(path string) []byte {
	names := strings.Split(path, ".")
	value := "1"
	for _, name := range slices.Backward(names) {
		plain, list := strings.CutSuffix(name, "[]")
		if list {
			value = "[" + value + "]"
		}
		value = `{"` + plain + `":` + value + "}"
	}
	return []byte(value)
}

// The newest version that predict knows is that of the lock: a newer one is unknown to it
// until somebody has looked.
func TestPredictKnowsTheLock(t *testing.T) {
	known := locked(t)
	if newest := known[len(known)-1]; newest.Minor != predict.Newest {
		t.Errorf("the lock has %s, and predict knows versions up to 1.%d: add what it changed to internal/predict and statefile", newest, predict.Newest)
	}
}

// The picture shows patched kubelets of the versions that the series is for.
func TestPatchable(t *testing.T) {
	loaded, err := series.Load(os.DirFS(filepath.Join("..", "..", "..", "patches")), "restart-suppression")
	if err != nil {
		t.Fatal(err)
	}
	patchable := map[int]bool{}
	for _, v := range locked(t) {
		_, err := loaded.Select(v, false)
		patchable[v.Minor] = err == nil
	}
	for minor := predict.Oldest; minor <= predict.Newest; minor++ {
		if predict.Patchable(minor) != patchable[minor] {
			t.Errorf("1.%d: the series is for it: %t, predict says %t", minor, patchable[minor], predict.Patchable(minor))
		}
	}
}
