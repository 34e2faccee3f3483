package predict_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steadylet/steadylet/internal/predict"
)

func read(t *testing.T, name string) ([]predict.Pod, predict.Listed) {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var pods []predict.Pod
	listed, err := predict.ReadPods(file, func(pod predict.Pod) error {
		pods = append(pods, pod)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pods, listed
}

var withoutHas = cmpopts.IgnoreFields(predict.Pod{}, "Has")

func container(name string, kind predict.Kind, spec string) predict.Container {
	return predict.Container{Name: name, Kind: kind, Image: name + ":v1", Spec: []byte(spec)}
}

func TestReadPodsOfTheAPIServer(t *testing.T) {
	pods, listed := read(t, "list.json")
	web := container("web", predict.Regular, `{"env":[{"name":"name","value":"not the \"name\" of { it"}],"image":"web:v1","livenessProbe":{"grpc":{"port":1}},"name":"web","resources":{}}`)
	web.ID, web.RunningImage, web.CreatedAt = "abc", "docker.io/library/web:v1", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := []predict.Pod{
		{Namespace: "shop", Name: "web-1", Containers: []predict.Container{
			container("prepare", predict.Initial, `{"image":"prepare:v1","name":"prepare","resources":{}}`),
			container("proxy", predict.Sidecar, `{"image":"proxy:v1","name":"proxy","resources":{},"restartPolicy":"Always"}`), web,
		}},
		{Namespace: "shop", Name: "job-1", Ended: true, Containers: []predict.Container{container("job", predict.Regular, `{"image":"job:v1","name":"job","resources":{}}`)}},
		{Namespace: "kube-system", Name: "etcd-db-3", Static: true, MadeUpUID: true,
			Containers: []predict.Container{container("etcd", predict.Regular, `{"image":"etcd:v1","name":"etcd","resources":{}}`)}},
	}
	if diff := cmp.Diff(want, pods, withoutHas); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(predict.Listed{Pods: 3, Elsewhere: 1, Others: 1}, listed); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	has := pods[2].Has
	if !has("spec.volumes.projected.sources") || !has("spec.securityContext.windowsOptions") || has("spec.affinity.podAffinity") {
		t.Error("what the static pod has is not told")
	}
	if has("metadata.managedFields") {
		t.Error("what the API server adds to a static pod counts as in its manifest")
	}
}

func TestReadPodsOfAKubelet(t *testing.T) {
	pods, listed := read(t, "kubelet.json")
	type sort struct {
		Static, MadeUpUID bool
		Recreated         string
	}
	got := map[string]sort{}
	for _, pod := range pods {
		got[pod.Name] = sort{pod.Static, pod.MadeUpUID, pod.Recreated}
	}
	want := map[string]sort{
		"etcd-db-3": {true, true, ""}, "fixed-db-3": {true, false, ""}, "web-1": {},
		"remote-db-3": {true, true, "its manifest comes from a URL"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if !listed.FromKubelet {
		t.Error("it is not taken for a kubelet's list")
	}
}

func TestReadPodsRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                  {"", predict.ErrNoPods.Error()},
		"YAML":                     {"kind: List\n", predict.ErrNoPods.Error()},
		"a list of something":      {`{"kind":"Table","items":[]}`, predict.ErrNoPods.Error()},
		"no items":                 {`{"kind":"PodList"}`, predict.ErrNoPods.Error()},
		"items that are none":      {`{"kind":"List","items":{}}`, `"/items" is not a list`},
		"cut off":                  {`{"kind":"List","items":[{"kind":"Pod","metadata":{"name":"a"},"spec":{"nodeName":"n","containers":[{"name":"c"}]}},{"ki`, `pod 2: jsontext: unexpected EOF within "/items/1"`},
		"a pod that is none":       {`{"kind":"List","items":[{"kind":"Pod"}]}`, "pod 1: it has no name or no containers"},
		"a nameless one":           {`{"kind":"List","items":[{"metadata":{"name":"a"},"spec":{"nodeName":"n","containers":[{}]}}]}`, "no name"},
		"another type":             {`{"kind":"List","items":[{"metadata":7}]}`, `pod 1: "/items/0/metadata" is not an object`},
		"a time that is none":      {`{"kind":"List","items":[{"status":{"containerStatuses":[{"state":{"running":{"startedAt":"now"}}}]}}]}`, `startedAt" is not a time`},
		"a list of kind Pod":       {`{"kind":"Pod","items":[],"metadata":{"name":"a"},"spec":{"nodeName":"n","containers":[{"name":"c"}]}}`, predict.ErrNoPods.Error()},
		"something behind it":      {`{"kind":"List","items":[]} nonsense`, "document 2: " + predict.ErrNoPods.Error()},
		"a brace behind it":        {`{"kind":"List","items":[]}}`, "document 2: " + predict.ErrNoPods.Error()},
		"a cut second one":         {`{"kind":"List","items":[]}{"kind":"List","items":[`, "document 2: pod 1: jsontext: unexpected EOF"},
		"a second that is no list": {`{"kind":"List","items":[]}{"kind":"Status"}`, "document 2: " + predict.ErrNoPods.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := predict.ReadPods(strings.NewReader(test.text), func(predict.Pod) error { return nil })
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// Every document counts: lists of several clusters in one file, and a pod on each line.
func TestReadPodsOneAfterTheOther(t *testing.T) {
	pod := func(name string) string {
		return `{"kind":"Pod","metadata":{"name":"` + name + `"},"spec":{"nodeName":"n","containers":[{"name":"c"}]}}`
	}
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"two lists":          {`{"kind":"List","items":[` + pod("a") + `]}` + "\n" + `{"items":[` + pod("b") + `],"kind":"List"}`, []string{"a", "b"}},
		"a list and a pod":   {`{"kind":"List","items":[]} ` + pod("b") + "\n", []string{"b"}},
		"a pod on each line": {pod("a") + "\n" + pod("b") + "\n" + pod("c"), []string{"a", "b", "c"}},
		"an empty list":      {`{"kind":"List","items":[]}` + "\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			listed, err := predict.ReadPods(strings.NewReader(test.text), func(pod predict.Pod) error {
				names = append(names, pod.Name)
				return nil
			})
			if diff := cmp.Diff(test.want, names); diff != "" || err != nil || listed.Pods != len(test.want) {
				t.Errorf("%d pods, %v, -want +got:\n%s", listed.Pods, err, diff)
			}
		})
	}
}

// A page of a list is told from a whole one, whatever follows.
func TestReadPodsTellsAPage(t *testing.T) {
	for text, want := range map[string]bool{
		`{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"abc"},"items":[]}`:     true,
		`{"kind":"PodList","metadata":{"resourceVersion":"7","continue":""},"items":[]}`:        false,
		`{"kind":"PodList","metadata":{"continue":"abc"},"items":[]}{"kind":"List","items":[]}`: true,
	} {
		listed, err := predict.ReadPods(strings.NewReader(text), nil)
		if listed.Partial != want || err != nil {
			t.Errorf("%s: partial %t, %v, want %t", text, listed.Partial, err, want)
		}
	}
}

// An error of what is read from is no end of the list.
func TestReadPodsSaysThatReadingFailed(t *testing.T) {
	broken := errors.New("the pipe is broken")
	for _, text := range []string{"", `{"kind":"List","items":[]}`, `{"kind":"List","it`} {
		_, err := predict.ReadPods(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), nil)
		if !errors.Is(err, broken) {
			t.Errorf("%q: got %v, want %v", text, err, broken)
		}
	}
}

