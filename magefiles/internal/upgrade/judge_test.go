package upgrade

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// Of each scenario, an outcome that is right passes, and whatever is wrong with one
// container in one stage is refused.
func TestPlantedOutcomesAreRefused(t *testing.T) {
	options := Options{
		From: Kubelet{Version: version(t, "v1.20.2"), Patched: true}, Via: Kubelet{Version: version(t, "v1.29.6"), Patched: true},
		To: Kubelet{Version: version(t, "v1.30.14"), Patched: true},
	}
	for _, scenario := range Scenarios() {
		containers := scenario.everyContainer(options)
		stages := scenario.plan(options, containers)
		outcome := func(wrong containerName, at int, ids []string) error {
			result := &Result{Scenario: scenario, Path: scenario.kubelets(options)}
			for _, c := range containers {
				row := Row{Container: c.String()}
				for i, stage := range stages {
					happened := Happening{Stage: stage.title, Expected: Kept}
					if expected, ok := stage.expected[c.containerName]; ok {
						happened.Expected, happened.Reason = expected.Expected, expected.Reason
					}
					if happened.Expected == Restarts {
						happened.After = []string{"new"}
					}
					if c.containerName == wrong && i == at {
						happened.After = ids
					}
					row.Stages = append(row.Stages, happened)
				}
				result.Rows = append(result.Rows, row)
			}
			return result.Check()
		}
		if err := outcome(containerName{}, 0, nil); err != nil {
			t.Errorf("scenario %s: what is right is refused: %v", scenario.Name, err)
		}
		for at, stage := range stages {
			for _, c := range containers {
				planted := [][]string{{"new", "newer"}}
				switch stage.expected[c.containerName].Expected {
				case Restarts:
					planted = append(planted, nil)
				case MayRestart:
				default:
					planted = append(planted, []string{"new"})
				}
				for _, ids := range planted {
					if err := outcome(c.containerName, at, ids); err == nil || !strings.Contains(err.Error(), c.String()) {
						t.Errorf("scenario %s, %s: %s came %d times, and the judge says %v", scenario.Name, stage.title, c, len(ids), err)
					}
				}
			}
		}
	}
}

