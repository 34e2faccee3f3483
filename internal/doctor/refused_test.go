package doctor_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/podmanifest"
)

func TestRefusedStaticPods(t *testing.T) {
	const (
		keep  = "remove these fields from the manifest before the upgrade"
		gated = keep + ", or set the feature gate PreventStaticPodAPIReferences to false (only kubelets from 1.34 to 1.36 start with this gate)"
		ends  = " refuses the static pod kube-system/etcd, so it ends the pod and does not start it again: " +
			"/etc/kubernetes/manifests/etcd.yaml names objects of the API server in spec.volumes[0].secret (secret)"
	)
	naming := doctor.Referring{Pod: "kube-system/etcd", Manifest: "/etc/kubernetes/manifests/etcd.yaml",
		References: []podmanifest.Reference{{Field: "spec.volumes[0].secret", Object: "secret"}}}
	other := doctor.Referring{Pod: "kube-system/proxy", Manifest: "/etc/kubernetes/manifests/proxy.yaml",
		References: []podmanifest.Reference{{Field: "spec.serviceAccountName", Object: "service account"}}}
	on, off := true, false
	for name, test := range map[string]struct {
		from, to string
		change   func(*doctor.Facts)
		want     []doctor.Finding // without the name of the check
	}{
		"none": {"v1.36.3", "v1.37.2", func(f *doctor.Facts) { f.StaticPods.Referring = nil },
			[]doctor.Finding{{Severity: doctor.OK, Summary: "no static pod names an object of the API server that v1.37.2 refuses"}}},
		"before 1.29": {"v1.27.16", "v1.28.15", func(f *doctor.Facts) { f.StaticPods.FromURL = true },
			[]doctor.Finding{{Severity: doctor.OK, Summary: "v1.28.15 takes static pods whatever they name"}}},
		"before 1.34": {"v1.32.13", "v1.33.13", func(*doctor.Facts) {},
			[]doctor.Finding{{Severity: doctor.OK, Summary: "no static pod names an object of the API server that v1.33.13 refuses"}}},
		"by default":      {"v1.33.13", "v1.34.4", func(*doctor.Facts) {}, []doctor.Finding{{Severity: doctor.Error, Summary: "v1.34.4" + ends, Remedy: gated}}},
		"the gate is on":  {"v1.33.13", "v1.36.3", func(f *doctor.Facts) { f.StaticPods.ReferencesGate = &on }, []doctor.Finding{{Severity: doctor.Error, Summary: "v1.36.3" + ends, Remedy: gated}}},
		"the gate is off": {"v1.33.13", "v1.36.3", func(f *doctor.Facts) { f.StaticPods.ReferencesGate = &off }, []doctor.Finding{{Severity: doctor.OK, Summary: "no static pod names an object of the API server that v1.36.3 refuses"}}},
		"1.37 has no gate": {"v1.36.3", "v1.37.2", func(f *doctor.Facts) { f.StaticPods.ReferencesGate = &off },
			[]doctor.Finding{{Severity: doctor.Error, Summary: "v1.37.2" + ends, Remedy: keep}}},
		"two": {"v1.33.13", "v1.37.2", func(f *doctor.Facts) { f.StaticPods.Referring = append(f.StaticPods.Referring, other) }, []doctor.Finding{
			{Severity: doctor.Error, Summary: "v1.37.2" + ends, Remedy: keep},
			{Severity: doctor.Error, Remedy: keep, Summary: "v1.37.2 refuses the static pod kube-system/proxy, so it ends the pod and does not start it again: " +
				"/etc/kubernetes/manifests/proxy.yaml names objects of the API server in spec.serviceAccountName (service account)"},
		}},
		// The kubelet that runs was started before the gate was set back, or is said to be another one.
		"it runs, though the old one refuses it": {"v1.34.4", "v1.36.3", func(*doctor.Facts) {}, []doctor.Finding{{Severity: doctor.Error, Summary: "v1.36.3" + ends, Remedy: gated}}},
		"it does not run, but would": {"v1.33.13", "v1.34.4", func(f *doctor.Facts) { f.Runtime.Sandboxes = nil },
			[]doctor.Finding{{Severity: doctor.Error, Summary: "v1.34.4" + ends, Remedy: gated}}},
		"both refuse it": {"v1.34.4", "v1.36.3", func(f *doctor.Facts) { f.Runtime.Sandboxes = nil }, []doctor.Finding{{
			Severity: doctor.Warning, Remedy: gated, Summary: "v1.36.3 refuses the static pod kube-system/etcd, and so does v1.34.4: it does not run; " +
				"/etc/kubernetes/manifests/etcd.yaml names objects of the API server in spec.volumes[0].secret (secret)",
		}}},
		"nobody knows what runs": {"v1.34.4", "v1.36.3", func(f *doctor.Facts) { f.Runtime = doctor.Runtime{Err: errSome} },
			[]doctor.Finding{{Severity: doctor.Error, Summary: "v1.36.3" + ends, Remedy: gated}}},
		"from a URL": {"v1.33.13", "v1.34.4", func(f *doctor.Facts) { f.StaticPods = doctor.StaticPods{FromURL: true} }, []doctor.Finding{{
			Severity: doctor.Unknown, Summary: "whether v1.34.4 refuses the static pods of the URL (staticPodURL, --manifest-url) is not known",
			Remedy: "see that none of them names an object of the API server, such as a secret, a config map or a resource claim",
		}}},
		"a file that can't be read": {"v1.33.13", "v1.34.4", func(f *doctor.Facts) { f.StaticPods.Referring, f.StaticPods.Unread = nil, []string{"/m/a", "/m/b"} }, []doctor.Finding{{
			Severity: doctor.Unknown, Summary: "whether v1.34.4 refuses these static pods is not known, since the files can't be read: /m/a, /m/b",
			Remedy: "see that none of them is the manifest of a pod that names an object of the API server, such as a secret, a config map or a resource claim",
		}}},
		"the folder can't be read": {"v1.33.13", "v1.34.4", func(f *doctor.Facts) { f.StaticPods = doctor.StaticPods{Err: errSome} },
			[]doctor.Finding{{Severity: doctor.Unknown, Summary: "whether v1.34.4 refuses a static pod is not known: some reason", Remedy: "see the finding of static-pods"}}},
	} {
		t.Run(name, func(t *testing.T) {
			facts := good(t)
			facts.From, facts.To = release(t, test.from), release(t, test.to)
			facts.StaticPods.Referring = []doctor.Referring{naming}
			test.change(&facts)
			var got []doctor.Finding
			for _, finding := range doctor.Diagnose(facts) {
				if finding.Check == "refused-static-pods" {
					finding.Check = ""
					got = append(got, finding)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// Which fields a manifest has is said, and never what is in them.
func TestRefusedStaticPodsNameNoMoreThanFields(t *testing.T) {
	facts := good(t)
	facts.To = release(t, "v1.37.2")
	pod, err := podmanifest.Parse([]byte("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {serviceAccountName: hunter2, containers: [{name: c}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	references, err := podmanifest.ReferencesOf(pod)
	if err != nil {
		t.Fatal(err)
	}
	facts.StaticPods.Referring = []doctor.Referring{{Pod: "default/a", Manifest: "/m/a.yaml", References: references}}
	got := wanted(doctor.Diagnose(facts), "refused-static-pods")
	if got.Severity != doctor.Error || strings.Contains(got.Summary+got.Remedy, "hunter2") {
		t.Errorf("got %+v", got)
	}
}
