package statefile_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/steadylet/steadylet/statefile"
)

// What a spec says today, and with a field that 1.30 added.
const (
	plainSpec = `{"name":"app","image":"app:v1","resources":{},"securityContext":{"privileged":false}}`
	widerSpec = `{"name":"app","image":"app:v1","resources":{},"securityContext":{"privileged":false,"appArmorProfile":{"type":"RuntimeDefault"}}}`
)

// seen is a container that was created with plainSpec, and whose spec is the given one
// today.
func seen(spec string, created time.Time) statefile.Observation {
	return statefile.Observation{
		ContainerID: "id", Name: "app", Image: "app:v1", CreatedAt: created,
		Annotated: statefile.HashSpec([]byte(plainSpec)), Current: statefile.HashSpec([]byte(spec)),
		Spec: func() ([]byte, error) { return []byte(spec), nil },
	}
}

// A container whose hashes are equal is remembered where a kubelet created it that may
// have dropped fields, and where the spec is what counts today.
func TestEqualHashesAreWitnessed(t *testing.T) {
	older := running("v1.28.15").Started("v1.30.14", start.Add(time.Hour))
	known := func(hash, by string) statefile.State {
		s := running("v1.30.14")
		s.Containers = map[string]statefile.Adopted{"id": {Hash: hash, HashedBy: by, CreatedUnder: "v1.28.15"}}
		return s
	}
	plain := seen(plainSpec, start.Add(time.Minute))
	for description, test := range map[string]struct {
		state   statefile.State
		created time.Time
		want    string // by what it is said to have been created, if it is remembered
		adopted bool
	}{
		"created by this kubelet":            {running("v1.30.14"), start.Add(time.Minute), "", false},
		"created before there was a record":  {running("v1.30.14"), start.Add(-time.Minute), "", true},
		"created by an older one":            {older, start.Add(time.Minute), "v1.28.15", true},
		"image and name count":               {running("v1.31.0"), start.Add(-time.Minute), "", false},
		"remembered with that hash":          {known(hex(plain.Current), "v1.30.4"), start.Add(-time.Minute), "", false},
		"remembered with another hash":       {known("1", "v1.30.4"), start.Add(-time.Minute), "v1.28.15", true},
		"remembered by another version":      {known(hex(plain.Current), "v1.28.15"), start.Add(-time.Minute), "v1.28.15", true},
		"remembered, created by this one":    {known("1", "v1.30.4"), start.Add(time.Minute), "v1.28.15", true},
		"version that can't be read":         {running("devel"), start.Add(-time.Minute), "", false},
		"hash from before 1.16 can't be one": {running("v1.15.12"), start.Add(-time.Minute), "", false},
	} {
		t.Run(description, func(t *testing.T) {
			verdict, adopt := statefile.Decide(test.state, seen(plainSpec, test.created))
			if verdict.Changed || verdict.Step != statefile.StepEqual {
				t.Errorf("got %+v", verdict)
			}
			if (adopt != nil) != test.adopted {
				t.Fatalf("remembered as %+v", adopt)
			}
			if adopt != nil && (adopt.CreatedUnder != test.want || adopt.Hash != hex(plain.Current) || adopt.HashedBy != test.state.Kubelet.Version) {
				t.Errorf("remembered as %+v", adopt)
			}
		})
	}
}

