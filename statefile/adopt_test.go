package statefile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/statefile"
)

// An adopted container is judged as a kubelet judges its own: another hash by the
// same minor version changes it, and under another version another image or name.
func TestDecideGoesByWhatWasAdopted(t *testing.T) {
	const image, name = "registry.example/app:v1", "app"
	adopted := statefile.Adopted{
		Fingerprint: "78ea6e", Hash: "abc", HashedBy: "v1.30.14+steadylet.00000000", CreatedUnder: "v1.28.0", Adopted: start,
	}
	if got := statefile.HashImageAndName(image, name); got != 0x78ea6e {
		t.Fatalf("the fixture is wrong: %x", got)
	}
	for description, test := range map[string]struct {
		version, image string
		current        uint64
		changed        bool
		adoptedAnew    bool
	}{
		"same kubelet, same hash":     {"v1.30.14+steadylet.00000000", image, 0xabc, false, false},
		"same minor, same hash":       {"v1.30.15+steadylet.11111111", image, 0xabc, false, false},
		"same minor, another hash":    {"v1.30.15", image, 0xabd, true, false},
		"another minor, same image":   {"v1.31.0", image, 0xdef, false, true},
		"another minor, other image":  {"v1.31.0", image + "-edited", 0xdef, true, false},
		"version that can't be read":  {"devel", image, 0xabc, false, true},
		"unreadable, with an edit":    {"devel", "other", 0xabc, true, false},
		"rolled back, image the same": {"v1.20.2", image, 0x123, false, true},
	} {
		t.Run(description, func(t *testing.T) {
			state := running(test.version)
			state.Containers = map[string]statefile.Adopted{"id": adopted}
			got, adopt := statefile.Decide(state, statefile.Observation{
				ContainerID: "id", Name: name, Image: test.image, Annotated: 1, Current: test.current,
			})
			if got.Changed != test.changed || got.Step != statefile.StepAdopted || got.CreatedUnder != "v1.28.0" {
				t.Errorf("got %+v, want changed %t", got, test.changed)
			}
			if (adopt != nil) != test.adoptedAnew || adopt != nil && adopt.HashedBy != test.version {
				t.Errorf("adopted as %+v", adopt)
			}
		})
	}
}

// Between two kubelets that hash the whole spec, all of it counts after an adoption,
// except for what the one does not know and a feature gate adds.
func TestDecideSeesEveryEditBetweenKubeletsThatHashTheWholeSpec(t *testing.T) {
	adoptedBy := func(version, spec string) statefile.Adopted {
		return statefile.Adopted{
			Fingerprint: fmt.Sprintf("%x", statefile.HashImageAndName("app:v1", "app")), HashedBy: version, CreatedUnder: version,
			Hash: fmt.Sprintf("%x", statefile.HashSpec([]byte(spec))),
		}
	}
	const old = `{"name":"app","image":"app:v1","resources":{}}`
	for description, test := range map[string]struct {
		adopted       statefile.Adopted
		running, spec string
		changed       bool
	}{
		"same":                       {adoptedBy("v1.20.2", old), "v1.30.14", old, false},
		"newer field":                {adoptedBy("v1.20.2", old), "v1.30.14", `{"name":"app","image":"app:v1","resources":{},"restartPolicy":"Always"}`, false},
		"arguments edited":           {adoptedBy("v1.20.2", old), "v1.30.14", `{"name":"app","image":"app:v1","args":["x"],"resources":{}}`, true},
		"resizePolicy by a gate":     {adoptedBy("v1.30.14", old), "v1.30.14", `{"name":"app","image":"app:v1","resources":{},"resizePolicy":[{"resourceName":"cpu"}]}`, false},
		"a field that it knew added": {adoptedBy("v1.30.14", old), "v1.30.14", `{"name":"app","image":"app:v1","resources":{},"restartPolicy":"Always"}`, true},
		"rollback drops fields":      {adoptedBy("v1.30.14", `{"restartPolicy":"Always"}`), "v1.20.2", old, false},
	} {
		t.Run(description, func(t *testing.T) {
			state := running(test.running)
			state.Containers = map[string]statefile.Adopted{"id": test.adopted}
			got, adopt := statefile.Decide(state, statefile.Observation{
				ContainerID: "id", Name: "app", Image: "app:v1", Annotated: 1, Current: statefile.HashSpec([]byte(test.spec)),
				Spec: func() ([]byte, error) { return []byte(test.spec), nil },
			})
			if got.Changed != test.changed || got.Step != statefile.StepAdopted {
				t.Errorf("got %+v, want changed %t", got, test.changed)
			}
			if !got.Changed && adopt != nil && adopt.HashedBy != test.running {
				t.Errorf("adopted as %+v", adopt)
			}
		})
	}
}