// Images are told apart by digest, and an edit by what is asked for.
func TestImageUse(t *testing.T) {
	digests := map[string]string{testnode.AppImage: "sha256:a", testnode.EditedImage: "sha256:a", testnode.OtherImage: "sha256:b"}
	for name, test := range map[string]struct {
		use  imageUse
		want string
	}{
		"not edited":                  {imageUse{asked: testnode.AppImage, running: testnode.AppImage}, ""},
		"another tag":                 {imageUse{asked: testnode.EditedImage, edited: testnode.EditedImage, running: testnode.AppImage}, ""},
		"other content":               {imageUse{asked: testnode.OtherImage, edited: testnode.OtherImage, running: testnode.OtherImage}, ""},
		"edited, still the old one":   {imageUse{asked: testnode.OtherImage, edited: testnode.OtherImage, running: testnode.AppImage}, "which has digest sha256:b"},
		"the edit is not in the pod":  {imageUse{asked: testnode.AppImage, edited: testnode.EditedImage, running: testnode.AppImage}, "its pod asks for"},
		"an edit that nobody made":    {imageUse{asked: testnode.EditedImage, running: testnode.AppImage}, "was not edited"},
		"not edited, runs another":    {imageUse{asked: testnode.AppImage, running: testnode.OtherImage}, "runs the image with digest sha256:b"},
		"an image that nobody has":    {imageUse{asked: testnode.AppImage, running: "gone:v1"}, "does not have"},
		"a container that is no more": {imageUse{asked: testnode.AppImage}, "does not have"},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.use.check(digests)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	for name, wrong := range map[string]map[string]string{
		"no images":                   {},
		"a tag of other content":      {testnode.AppImage: "sha256:a", testnode.EditedImage: "sha256:b", testnode.OtherImage: "sha256:b"},
		"an image of the same":        {testnode.AppImage: "sha256:a", testnode.EditedImage: "sha256:a", testnode.OtherImage: "sha256:a"},
		"a tag that was not imported": {testnode.AppImage: "sha256:a", testnode.OtherImage: "sha256:b"},
	} {
		if checkTags(wrong) == nil {
			t.Errorf("%s: passes", name)
		}
	}
	if err := checkTags(digests); err != nil {
		t.Error(err)
	}
}

func TestLostFields(t *testing.T) {
	sent := object{"spec": object{
		"nodeName": "a", "tolerations": list{object{"operator": "Exists"}},
		"containers": list{object{"name": "app", "command": []string{"x", "y"}, "lifecycle": object{"preStop": object{"sleep": object{"seconds": 1}}}}},
	}}
	read, err := plain(sent)
	if err != nil {
		t.Fatal(err)
	}
	kept := func(container object, more object) object {
		spec := object{"nodeName": "a", "tolerations": list{object{"operator": "Exists"}, object{"key": "added"}}, "containers": list{container}}
		for name, value := range more {
			spec[name] = value
		}
		return object{"spec": spec, "status": object{}}
	}
	sleep := object{"preStop": object{"sleep": object{"seconds": 1.0}}}
	for name, test := range map[string]struct {
		kept any
		want []string
	}{
		"all, and defaults":  {kept(object{"name": "app", "command": list{"x", "y"}, "lifecycle": sleep, "added": true}, nil), nil},
		"a field is dropped": {kept(object{"name": "app", "command": list{"x", "y"}}, nil), []string{"spec.containers[0].lifecycle"}},
		"one below it": {kept(object{"name": "app", "command": list{"x", "y"}, "lifecycle": object{"preStop": object{}}}, nil),
			[]string{"spec.containers[0].lifecycle.preStop.sleep"}},
		"a value is another":    {kept(object{"name": "app", "command": list{"x", "z"}, "lifecycle": sleep}, nil), []string{"spec.containers[0].command[1]"}},
		"an element is dropped": {kept(object{"name": "app", "command": list{"x"}, "lifecycle": sleep}, nil), []string{"spec.containers[0].command[1]"}},
		"several": {kept(object{"name": "other", "lifecycle": sleep}, object{"nodeName": "b"}),
			[]string{"spec.containers[0].command[0]", "spec.containers[0].command[1]", "spec.containers[0].name", "spec.nodeName"}},
		"nothing is there": {nil, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, lostFields("", read, test.kept)); diff != "" {
				t.Errorf("lost (-want +got):\n%s", diff)
			}
		})
	}
}