// A field that is added after this kubelet saw the container is an edit, also where the
// kubelet that created it could not know the field: during the same run, and after a
// restart. The control was never seen without the field.
func TestAFieldThatIsAddedAfterTheUpgradeIsAnEdit(t *testing.T) {
	before := start.Add(-time.Hour)
	open := func(t *testing.T, root string, after time.Duration) *statefile.Recorder {
		r, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.30.14", Now: start.Add(after)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		return r
	}
	t.Run("control", func(t *testing.T) {
		if got, first := open(t, t.TempDir(), 0).Decide(seen(widerSpec, before)); got.Changed || got.Step != statefile.StepProven || !first {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("same run", func(t *testing.T) {
		r := open(t, t.TempDir(), 0)
		equal(t, r, before)
		if got, _ := r.Decide(seen(widerSpec, before)); !got.Changed {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("after a restart", func(t *testing.T) {
		root := t.TempDir()
		r := open(t, root, 0)
		equal(t, r, before)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if got, _ := open(t, root, time.Minute).Decide(seen(widerSpec, before)); !got.Changed {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("there, gone and there again", func(t *testing.T) {
		r := open(t, t.TempDir(), 0)
		if got, _ := r.Decide(seen(widerSpec, before)); got.Changed {
			t.Fatalf("got %+v", got)
		}
		equal(t, r, before)
		o := seen(widerSpec, before)
		if r.Kept(o.ContainerID, o.Annotated, o.Current) {
			t.Error("the first answer is given again")
		}
		if got, _ := r.Decide(o); !got.Changed {
			t.Errorf("got %+v", got)
		}
	})
}

// equal has the recorder see the container with the spec that it was created with.
func equal(t *testing.T, r *statefile.Recorder, created time.Time) {
	t.Helper()
	o := seen(plainSpec, created)
	if r.Kept(o.ContainerID, o.Annotated, o.Current) {
		t.Error("kept before it was seen")
	}
	for range 2 {
		if got, first := r.Decide(o); got.Changed || first {
			t.Errorf("got %+v, first %t", got, first)
		}
	}
	if !r.Kept(o.ContainerID, o.Annotated, o.Current) {
		t.Error("not kept after it was seen")
	}
}

// Without a record, and where only image and name count, equal hashes need no look.
func TestEqualHashesAreKeptAtOnce(t *testing.T) {
	stock, err := statefile.Open(statefile.Options{RootDir: t.TempDir(), Version: "v1.30.14", Now: start, Disabled: "told to"})
	if err != nil {
		t.Fatal(err)
	}
	newer, err := opened(statefile.Options{RootDir: t.TempDir(), Version: "v1.31.0", Now: start})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*statefile.Recorder{"none": nil, "disabled": stock, "1.31": newer} {
		if !r.Kept("id", 7, 7) || r.Kept("id", 7, 8) {
			t.Errorf("%s: equal %t, other %t", name, r.Kept("id", 7, 7), r.Kept("id", 7, 8))
		}
	}
}

func hex(hash uint64) string { return strconv.FormatUint(hash, 16) }

// What was witnessed is no more than what the hash on the container says: where another
// version can't tell by it, the container is changed, as it would be without.
func TestAWitnessedContainerIsNotKeptForItsImageAlone(t *testing.T) {
	const editedSpec = `{"name":"app","image":"app:v1","command":["other"],"resources":{},"securityContext":{"privileged":false}}`
	for description, test := range map[string]struct {
		witness, next, spec string
		changed             bool
	}{
		"1.31, nobody edited":            {"v1.30.14", "v1.31.0", plainSpec, false},
		"1.31, another command":          {"v1.30.14", "v1.31.0", editedSpec, true},
		"1.31, a field was added":        {"v1.30.14", "v1.31.0", widerSpec, true},
		"1.31, a field 1.28 did not see": {"v1.28.15", "v1.31.0", widerSpec, false},
		"rolled back, nobody edited":     {"v1.30.14", "v1.28.15", plainSpec, false},
		"rolled back, another command":   {"v1.30.14", "v1.28.15", editedSpec, true},
	} {
		t.Run(description, func(t *testing.T) {
			created := start.Add(time.Minute)
			state := running("v1.26.15").Started(test.witness, start.Add(time.Hour))
			_, witnessed := statefile.Decide(state, seen(plainSpec, created))
			if witnessed == nil {
				t.Fatal("not witnessed")
			}
			state = state.Started(test.next, start.Add(2*time.Hour))
			state.Containers = map[string]statefile.Adopted{"id": *witnessed}
			today := seen(test.spec, created)
			if test.next == "v1.31.0" {
				today.Current = statefile.HashImageAndName("app:v1", "app")
			}
			if got, _ := statefile.Decide(state, today); got.Changed != test.changed || got.Step == statefile.StepAdopted {
				t.Errorf("got %+v, want changed %t", got, test.changed)
			}
		})
	}
}

// A whole-spec hash on a container that the record gives to 1.31 or later is that of a
// kubelet that the record misses, and that may have known fewer fields.
func TestAHashThatTheRecordedKubeletCannotHaveWritten(t *testing.T) {
	for _, version := range []string{"v1.31.0", "v1.37.2"} {
		o := seen(widerSpec, start.Add(time.Minute))
		o.Current = statefile.HashImageAndName("app:v1", "app")
		if got, _ := statefile.Decide(running(version), o); got.Changed || got.Step != statefile.StepProven {
			t.Errorf("%s: got %+v", version, got)
		}
	}
}

// However many containers come and go, what was told once is not told again.
func TestEqualHashesPushNoVerdictOut(t *testing.T) {
	r, err := statefile.Open(statefile.Options{RootDir: t.TempDir(), Version: "v1.30.14", Now: start})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	kept := seen(widerSpec, start.Add(-time.Hour))
	if got, first := r.Decide(kept); got.Changed || !first {
		t.Fatalf("got %+v, first %t", got, first)
	}
	for i := range 5000 {
		o := seen(plainSpec, start.Add(time.Hour))
		o.ContainerID = strconv.Itoa(i)
		if got, first := r.Decide(o); got.Changed || first {
			t.Fatalf("got %+v, first %t", got, first)
		}
	}
	if got, first := r.Decide(kept); got.Changed || first {
		t.Errorf("got %+v, first %t", got, first)
	}
	if remembered := len(r.State().Containers); remembered != 1 {
		t.Errorf("%d containers are remembered: those that this kubelet created need it not", remembered)
	}
}