// Back under a kubelet that hashes the whole spec, what was remembered under one that
// hashes image and name excuses no edit of anything else, where the hash on the container
// would be found without one.
func TestDecideSeesAnEditMadeUnderAKubeletThatHashesImageAndName(t *testing.T) {
	const old, edited = `{"name":"app","image":"app:v1","resources":{}}`, `{"name":"app","image":"app:v1","args":["x"],"resources":{}}`
	for description, test := range map[string]struct {
		created, back string
		spec          string
		changed       bool
	}{
		"edited":                                  {"v1.30.14", "v1.30.14", edited, true},
		"not edited":                              {"v1.30.14", "v1.30.14", old, false},
		"edited, of an older one":                 {"v1.20.2", "v1.30.14", edited, true},
		"not edited, of an older one":             {"v1.20.2", "v1.30.14", old, false},
		"edited, of an unknown one":               {"", "v1.30.14", edited, true},
		"not edited, of an unknown one":           {"", "v1.30.14", old, false},
		"edited or not, of one with other fields": {"v1.30.14", "v1.20.2", edited, false},
		"edited, of one like the last":            {"v1.31.0", "v1.30.14", edited, false},
		"edited, of an unknown one, further back": {"", "v1.20.2", edited, true},
	} {
		t.Run(description, func(t *testing.T) {
			state := running(test.back)
			state.Containers = map[string]statefile.Adopted{"id": {
				Fingerprint: fmt.Sprintf("%x", statefile.HashImageAndName("app:v1", "app")), HashedBy: "v1.31.0", CreatedUnder: test.created,
				Hash: fmt.Sprintf("%x", statefile.HashImageAndName("app:v1", "app")),
			}}
			annotated := statefile.HashSpec([]byte(old))
			if test.created == "v1.31.0" {
				annotated = statefile.HashImageAndName("app:v1", "app")
			}
			got, _ := statefile.Decide(state, statefile.Observation{
				ContainerID: "id", Name: "app", Image: "app:v1", RunningImage: "app:v1", Annotated: annotated,
				Current: statefile.HashSpec([]byte(test.spec)), Spec: func() ([]byte, error) { return []byte(test.spec), nil },
			})
			if got.Changed != test.changed {
				t.Errorf("got %+v, want changed %t", got, test.changed)
			}
		})
	}
}

// A field that somebody adds to a container's spec is an edit, unless the kubelet that
// created the container could not know the field.
func TestDecideSeesAnAddedField(t *testing.T) {
	const (
		old   = `{"name":"app","image":"app:v1","resources":{},"securityContext":{"privileged":false}}`
		today = `{"name":"app","image":"app:v1","resources":{},"securityContext":{"privileged":false,"appArmorProfile":{"type":"RuntimeDefault"}}}`
	)
	before := running("v1.29.6")
	for description, test := range map[string]struct {
		state   statefile.State
		created time.Time
		changed bool
	}{
		"created under this kubelet":                        {running("v1.30.14"), start.Add(time.Minute), true},
		"created under one that knew it, then an upgrade":   {running("v1.30.14").Started("v1.31.0", start.Add(time.Hour)), start.Add(time.Minute), true},
		"created under one that dropped it":                 {before.Started("v1.30.14", start.Add(time.Hour)), start.Add(time.Minute), false},
		"created before there was a record":                 {running("v1.30.14"), start.Add(-time.Minute), false},
		"created before there was a record, and an upgrade": {running("v1.31.0"), start.Add(-time.Minute), false},
	} {
		t.Run(description, func(t *testing.T) {
			current := statefile.HashSpec([]byte(today))
			if test.state.Kubelet.Version == "v1.31.0" {
				current = statefile.HashImageAndName("app:v1", "app")
			}
			got, _ := statefile.Decide(test.state, statefile.Observation{
				ContainerID: "id", Name: "app", Image: "app:v1", Annotated: statefile.HashSpec([]byte(old)),
				Current: current, CreatedAt: test.created, Spec: func() ([]byte, error) { return []byte(today), nil },
			})
			if got.Changed != test.changed {
				t.Errorf("got %+v, want changed %t", got, test.changed)
			}
		})
	}
}

