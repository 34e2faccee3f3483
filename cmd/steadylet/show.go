package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/statefile"
)

func newShow(a app) *cobra.Command {
	var request nodestate.Request
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Prints what the state file says",
		Long: `Prints what the state file says: which kubelet ran since when, the static pods with
their UIDs, and the containers whose hash will prove nothing any more.

Exit status:
  0  the file is whole
  1  any other error: usage, rights
  2  it is damaged
  3  it is missing
  4  it was written by a later release`,
		Example: `  steadylet state show
  steadylet state show --root-dir /data/kubelet -o json`,
		Args: noArgs,
	}
	addRootDir(cmd.Flags(), &request)
	output := addOutput(cmd, a)
	cmd.RunE = func(*cobra.Command, []string) error {
		format, err := output()
		if err != nil {
			return err
		}
		rootDir, err := request.RootDir(*a.proc)
		if err != nil {
			return err
		}
		inspection := nodestate.Inspect(statefile.Path(rootDir))
		if err := inspection.Check(); err != nil {
			return err
		}
		state := inspection.Current.State
		return print(a.out, format, state, func(rows *tabwriter.Writer) {
			fmt.Fprintf(rows, "State file\t%s\n", inspection.Current.Path)
			stateTable(rows, state)
		})
	}
	return cmd
}

// stateTable writes a state for people.
func stateTable(rows *tabwriter.Writer, state statefile.State) {
	fmt.Fprintf(rows, "Kubelet\t%s\n", state.Kubelet.Version)
	fmt.Fprintf(rows, "  first started\t%s\n", when(state.Kubelet.StartTime))
	fmt.Fprintf(rows, "  last started\t%s\n", when(state.Kubelet.LastStart))
	for _, start := range state.History {
		fmt.Fprintf(rows, "Before\t%s, first started %s\n", start.Version, when(start.StartTime))
	}
	fmt.Fprintf(rows, "Static pods\t%d\n", len(state.StaticPods))
	for _, path := range slices.Sorted(maps.Keys(state.StaticPods)) {
		pod := state.StaticPods[path]
		fmt.Fprintf(rows, "  %s\tUID %s, of %s\n", pod.Pod, pod.UID, path)
	}
	fmt.Fprintf(rows, "Containers\t%d\n", len(state.Containers))
	for _, id := range slices.Sorted(maps.Keys(state.Containers)) {
		container := state.Containers[id]
		created := container.CreatedUnder
		if created == "" {
			created = "an unknown version"
		}
		fmt.Fprintf(rows, "  %.12s\tadopted %s, created under %s\n", id, when(container.Adopted), created)
	}
}

func newVerifyState(a app) *cobra.Command {
	var request nodestate.Request
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Checks that the state file is whole",
		Long: `Checks that the state file is whole: its checksum, its schema, its owner and mode,
and that no link leads to it. It changes nothing; the exit status says the result, and
so does the output, also of a file that is not whole.

Exit status:
  0  the file is whole
  1  any other error: usage, rights
  2  it is damaged
  3  it is missing
  4  it was written by a later release`,
		Example: `  steadylet state verify || steadylet state repair
  steadylet state verify -o json`,
		Args: noArgs,
	}
	addRootDir(cmd.Flags(), &request)
	output := addOutput(cmd, a)
	cmd.RunE = func(*cobra.Command, []string) error {
		format, err := output()
		if err != nil {
			return err
		}
		rootDir, err := request.RootDir(*a.proc)
		if err != nil {
			return err
		}
		inspection := nodestate.Inspect(statefile.Path(rootDir))
		made := verified{
			Path: inspection.Current.Path, Condition: inspection.Current.Condition, Previous: inspection.Previous.Condition, Remedy: inspection.Remedy(),
		}
		err = print(a.out, format, made, func(rows *tabwriter.Writer) { fmt.Fprintf(rows, "%s is %s\n", made.Path, made.Condition) })
		if err := errors.Join(err, inspection.Check()); err != nil {
			return err
		}
		if inspection.Previous.Condition == nodestate.Damaged {
			a.warn("its previous copy is not: %v", inspection.Previous.Err)
		}
		return nil
	}
	return cmd
}

// verified is what state verify prints.
type verified struct {
	Path      string              `json:"path"`
	Condition nodestate.Condition `json:"condition"`
	// Previous is the condition of the previous copy.
	Previous nodestate.Condition `json:"previous"`
	Remedy   string              `json:"remedy,omitempty"`
}