// Where a kill landed is read from the log of the kubelet.
func TestProgressOf(t *testing.T) {
	log := func(lines ...string) string { return strings.Join(lines, "\n") }
	const (
		enter1 = `I1128 22:00:00.000000 1 kubelet.go:1720] "SyncPod enter" pod="ns/a" podUID="1"`
		enter2 = `I1128 22:00:00.000000 1 kubelet.go:1720] "SyncPod enter" pod="ns/b" podUID="2"`
		exit1  = `I1128 22:00:00.000000 1 kubelet.go:1723] "syncPod exit" pod="ns/a" podUID=1 isTerminal=false`
		exit2  = `I1128 22:00:00.000000 1 kubelet.go:1723] "SyncPod exit" pod="ns/b" podUID="2" isTerminal=false`
	)
	for name, test := range map[string]struct {
		log  string
		want firstSync
	}{
		"no log":               {"", beforeSync},
		"no sync":              {log("I1128 kubelet.go:1] starting", ""), beforeSync},
		"a line is cut off":    {log("I1128 kubelet.go:1] starting", enter1), beforeSync},
		"one began":            {log(enter1, ""), withinSync},
		"one of two ended":     {log(enter1, enter2, exit1, ""), withinSync},
		"one of two, twice":    {log(enter1, enter2, exit1, enter1, exit1, ""), withinSync},
		"the end is cut off":   {log(enter1, enter2, exit1, exit2), withinSync},
		"both ended":           {log(enter1, exit1, enter2, exit2, ""), afterSync},
		"both, and on it goes": {log(enter1, exit1, enter2, exit2, enter1, ""), afterSync},
	} {
		t.Run(name, func(t *testing.T) {
			if got := progressOf(test.log, 2); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// Kills that all landed at the same time prove little, and few within the first sync too.
func TestJudgeKills(t *testing.T) {
	within := func(n int, others ...firstSync) []firstSync {
		return append(slices.Repeat([]firstSync{withinSync}, n), others...)
	}
	if report, err := judgeKills(within(10, beforeSync, afterSync)); err != nil || report != "killed 12 times: 1 before, 10 within and 1 after the first sync" {
		t.Errorf("got %q, %v", report, err)
	}
	for _, landed := range [][]firstSync{nil, within(9, beforeSync, afterSync), within(10, afterSync), within(10, beforeSync)} {
		if _, err := judgeKills(landed); err == nil {
			t.Errorf("%v passes", landed)
		}
	}
}

// Kills are tried until enough have landed within the first sync, but not for ever.
func TestNextKill(t *testing.T) {
	for name, test := range map[string]struct {
		lands func(kill) firstSync
		want  int
	}{
		"each lands as it is meant": {func(k kill) firstSync { return k.since }, 6 + killsWithin},
		"late ones come too late": {func(k kill) firstSync {
			if k.since == withinSync && k.later > 50*time.Millisecond {
				return afterSync
			}
			return k.since
		}, 6 + killsWithin + 4},
		"none lands": {func(kill) firstSync { return afterSync }, mostKills},
	} {
		var landed []firstSync
		for next, more := nextKill(nil); more; next, more = nextKill(landed) {
			landed = append(landed, test.lands(next))
		}
		if len(landed) != test.want {
			t.Errorf("%s: %d kills, want %d", name, len(landed), test.want)
		}
		if _, err := judgeKills(landed); (err != nil) != (test.want == mostKills) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A folder that root can write is not read-only.
func TestRefusesWrites(t *testing.T) {
	if err := refusesWrites(t.TempDir()); err == nil {
		t.Error("a folder that can be written passes for a read-only one")
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := refusesWrites("/proc/self"); err == nil {
		t.Error("another error than EROFS passes")
	}
}

func TestNewerField(t *testing.T) {
	for _, test := range []struct {
		from, to int
		newer    bool
	}{{20, 30, true}, {30, 20, true}, {29, 31, true}, {20, 29, false}, {30, 31, false}, {30, 30, false}, {31, 36, false}} {
		if fields, newer := newerField(test.from, test.to); newer != test.newer || newer != (fields != nil) {
			t.Errorf("%d -> %d: got %v, %t, want %t", test.from, test.to, fields, newer, test.newer)
		}
	}
}

// Without the newer field, a container that has it is what it was: only the record tells
// that it was added.
func TestNewerFieldIsAllThatIsAdded(t *testing.T) {
	fields, _ := newerField(20, 30)
	for _, pod := range moreStaticPods(Options{}) {
		added := withFields(pod.spec, "app", fields)["containers"].(list)[0].(object)
		delete(added["securityContext"].(object), "appArmorProfile")
		if diff := cmp.Diff(pod.spec["containers"].(list)[0], added); diff != "" {
			t.Errorf("pod %s without the field (-before +after):\n%s", pod.name, diff)
		}
		fields, _ = newerField(20, 30)
	}
}

// An edit changes one container of one pod, and goes on from the last one.
func TestWithFields(t *testing.T) {
	before := object{"volumes": list{}, "containers": list{sleeper("app", nil), sleeper("helper", nil)}}
	after := withFields(withFields(before, "app", otherTag), "app", variable("one"))
	want := object{"volumes": list{}, "containers": list{
		sleeper("app", object{"image": testnode.EditedImage, "env": list{object{"name": "EDITED", "value": "one"}}}), sleeper("helper", nil),
	}}
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("edited (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(object{"volumes": list{}, "containers": list{sleeper("app", nil), sleeper("helper", nil)}}, before); diff != "" {
		t.Errorf("the pod before is another now:\n%s", diff)
	}
}
