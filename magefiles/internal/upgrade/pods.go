package upgrade

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/testnode"
)

// object and list are JSON.
type (
	object = map[string]any
	list   = []any
)

// kind says how a kubelet treats a container.
type kind int

const (
	regular kind = iota
	// initial is an init container that ends.
	initial
	// sidecar is an init container with restartPolicy Always.
	sidecar
)

// containerName names a container by its pod and its own name.
type containerName struct{ Pod, Container string }

func (n containerName) String() string { return n.Pod + "/" + n.Container }

func compareNames(a, b containerName) int {
	return cmp.Or(cmp.Compare(a.Pod, b.Pod), cmp.Compare(a.Container, b.Container))
}

// container is one that the rig looks at.
type container struct {
	containerName
	kind kind
	// static says that the pod comes from a manifest, madeUpUID that the kubelet
	// has to make up its UID.
	static, madeUpUID bool
	// later says that it is created under the second kubelet of a path.
	later bool
}

// pod is a pod of the rig.
type pod struct {
	name   string
	static bool
	// uid is that of a static pod, or empty.
	uid  string
	spec object
}

// manifest returns the pod as it is sent to the API server, or put into the folder of
// static pods.
func (p pod) manifest(namespace string) object {
	metadata := object{"name": p.name, "namespace": namespace}
	if p.uid != "" {
		metadata["uid"] = p.uid
	}
	spec := object{
		"hostNetwork": true, "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
		"tolerations": list{object{"operator": "Exists"}},
	}
	if !p.static {
		spec["nodeName"] = testnode.NodeName
	}
	for name, value := range p.spec {
		spec[name] = value
	}
	return object{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
}

// containers lists the pod's containers, the init containers first.
func (p pod) containers() []container {
	var found []container
	add := func(field string, kindOf func(object) kind) {
		entries, _ := p.spec[field].(list)
		for _, entry := range entries {
			name := containerName{p.name, entry.(object)["name"].(string)}
			found = append(found, container{containerName: name, kind: kindOf(entry.(object)), static: p.static, madeUpUID: p.static && p.uid == ""})
		}
	}
	add("initContainers", func(spec object) kind {
		if spec["restartPolicy"] == "Always" {
			return sidecar
		}
		return initial
	})
	add("containers", func(object) kind { return regular })
	return found
}

// sleeper returns a container that sleeps, with more fields.
func sleeper(name string, more object) object {
	spec := object{"name": name, "image": testnode.AppImage, "imagePullPolicy": "Never"}
	for field, value := range more {
		spec[field] = value
	}
	return spec
}

func busybox(args ...string) object {
	return object{"command": append([]string{"/bin/busybox"}, args...)}
}

// The ports on which containers serve, for probes. The pods have the node's network.
const (
	staticPort = 18081
	helperPort = 18082
)

// server returns the fields of a container that serves from a folder on the node's
// loopback address, with the probes that kubeadm's static pods have. Where it can't have the
// port yet, since the pod that it replaces still ends, it tries again: another container of
// its own accord would be counted.
func server(folder string, port int) object {
	serve := fmt.Sprintf("/bin/busybox mkdir -p %[1]s && echo well >%[1]s/index.html && while :; do /bin/busybox httpd -f -p 127.0.0.1:%[2]d -h %[1]s; /bin/busybox sleep 1; done", folder, port)
	fields := busybox("sh", "-c", serve)
	probe := object{"httpGet": object{"host": "127.0.0.1", "port": port, "path": "/index.html", "scheme": "HTTP"}, "timeoutSeconds": 15}
	fields["readinessProbe"] = merged(probe, object{"periodSeconds": 1, "failureThreshold": 3})
	fields["livenessProbe"] = merged(probe, object{"periodSeconds": 10, "failureThreshold": 8, "initialDelaySeconds": 10})
	return fields
}

// merged returns an object with the fields of both, the second's where both have one.
func merged(a, b object) object {
	both := object{}
	for _, fields := range []object{a, b} {
		for name, value := range fields {
			both[name] = value
		}
	}
	return both
}

// fixedUID is that of the static pod which has one.
const fixedUID = "5f7e1ad5-0000-4000-8000-000000000002"

// podsFor returns the pods that every kubelet from the version oldest on can run. Their
// fields are those that the version knowing knows.
func podsFor(oldest, knowing kubever.Version) []pod {
	pods := []pod{
		{name: "plain", spec: object{"containers": list{sleeper("app", nil)}}},
		{name: "rich", spec: richSpec()},
		{name: "init", spec: object{
			"initContainers": list{sleeper("prepare", busybox("true"))},
			"containers":     list{sleeper("app", nil)},
		}},
		{name: "recent", spec: recentSpec(knowing.Minor)},
		{name: "static", static: true, spec: object{"containers": list{sleeper("app", server("/www", staticPort))}}},
		{name: "static-uid", static: true, uid: fixedUID, spec: object{"containers": list{sleeper("app", nil)}}},
	}
	if oldest.Minor >= 29 {
		pods = append(pods, pod{name: "sidecar", spec: object{
			"initContainers": list{sleeper("proxy", object{"restartPolicy": "Always"})},
			"containers":     list{sleeper("app", nil)},
		}})
	}
	return pods
}

// moreStaticPods are static pods with UIDs of their own, to be edited.
func moreStaticPods(Options) []pod {
	secure := func() object {
		return object{"containers": list{sleeper("app", object{"securityContext": object{"allowPrivilegeEscalation": false}})}}
	}
	return []pod{
		{name: staticNewer.Pod, static: true, uid: "5f7e1ad5-0000-4000-8000-000000000003", spec: secure()},
		{name: staticLater.Pod, static: true, uid: "5f7e1ad5-0000-4000-8000-000000000004", spec: secure()},
	}
}

// appArmorSince is the minor version from which kubelets know appArmorProfile.
const appArmorSince = 30

// resizePolicySince is the minor version from which kubelets know resizePolicy.
const resizePolicySince = 27

// resizablePod is one whose container asks to be restarted when its resources are resized.
func resizablePod(Options) []pod {
	policy := func(resource string) object {
		return object{"resourceName": resource, "restartPolicy": "RestartContainer"}
	}
	resources := object{"cpu": "20m", "memory": "32Mi"}
	return []pod{{name: resizeApp.Pod, spec: object{"containers": list{sleeper(resizeApp.Container, object{
		"resizePolicy": list{policy("cpu"), policy("memory")}, "resources": object{"requests": resources, "limits": resources},
	})}}}}
}

// sickFile makes the liveness probe of rich/app fail once, in its volume.
const sickFile = "sick"

// richSpec has what a pod usually has.
func richSpec() object {
	mounts := list{object{"name": "scratch", "mountPath": "/scratch"}}
	heal := "if [ -e /scratch/" + sickFile + " ]; then /bin/busybox rm /scratch/" + sickFile + "; exit 1; fi"
	app := sleeper("app", object{
		"env": list{
			object{"name": "LITERAL", "value": "one"},
			object{"name": "POD", "valueFrom": object{"fieldRef": object{"fieldPath": "metadata.name"}}},
			object{"name": "NODE", "valueFrom": object{"fieldRef": object{"fieldPath": "spec.nodeName"}}},
		},
		"ports":           list{object{"containerPort": 18080, "name": "web"}},
		"volumeMounts":    mounts,
		"resources":       object{"requests": object{"cpu": "10m", "memory": "16Mi"}, "limits": object{"cpu": "500m", "memory": "64Mi"}},
		"livenessProbe":   object{"exec": busybox("sh", "-c", heal), "periodSeconds": 2, "failureThreshold": 1, "timeoutSeconds": 10},
		"readinessProbe":  object{"exec": busybox("true"), "periodSeconds": 5, "timeoutSeconds": 10},
		"lifecycle":       object{"postStart": object{"exec": busybox("true")}},
		"securityContext": object{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": object{"drop": list{"ALL"}}},
	})
	return object{
		"volumes":    list{object{"name": "scratch", "emptyDir": object{}}},
		"containers": list{app, sleeper("helper", merged(server("/scratch/www", helperPort), object{"volumeMounts": mounts}))},
	}
}

// recentSpec has the fields that came after 1.16, as far as that minor version knows
// them.
func recentSpec(minor int) object {
	security := object{"seccompProfile": object{"type": "RuntimeDefault"}}
	fields := object{"securityContext": security}
	if minor >= 24 {
		// Nobody answers: the container is not ready, which restarts nothing.
		fields["readinessProbe"] = object{"grpc": object{"port": 1}, "periodSeconds": 10}
	}
	if minor >= resizePolicySince {
		fields["resizePolicy"] = list{object{"resourceName": "cpu", "restartPolicy": "NotRequired"}}
		fields["resources"] = object{"requests": object{"cpu": "10m"}}
	}
	if minor >= appArmorSince { // and sleep, from 1.29 on
		fields["lifecycle"] = object{"preStop": object{"sleep": object{"seconds": 1}}}
		security["appArmorProfile"] = object{"type": "Unconfined"}
	}
	return object{"containers": list{sleeper("app", fields)}}
}

// gatesFor returns the API server's feature gates without which it would drop fields
// of the pods that the version knowing knows.
func gatesFor(knowing kubever.Version) []string {
	if knowing.Minor >= resizePolicySince {
		return []string{"InPlacePodVerticalScaling=true"}
	}
	return nil
}

// containersOf lists the containers of all pods, sorted by name.
func containersOf(pods []pod) []container {
	var found []container
	for _, pod := range pods {
		found = append(found, pod.containers()...)
	}
	slices.SortFunc(found, func(a, b container) int { return compareNames(a.containerName, b.containerName) })
	return found
}

// staticName is the name that a kubelet gives to the static pod of that name in the rig.
func staticName(name string) string { return name + "-" + testnode.NodeName }

// rigName is the name in the rig of a pod, static or not, with that name on the node.
func rigName(name string) string { return strings.TrimSuffix(name, "-"+testnode.NodeName) }