// A rollback over the change of the hash: what was edited before the first look can't
// be seen, what is edited after it can.
func TestDecideSeesAnEditAfterARollbackHasBeenLookedAt(t *testing.T) {
	r := recorder(t, statefile.Options{Version: "v1.30.14", Now: start})
	for i, test := range []struct {
		spec    string
		changed bool
	}{
		{`{"name":"app","image":"app:v1","args":["a"],"resources":{}}`, false},
		{`{"name":"app","image":"app:v1","args":["edited"],"resources":{}}`, true},
	} {
		got, _ := r.Decide(statefile.Observation{
			ContainerID: "id", Name: "app", Image: "app:v1", Annotated: statefile.HashImageAndName("app:v1", "app"),
			Current: statefile.HashSpec([]byte(test.spec)), Spec: func() ([]byte, error) { return []byte(test.spec), nil },
		})
		if got.Changed != test.changed {
			t.Errorf("look %d: got %+v, want changed %t", i, got, test.changed)
		}
	}
}

// Without a proof a container is kept only when the record says that a kubelet
// created it whose hash can't be computed, and its image is the same.
func TestDecideKeepsTheUnprovableOnlyOnTheRecordsWord(t *testing.T) {
	for description, test := range map[string]struct {
		before, now    string
		created        time.Time
		image, running string
		changed        bool
	}{
		"rollback from newer fields":     {"v1.30.14", "v1.20.2", start, "app:v1", "docker.io/library/app:v1", false},
		"of the time before 1.16":        {"v1.15.0", "v1.20.2", start, "app", "docker.io/library/app:latest", false},
		"another image":                  {"v1.30.14", "v1.20.2", start, "app:v2", "docker.io/library/app:v1", true},
		"image not known":                {"v1.30.14", "v1.20.2", start, "", "", true},
		"its hash would have been found": {"v1.20.2", "v1.30.14", start, "app:v1", "app:v1", true},
		"1.31 always can be computed":    {"v1.31.0", "v1.30.14", start, "app:v1", "app:v1", true},
		"created by this kubelet":        {"v1.30.14", "v1.20.2", start.Add(2 * time.Hour), "app:v1", "app:v1", true},
		"older than the record":          {"v1.30.14", "v1.20.2", start.Add(-time.Hour), "app:v1", "app:v1", true},
		"no time":                        {"v1.30.14", "v1.20.2", time.Time{}, "app:v1", "app:v1", true},
		"another patch release":          {"v1.20.3", "v1.20.2", start, "app:v1", "app:v1", true},
		"no version that can be read":    {"devel", "v1.20.2", start, "app:v1", "app:v1", true},
	} {
		t.Run(description, func(t *testing.T) {
			state := statefile.State{}.Started(test.before, start).Started(test.now, start.Add(time.Hour))
			got, adopt := statefile.Decide(state, statefile.Observation{
				Name: "app", Image: test.image, RunningImage: test.running, Annotated: 1, Current: 2, CreatedAt: test.created,
				Spec: func() ([]byte, error) { return []byte(`{"name":"app","resources":{}}`), nil },
			})
			step := statefile.StepUnproven
			if test.changed {
				step = statefile.StepStock
			}
			if got.Changed != test.changed || got.Step != step || (adopt == nil) != test.changed {
				t.Errorf("got %+v and %+v, want changed %t", got, adopt, test.changed)
			}
		})
	}
}

