package podmanifest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/steadylet/steadylet/internal/podmanifest"
)

func pod(name, image string) *v1.Pod {
	return &v1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1.PodSpec{Containers: []v1.Container{{Name: "c", Image: image}}},
	}
}

const (
	head = "apiVersion: v1\nkind: Pod\n"
	body = "metadata: {name: a}\nspec: {containers: [{name: c, image: 'i:1'}]}\n"
)

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want *v1.Pod
		err  error
	}{
		"YAML":                        {head + body, pod("a", "i:1"), nil},
		"JSON":                        {`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i:1"}]}}`, pod("a", "i:1"), nil},
		"a document starts":           {"# a pod\n---\n" + head + body, pod("a", "i:1"), nil},
		"the first of two":            {head + body + "---\n" + head + "metadata: {name: b}\n", pod("a", "i:1"), nil},
		"what is behind it":           {head + body + "---\n{[", pod("a", "i:1"), nil},
		"an empty first one":          {"---\n---\n" + head + body, nil, podmanifest.ErrKind},
		"the last of two members":     {head + "metadata: {name: b}\n" + body, pod("a", "i:1"), nil},
		"a field that is not known":   {head + "metadata: {name: a}\nspec: {containers: [{name: c, image: 'i:1', Image: 'j:1', livenesProbe: {}}]}\n", pod("a", "i:1"), nil},
		"another case":                {"apiVersion: v1\nKind: Pod\n" + body, nil, podmanifest.ErrKind},
		"YAML 1.1, yes is no string":  {head + "metadata: {name: yes}\n", nil, podmanifest.ErrTypes},
		"JSON with something behind":  {`{"apiVersion":"v1","kind":"Pod"}{}`, nil, podmanifest.ErrSyntax},
		"no version":                  {"kind: Pod\n" + body, nil, podmanifest.ErrKind},
		"another kind":                {"apiVersion: v1\nkind: Service\n" + body, nil, podmanifest.ErrKind},
		"a list":                      {"apiVersion: v1\nkind: List\nitems: []\n", nil, podmanifest.ErrKind},
		"nothing":                     {"", nil, podmanifest.ErrKind},
		"a number":                    {"7", nil, podmanifest.ErrKind},
		"no YAML":                     {"kind: [", nil, podmanifest.ErrSyntax},
		"no string":                   {"password: 'hunter2\n", nil, podmanifest.ErrSyntax},
		"a key that is a list":        {"? [a]\n: b\n", nil, podmanifest.ErrSyntax},
		"a secret in the wrong place": {head + "spec: hunter2\n", nil, podmanifest.ErrTypes},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := podmanifest.Parse([]byte(test.text))
			if diff := cmp.Diff(test.want, got); diff != "" || !errors.Is(err, test.err) {
				t.Errorf("%v, want %v, -want +got:\n%s", err, test.err, diff)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q quotes the manifest", err)
			}
		})
	}
}

func TestHasMore(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want bool
	}{
		"one":               {head + body, false},
		"one that starts":   {"# a pod\n---\n" + head + body, false},
		"one that ends":     {head + body + "---\n# that was it\n\n", false},
		"two":               {head + body + "---\n" + head + body, true},
		"no YAML behind it": {head + body + "--- \n{[", true},
		"in a text":         {head + "metadata:\n  annotations:\n    a: |\n      ---\n      b\n", false},
		"JSON":              {`{"apiVersion":"v1","kind":"Pod"}`, false},
		"nothing":           {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := podmanifest.HasMore([]byte(test.text)); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

// Whatever the file: a pod or one of the errors, and no panic.
func FuzzParse(f *testing.F) {
	for _, text := range []string{head + body, `{"apiVersion":"v1","kind":"Pod"}`, "a: &a [*a]", "? {}\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		podmanifest.HasMore(content)
		got, err := podmanifest.Parse(content)
		if (got == nil) == (err == nil) {
			t.Errorf("%v, %v", got, err)
		}
	})
}
