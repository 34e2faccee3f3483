package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/steadylet/steadylet/internal/nodestate"
	"github.com/steadylet/steadylet/statefile"
)

func newRepair(a app) *cobra.Command {
	var request nodestate.Request
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Puts a good state file in a damaged one's place",
		Long: `Puts a good state file in the place of a damaged or missing one: its previous copy,
or, where that is no better, a new one as steadylet state generate makes it. The damaged
file is kept as state.json.corrupt-<time>. A whole file is left alone.

Stop a patched kubelet first. It mends the file itself when it starts, but can't
generate one.

Exit status:
  0  mended, or whole already
  1  any other error: usage, rights, a container runtime that does not answer
  2  what lies in the file's way is a link, or another user's
  4  the state file was written by a later release
  5  refused: a patched kubelet runs
  8  no kubelet runs, and --kubelet was left out`,
		Example: `  steadylet state repair --dry-run
  steadylet state repair`,
		Args: noArgs,
	}
	finish := addKubelet(cmd.Flags(), a, &request)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would be done, and change nothing")
	output := addOutput(cmd, a)
	cmd.RunE = a.reporting(output, finish, func(ctx context.Context) (result, error) {
		return a.repair(ctx, request, dryRun)
	})
	return cmd
}

func (a app) repair(ctx context.Context, request nodestate.Request, dryRun bool) (result, error) {
	rootDir, err := request.RootDir(*a.proc)
	if err != nil {
		return result{}, err
	}
	if err := nodestate.CheckRoot(rootDir); err != nil {
		return result{}, err
	}
	path := statefile.Path(rootDir)
	how, state, err := nodestate.Inspect(path).Choose()
	made := result{Path: path, From: how}
	if err != nil || how == nodestate.Nothing {
		return made, err
	}
	if err := nodestate.CheckUnused(path); err != nil {
		return result{}, err
	}
	if how == nodestate.Regenerate {
		_, plan, err := request.Generate(ctx, *a.proc, time.Now())
		if err != nil {
			return result{}, err
		}
		state, made.LeftOut, made.Warnings = plan.State, plan.LeftOut, plan.Warnings
	}
	if made.State, err = sealed(state); err != nil || dryRun {
		return made, err
	}
	made.Aside, err = nodestate.Write(rootDir, state, false, time.Now())
	made.Written = err == nil
	return made, err
}