// A resize after the upgrade leaves a spec that proves nothing any more.
func TestAKeptContainerStaysKept(t *testing.T) {
	root := t.TempDir()
	spec := `{"name":"app","image":"registry.example/app:v1","resources":{}}`
	o := statefile.Observation{
		ContainerID: "id", Name: "app", Image: "registry.example/app:v1", Annotated: statefile.HashSpec([]byte(spec)),
		Current: statefile.HashImageAndName("registry.example/app:v1", "app"),
		Spec:    func() ([]byte, error) { return []byte(spec), nil },
	}
	for run, want := range []int{statefile.StepProven, statefile.StepAdopted} {
		r, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.33.13", Now: start.Add(time.Duration(run) * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		for repeat := range 2 {
			if got, first := r.Decide(o); got.Changed || got.Step != want || first != (repeat == 0) {
				t.Errorf("run %d: got %+v, first %t, want step %d", run, got, first, want)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		spec = `{"name":"app","image":"registry.example/app:v1","resources":{"limits":{"cpu":"2"}}}`
	}
	r := recorderAt(t, root, "v1.33.13")
	edited := o
	edited.Image = "registry.example/app:v2"
	edited.Current = statefile.HashImageAndName(edited.Image, edited.Name)
	if got, _ := r.Decide(edited); !got.Changed || got.Step != statefile.StepAdopted {
		t.Errorf("with another image: %+v, want changed", got)
	}
	r.Prune(func(string) bool { return true })
	if len(r.State().Containers) != 1 {
		t.Error("a container that exists was forgotten")
	}
	r.Prune(func(string) bool { return false })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := statefile.Load(statefile.Path(root)); err != nil || len(s.Containers) != 0 {
		t.Errorf("a container that is gone is remembered: %+v %v", s.Containers, err)
	}
}

func recorderAt(t *testing.T, root, version string) *statefile.Recorder {
	t.Helper()
	r, err := statefile.Open(statefile.Options{RootDir: root, Version: version, Now: start.Add(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Steps 2 and 3 need no disk. Step 4 does: what is kept on the record's word must be
// on record.
func TestNothingIsKeptOnTheWordOfARecordThatCannotBeWritten(t *testing.T) {
	root := smallDisk(t)
	if _, err := opened(statefile.Options{RootDir: root, Version: "v1.30.14", Now: start}); err != nil {
		t.Fatal(err)
	}
	unprovable := statefile.Observation{ContainerID: "id", Image: "app:v1", RunningImage: "app:v1", Annotated: 1, Current: 2, CreatedAt: start}
	makeRoom := fill(t, root)
	r, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.20.2", Now: start.Add(time.Hour)})
	makeRoom()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want ENOSPC", err)
	}
	if got, _ := r.Decide(unprovable); !got.Changed || got.Step != statefile.StepStock {
		t.Errorf("got %+v, want the stock verdict", got)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = recorderAt(t, root, "v1.20.2")
	if got, _ := r.Decide(unprovable); got.Changed || got.Step != statefile.StepUnproven {
		t.Errorf("the control: got %+v, want it kept by step 4", got)
	}
	// It failed later: what was learned is written when there is room again.
	makeRoom = fill(t, root)
	err = r.Flush()
	makeRoom()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want ENOSPC", err)
	}
	another := unprovable
	another.ContainerID = "another"
	if got, _ := r.Decide(another); !got.Changed {
		t.Errorf("got %+v while nothing can be written, want the stock verdict", got)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := statefile.Load(statefile.Path(root)); err != nil || len(s.Containers) != 1 {
		t.Errorf("the file has %+v, want what was adopted: %v", s.Containers, err)
	}
}

// Nor is a container kept so for which the record has no room: an edit of it could not be
// told from then on.
func TestNothingIsKeptOnTheWordOfARecordThatIsFull(t *testing.T) {
	root := t.TempDir()
	unprovable := statefile.Observation{ContainerID: "id", Image: "app:v1", RunningImage: "app:v1", Annotated: 1, Current: 2, CreatedAt: start}
	s := statefile.State{}.Started("v1.30.14", start).Started("v1.28.15", start.Add(time.Hour))
	s.Containers = map[string]statefile.Adopted{}
	for i := range 2047 {
		s.Containers[strconv.Itoa(i)] = statefile.Adopted{Fingerprint: "1", Hash: "2", HashedBy: "v1.28.15", Adopted: start}
	}
	if err := statefile.Save(statefile.Path(root), s); err != nil {
		t.Fatal(err)
	}
	r := recorderAt(t, root, "v1.28.15")
	defer r.Close()
	if got, _ := r.Decide(unprovable); got.Changed || got.Step != statefile.StepUnproven {
		t.Errorf("the control, in the last place: got %+v, want it kept by step 4", got)
	}
	edited := unprovable
	edited.Current = 3
	if got, _ := r.Decide(edited); !got.Changed {
		t.Errorf("edited, in the last place: got %+v", got)
	}
	unprovable.ContainerID, edited.ContainerID = "another", "another"
	for _, o := range []statefile.Observation{unprovable, edited} {
		if got, _ := r.Decide(o); !got.Changed || got.Step != statefile.StepStock {
			t.Errorf("got %+v, want the stock verdict", got)
		}
	}
}

// Somebody removes the folder under a running kubelet, or has something else in the
// place of the copy.
func TestSavesGoOn(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"file removed":   os.Remove,
		"folder removed": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"folder in the copy's place": func(path string) error {
			return os.MkdirAll(filepath.Join(path+".prev", "full"), 0o700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			r := recorderAt(t, root, "v1.31.0")
			if err := damage(statefile.Path(root)); err != nil {
				t.Fatal(err)
			}
			r.Decide(statefile.Observation{ContainerID: "id", Image: "i", Name: "n", Annotated: statefile.HashImageAndName("i", "n"), Current: 7})
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err := statefile.Load(statefile.Path(root)); err != nil || len(s.Containers) != 1 {
				t.Errorf("the file has %+v: %v", s.Containers, err)
			}
		})
	}
}

// The kubelet before hangs, and still holds the lock: what can be proven is kept all the
// same, what was recorded counts, and nothing is written.
func TestAHeldLockRestartsNothingThatIsProven(t *testing.T) {
	for name, damage := range map[string]string{"whole": "", "damaged": "damaged"} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			first := recorderAt(t, root, "v1.30.14")
			folder := filepath.Dir(statefile.Path(root))
			before, err := os.ReadFile(statefile.Path(root))
			if before = append(before, damage...); err != nil || os.WriteFile(statefile.Path(root), before, 0o600) != nil {
				t.Fatal(err)
			}
			files := names(t, folder)
			second, err := statefile.Open(statefile.Options{RootDir: root, Version: "v1.36.3", Now: start.Add(time.Hour)})
			if !errors.Is(err, statefile.ErrInUse) || errors.Is(err, statefile.ErrMalformed) != (damage != "") {
				t.Fatalf("got %v, want ErrInUse", err)
			}
			if history := second.State().History; (len(history) == 1) != (damage == "") {
				t.Errorf("got the history %+v", history)
			}
			provable := statefile.Observation{ContainerID: "1", Name: "app", Image: "i", Annotated: statefile.HashImageAndName("i", "app"), Current: 1}
			edited := provable
			edited.ContainerID, edited.Image = "2", "j"
			unprovable := statefile.Observation{ContainerID: "3", Name: "app", Image: "i", RunningImage: "i", Annotated: 7, Current: 1, CreatedAt: start}
			for o, changed := range map[*statefile.Observation]bool{&provable: false, &edited: true, &unprovable: true} {
				if got, _ := second.Decide(*o); got.Changed != changed {
					t.Errorf("container %s: got %+v, want changed %t", o.ContainerID, got, changed)
				}
			}
			if err := second.Close(); err != nil {
				t.Error(err)
			}
			if after, err := os.ReadFile(statefile.Path(root)); err != nil || string(after) != string(before) {
				t.Errorf("it wrote the file: %v", err)
			}
			if diff := cmp.Diff(files, names(t, folder)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if err := first.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A clock that jumped gives times that say nothing.
func TestClock(t *testing.T) {
	day := 24 * time.Hour
	for description, test := range map[string]struct {
		starts  []time.Duration // of 1.28, 1.30 and 1.31, after the fixture's time
		built   time.Duration
		want    map[time.Duration]string // created at -> under
		wantErr error
	}{
		"right":                   {[]time.Duration{0, day, 2 * day}, 0, map[time.Duration]string{-day: "", 0: "v1.28.0", day: "v1.30.14", 2 * day: "v1.31.0"}, nil},
		"set back before the end": {[]time.Duration{0, 3 * day, 2 * day}, 0, map[time.Duration]string{day: "", 2 * day: "v1.31.0", 3 * day: "v1.31.0"}, nil},
		"behind the binary":       {[]time.Duration{0, day, 2 * day}, 3 * day, map[time.Duration]string{0: "", day: "", 2 * day: "", 4 * day: ""}, statefile.ErrClock},
	} {
		t.Run(description, func(t *testing.T) {
			root := t.TempDir()
			var r *statefile.Recorder
			var err error
			for i, version := range []string{"v1.28.0", "v1.30.14", "v1.31.0"} {
				options := statefile.Options{RootDir: root, Version: version, Now: start.Add(test.starts[i])}
				if i == 2 {
					options.Built = start.Add(test.built)
				}
				r, err = opened(options)
			}
			if !errors.Is(err, test.wantErr) || (err == nil) != (test.wantErr == nil) {
				t.Errorf("got %v, want %v", err, test.wantErr)
			}
			for created, want := range test.want {
				if got := r.State().CreatedUnder(start.Add(created)); got != want {
					t.Errorf("created after %s: under %q, want %q", created, got, want)
				}
			}
			saved, err := statefile.Load(statefile.Path(root))
			saved.Checksum = ""
			if diff := cmp.Diff(r.State(), saved, cmp.Transformer("tables", withoutEmptyTables)); err != nil || diff != "" {
				t.Errorf("%v; what was saved (-want +got):\n%s", err, diff)
			}
		})
	}
}

func withoutEmptyTables(s statefile.State) map[string]any {
	return map[string]any{"kubelet": s.Kubelet, "history": s.History, "containers": len(s.Containers)}
}
