package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/steadylet/steadylet/internal/cri"
	"github.com/steadylet/steadylet/internal/nodepods"
	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/internal/predict"
)

const predictHelp = `Forecasts which containers an upgrade of the kubelet in place restarts, which it keeps,
and why. It changes nothing.

PODS is a list of pods in JSON (kubectl get pods -A -o json, or a kubelet's /pods), or - for
one on standard input; several lists, or a pod on each line, may follow one another. Or it
is a static pod's manifest in YAML, or a folder of manifests. Without it, this node is
asked: its container runtime and its manifests. The runtime knows no specs, so a list says
more; with --runtime-endpoint the list is compared with the hashes that are really on the
containers.

A list of a kubelet's own lacks the fields that this kubelet does not know. A list of the API
server lacks the static pods that name its objects; on the node, without --from and with
--runtime-endpoint, they are added from their manifests. The verdicts:

  kept               any kubelet keeps it
  restarts           it is restarted, or recreated with its pod
  ends               the new kubelet refuses its static pod, and does not run it: from 1.34 on
                     a static pod can't name objects of the API server, such as a service
                     account, a secret or a config map
  kept by steadylet  stock restarts it, patched does not; the step is one of
                     "How a container is kept" in README.md
  unknown            it can't be told; the reason says what would help

With --fail-on a pipeline stops rather than pass what nobody has looked at: a file of a folder
that is no manifest or can't be read, a pod that two files give, what is behind the first
document of a manifest, a page of a longer list, and an input without any container end with
status 11, and a warning says what was left out and why. A verdict that is named comes first,
with status 6. Name unknown too, unless you mean to pass what can't be told.

The forecast is about hashes, UIDs, the objects that static pods name, and the resizePolicy
RestartContainer, for which any kubelet from 1.33 on restarts a container that an older one
started. It assumes that nobody edits a pod meanwhile.

Exit status:
  0  done
  1  any other error: usage, rights, a container runtime that does not answer
  6  a container has a verdict that --fail-on names
  8  no kubelet runs here, and --from or PODS was left out
  11 with --fail-on: something was left out, or there is no container`

const predictExample = `  # what would a stock upgrade do to this cluster's containers? and a patched one?
  kubectl get pods -A -o json | steadylet predict --from v1.30.14 --to v1.31.0 --stock -
  kubectl get pods -A -o json | steadylet predict --from v1.30.14 --to v1.31.0 -

  # on the node, with the hashes on its containers
  kubectl get pods -A -o json --field-selector spec.nodeName=db-3 > pods.json
  steadylet predict --to v1.31.0 --runtime-endpoint unix:///run/containerd/containerd.sock pods.json

  # and what would going back to the stock kubelet restart?
  steadylet predict --to v1.30.14 --stock --runtime-endpoint unix:///run/containerd/containerd.sock pods.json

  # in a pipeline: fail where a static pod would be recreated
  steadylet predict --from v1.30.14 --to v1.31.0 --stock --fail-on restarts,unknown /etc/kubernetes/manifests

  # which upgrade restarts what, as a picture
  steadylet predict -o svg > upgrades.svg`

// predictFlags are what a person says.
type predictFlags struct {
	from, to       string
	stock, patched bool
	failOn         []string
	failing        bool // --fail-on is said
	podCgroups     bool
	saysCgroups    bool // --cgroups-per-qos is said
	request        nodestate.Request
	asksRuntime    bool
}

func newPredict(a app) *cobra.Command {
	var flags predictFlags
	cmd := &cobra.Command{
		Use:     "predict [PODS]",
		Short:   "Forecasts which containers an upgrade restarts, and why",
		Long:    predictHelp,
		Example: predictExample,
		Args:    args("PODS", 0, 1),
	}
	finish := addKubelet(cmd.Flags(), a, &flags.request)
	cmd.Flags().StringVar(&flags.from, "from", "", "the old kubelet's version, with +steadylet where it is patched (default: that of the kubelet that runs)")
	cmd.Flags().StringVar(&flags.to, "to", "", "the new kubelet's version")
	cmd.Flags().BoolVar(&flags.stock, "stock", false, "the new kubelet is a stock one")
	cmd.Flags().BoolVar(&flags.patched, "patched", false, "the new kubelet is a patched one (default)")
	cmd.Flags().StringSliceVar(&flags.failOn, "fail-on", nil, "exit with status 6 if a container has this verdict (restarts, which covers ends; ends; unknown), with 11 if the forecast is not of everything")
	cmd.Flags().BoolVar(&flags.podCgroups, "cgroups-per-qos", true, "what the kubelet has for cgroupsPerQOS (default: what this node says where it is asked, else true)")
	cmd.Flags().Lookup("cgroups-per-qos").DefValue = "false" // the usage text says more than true
	output := addOutput(cmd, a, "svg")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		flags.saysCgroups = cmd.Flags().Changed("cgroups-per-qos")
		flags.failing = cmd.Flags().Changed("fail-on")
		if cmd.Flags().Changed("patched") && flags.patched == flags.stock {
			return errors.New("--stock and --patched are opposites, and a patched kubelet is the default: give one of them")
		}
		format, err := settled(output, func() error { return errors.Join(finish(), flags.check()) })
		if err != nil {
			return err
		}
		if format == "svg" {
			return a.picture(flags, args)
		}
		flags.asksRuntime = cmd.Flags().Changed("runtime-endpoint") || len(args) == 0
		return a.predict(cmd.Context(), flags, args, format)
	}
	return cmd
}