// A list is read pod by pod: this one has no end, and after 100,000 pods nothing is left
// of them.
func TestReadPodsStreams(t *testing.T) {
	enough := errors.New("enough")
	const pod = `{"metadata":{"name":"a"},"spec":{"nodeName":"n","containers":[{"name":"c","image":"i"}]}},`
	heap := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	var held int64
	count, before := 0, heap()
	_, err := predict.ReadPods(io.MultiReader(strings.NewReader(`{"kind":"List","items":[`), &endless{text: pod}), func(predict.Pod) error {
		if count++; count == 100_000 {
			held = heap() - before
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Errorf("got %v, want %v", err, enough)
	}
	if held > 8<<20 {
		t.Errorf("it holds %d bytes", held)
	}
}

// endless is a reader of a text again and again.
type endless struct {
	text string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

// Whatever the list: an error or pods, and what is compact is what encoding/json makes so.
func FuzzReadPods(f *testing.F) {
	for _, name := range []string{"list.json", "kubelet.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"kind":"Pod","metadata":{"name":"a"},"spec":{"nodeName":"n","containers":[ { "na\u006de":"c" , "image" : "\ud800", "x":["name","y"] } , {"name":"d"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := predict.ReadPods(bytes.NewReader(data), func(pod predict.Pod) error {
			for _, c := range pod.Containers {
				var compact bytes.Buffer
				if err := json.Compact(&compact, c.Spec); err != nil || !bytes.Equal(compact.Bytes(), c.Spec) {
					t.Errorf("%q is not compact: %v", c.Spec, err)
				}
			}
			return nil
		})
		if err != nil && !strings.HasPrefix(err.Error(), "reading the pods: ") {
			t.Errorf("the error %v does not say what was done", err)
		}
	})
}

func TestReadManifest(t *testing.T) {
	pod, err := predict.ReadManifest([]byte("apiVersion: v1\nkind: Pod\nmetadata: {name: etcd}\nspec:\n  containers:\n  - {image: 'etcd:v1', Image: no, name: etcd, livenesProbe: {}}\n  volumes: [{name: v, projected: {sources: [{}]}}]\n---\nkind: Pod\nmetadata: {name: other}\n"))
	want := predict.Pod{Namespace: "default", Name: "etcd", Static: true, FromManifest: true, MadeUpUID: true,
		Containers: []predict.Container{container("etcd", predict.Regular, `{"name":"etcd","image":"etcd:v1","resources":{}}`)}}
	if diff := cmp.Diff(want, pod, withoutHas); diff != "" || err != nil {
		t.Fatalf("%v, -want +got:\n%s", err, diff)
	}
	if !pod.Has("spec.volumes.projected.sources") || pod.Has("spec.affinity") {
		t.Error("what the manifest has is not told")
	}
	for name, test := range map[string]struct{ text, want string }{
		"another kind":      {"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {containers: [{name: a}]}", "not of kind Pod"},
		"no YAML":           {"kind: [", "no manifest in YAML or JSON"},
		"a secret":          {"password: 'hunter2\n", "no manifest in YAML or JSON"},
		"a nameless one":    {"apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a}]}", "no name"},
		"nothing in it":     {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}", "no containers"},
		"a name of nothing": {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{}]}", "has no name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := predict.ReadManifest([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
