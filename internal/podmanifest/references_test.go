package podmanifest_test

import (
	"bytes"
	"cmp"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/steadylet/steadylet/internal/podmanifest"
)

// A fixture begins with a comment that says which references it has. Kubelets 1.34.4,
// 1.36.3 and 1.37.2 refuse exactly those with some.
func TestReferences(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/references.txtar")
	if err != nil || len(archive.Files) == 0 {
		t.Fatalf("%d fixtures, %v", len(archive.Files), err)
	}
	for _, fixture := range archive.Files {
		t.Run(fixture.Name, func(t *testing.T) {
			pod, err := podmanifest.Parse(fixture.Data)
			if err != nil {
				t.Fatal(err)
			}
			references, err := podmanifest.ReferencesOf(pod)
			if err != nil {
				t.Fatal(err)
			}
			comment, _, _ := bytes.Cut(fixture.Data, []byte("\n"))
			got := cmp.Or(podmanifest.Refusal{References: references}.Fields(), "nothing")
			if want := string(bytes.TrimPrefix(comment, []byte("# "))); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	const bundle, claim, secret = "cluster trust bundle", "resource claim", "secret"
	on, off := true, false
	for name, test := range map[string]struct {
		version string
		gate    *bool
		refused []string
		gated   bool // a secret alone is taken with the gate set to false
	}{
		"1.28":                        {"v1.28.15", nil, nil, false},
		"1.29 knows trust bundles":    {"v1.29.0", nil, []string{bundle}, false},
		"1.31":                        {"v1.31.14", nil, []string{bundle}, false},
		"1.32 before the fix":         {"v1.32.5", nil, []string{bundle}, false},
		"1.32 with the fix":           {"v1.32.6", nil, []string{bundle, claim}, false},
		"1.33 before the fix":         {"v1.33.1", nil, []string{bundle}, false},
		"1.33 with the fix":           {"v1.33.2", nil, []string{bundle, claim}, false},
		"1.33 does not know the gate": {"v1.33.13", &on, []string{bundle, claim}, false},
		"1.34":                        {"v1.34.0", nil, []string{bundle, claim, secret}, true},
		"1.34, the gate is on":        {"v1.34.4", &on, []string{bundle, claim, secret}, true},
		"1.34, the gate is off":       {"v1.34.4", &off, []string{bundle, claim}, false},
		"1.36":                        {"v1.36.3", nil, []string{bundle, claim, secret}, true},
		"1.36, the gate is off":       {"v1.36.3", &off, []string{bundle, claim}, false},
		"1.37":                        {"v1.37.2", nil, []string{bundle, claim, secret}, false},
		"1.37 has no gate":            {"v1.37.2", &off, []string{bundle, claim, secret}, false},
		"patched":                     {"v1.37.2+steadylet.0a1b2c3d", nil, []string{bundle, claim, secret}, false},
		"a distribution's":            {"v1.34.0-eks-1a2b3c4", nil, []string{bundle, claim, secret}, true},
		"not known":                   {"", nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			var refused []string
			gated := false
			for _, object := range []string{bundle, claim, secret} {
				refusal := podmanifest.Refuse(test.version, []podmanifest.Reference{{Field: "spec.x", Object: object}}, test.gate)
				if refusal.Refuses() {
					refused = append(refused, object)
				}
				if refusal.Gated && object != secret {
					t.Errorf("the gate helps with a %s", object)
				}
				gated = refusal.Gated
			}
			if diff := gocmp.Diff(test.refused, refused); diff != "" || gated != test.gated {
				t.Errorf("gated %t, refused, -want +got:\n%s", gated, diff)
			}
		})
	}
}

// Where every reference is refused, all of them have to go, and the gate helps where none
// of them is refused without it.
func TestRefuseNamesEveryField(t *testing.T) {
	claim, secret := podmanifest.Reference{Field: "spec.resourceClaims[0]", Object: "resource claim"}, podmanifest.Reference{Field: "spec.volumes[0].secret", Object: "secret"}
	both, off := []podmanifest.Reference{claim, secret}, false
	for name, test := range map[string]struct {
		version    string
		references []podmanifest.Reference
		gate       *bool
		want       podmanifest.Refusal
		remedy     string
	}{
		"one, without a gate":      {"v1.37.2", both[1:], nil, podmanifest.Refusal{References: both[1:]}, "remove these fields from the manifest before the upgrade"},
		"one, with a gate":         {"v1.36.3", both[1:], nil, podmanifest.Refusal{References: both[1:], Gated: true}, "remove these fields from the manifest before the upgrade, or set the feature gate PreventStaticPodAPIReferences to false (only kubelets from 1.34 to 1.36 start with this gate)"},
		"the gate helps one alone": {"v1.36.3", both, nil, podmanifest.Refusal{References: both}, "remove these fields from the manifest before the upgrade"},
		"the other is taken":       {"v1.36.3", both, &off, podmanifest.Refusal{References: both[:1]}, "remove these fields from the manifest before the upgrade"},
		"none":                     {"v1.37.2", nil, nil, podmanifest.Refusal{}, "remove these fields from the manifest before the upgrade"},
	} {
		t.Run(name, func(t *testing.T) {
			got := podmanifest.Refuse(test.version, test.references, test.gate)
			if diff := gocmp.Diff(test.want, got); diff != "" || got.Remedy() != test.remedy {
				t.Errorf("%q, -want +got:\n%s", got.Remedy(), diff)
			}
		})
	}
}