// picture draws every pair of versions. It looks at no pods, so it can't fail for any.
func (a app) picture(flags predictFlags, args []string) error {
	if flags.failing || len(args) > 0 {
		return errors.New("-o svg draws every pair of versions, of no pods in particular: leave PODS and --fail-on out")
	}
	return predict.WriteMatrix(a.out)
}

// upgrade works out the two versions. running is that of the kubelet that runs.
func (f predictFlags) upgrade(running func() (string, error)) (u predict.Upgrade, err error) {
	if f.to == "" {
		return u, errors.New("say with --to which kubelet comes, --to v1.31.0 for example")
	}
	if u.To, err = predict.ParseVersion(f.to); err != nil {
		return u, err
	}
	if u.To.Patched && f.stock {
		return u, fmt.Errorf("--to %s is a patched kubelet, and --stock says that it is none", f.to)
	}
	u.To.Patched = !f.stock
	from := f.from
	if from == "" {
		if from, err = running(); err != nil {
			return u, fmt.Errorf("say with --from which kubelet runs: %w", err)
		}
	}
	u.From, err = predict.ParseVersion(from)
	u.Now = time.Now()
	return u, err
}

// predict gathers the pods and writes the forecast.
func (a app) predict(ctx context.Context, flags predictFlags, args []string, format string) error {
	upgrade, err := flags.upgrade(func() (string, error) { return flags.request.Running(ctx, *a.proc) })
	if err != nil {
		return err
	}
	// A list is read pod by pod, so next to nothing lives on: collecting that less often
	// takes some 20 MB more, and a tenth of the time less.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	skipped := &skips{warn: a.warn}
	// Where the old kubelet is the one that runs, its settings and its record count.
	node, err := a.node(ctx, flags, len(args) == 0 || flags.from == "")
	if err != nil && len(args) == 0 {
		return fmt.Errorf("no PODS were given (- is a list on standard input): %w", err)
	}
	if err != nil {
		return err
	}
	node.LeftOut = skipped.add
	upgrade.State, upgrade.NoPodCgroups, upgrade.Resize, upgrade.ReferencesGate = node.State, node.NoPodCgroups, node.Resize, node.ReferencesGate
	if flags.saysCgroups {
		upgrade.NoPodCgroups = !flags.podCgroups
	}
	if upgrade.To.Patched && node.SwitchedOff != "" {
		a.warn("%s switches steadylet off: the forecast is that of a stock kubelet", node.SwitchedOff)
		upgrade.To.Patched = false
	}
	writer := predict.NewWriter(a.out, format, upgrade)
	each := func(pod predict.Pod) error {
		if err := node.Annotate(&pod); err != nil {
			return err
		}
		for _, forecast := range upgrade.Pod(pod) {
			if err := writer.Add(forecast); err != nil {
				return err
			}
		}
		return nil
	}
	if len(args) == 0 {
		err = node.Pods(each)
	} else {
		err = a.pods(args[0], skipped, each, func(listed predict.Listed) error { return a.unlisted(listed, upgrade, node, each) })
	}
	if err != nil {
		return err
	}
	sums, err := writer.Close()
	if err != nil {
		return fmt.Errorf("writing the forecast: %w", err)
	}
	if sums.Total == (predict.Counts{}) {
		a.warn("no container was found")
	}
	return flags.failed(sums.Total, skipped.count)
}

// node gathers what this node says, as far as it is asked.
func (a app) node(ctx context.Context, flags predictFlags, look bool) (*nodepods.Node, error) {
	node := &nodepods.Node{}
	if !flags.asksRuntime {
		return node, nil
	}
	endpoint := flags.request.Endpoint
	if look {
		flags.request.Version = flags.from
		if err := node.Look(ctx, flags.request, *a.proc); err != nil {
			return nil, err
		}
		endpoint = node.Settings.Endpoint
	}
	containers, err := cri.Containers(ctx, endpoint, flags.request.Within)
	if err != nil {
		return nil, err
	}
	node.Runtime = nodepods.NewRuntime(containers)
	return node, nil
}

// pods reads them from where a person says. after is called after a list.
func (a app) pods(from string, skipped *skips, each func(predict.Pod) error, after func(predict.Listed) error) error {
	var in io.Reader = a.in
	if from != "-" {
		opened, manifests, err := nodepods.Open(from)
		if err != nil {
			return err
		}
		if manifests {
			return nodepods.ReadManifests(from, skipped.add, each)
		}
		defer opened.Close()
		in = opened
	}
	listed, err := predict.ReadPods(in, each)
	if err != nil {
		return err
	}
	if listed.FromKubelet {
		a.warn("this is a kubelet's own list: fields that it does not know are not in it")
	}
	if listed.Elsewhere > 0 {
		a.warn("left out, since they are on no node yet: %d pods", listed.Elsewhere)
	}
	if listed.Others > 0 {
		a.warn("left out, since they are no pods: %d objects", listed.Others)
	}
	if listed.Partial {
		skipped.add("the rest of the list", errPage)
	}
	return after(listed)
}

// unlisted adds to a list the static pods of this node that the API server does not know.
// Where the node isn't asked, it says that there may be some.
func (a app) unlisted(listed predict.Listed, upgrade predict.Upgrade, node *nodepods.Node, each func(predict.Pod) error) error {
	switch {
	case node.Settings.NodeName != "":
		return node.Unlisted(each)
	case listed.Pods > 0 && !listed.FromKubelet && upgrade.EndsUnlisted():
		to := upgrade.To.Text
		a.warn("a list of the API server has no static pods that name its objects, such as secrets and config maps, and %s refuses those: run steadylet doctor --to %[1]s on each node", to)
	}
	return nil
}

// errPage says why a list is not whole.
var errPage = errors.New("this is one page of it (metadata.continue is set); kubectl get pods -A -o json asks for all")
