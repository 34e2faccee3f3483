// Package bench compares the pipeline with what a person would run instead. Both
// sides of each figure are measured in one call, in turns, and only their ratio
// counts.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Figure is one row of the table.
type Figure struct {
	What, Against string
	// Ours and Theirs are medians in the figure's unit.
	Ours, Theirs float64
	Unit         string
	// Bound is what Ours/Theirs should not exceed; Limit, if not 0, is what Ours
	// should not exceed by itself.
	Bound, Limit float64
	// Absolute says that there is nothing to compare with: Ours must not exceed Limit.
	Absolute bool
}

// Ratio is ours divided by theirs.
func (f Figure) Ratio() float64 { return f.Ours / f.Theirs }

// Met reports whether the figure keeps within its bounds.
func (f Figure) Met() bool {
	if f.Absolute {
		return f.Ours <= f.Limit
	}
	return f.Ratio() <= f.Bound && (f.Limit == 0 || f.Ours <= f.Limit)
}

// Print writes figures as a Markdown table.
func Print(out io.Writer, figures []Figure) {
	fmt.Fprintln(out, "| what | against | ours | theirs | ratio | bound | met |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|")
	for _, f := range figures {
		met, bound := "yes", fmt.Sprintf("%.2f", f.Bound)
		if !f.Met() {
			met = "**no**"
		}
		if f.Absolute {
			fmt.Fprintf(out, "| %s | %s | %.3g %s | | | %g | %s |\n", f.What, f.Against, f.Ours, f.Unit, f.Limit, met)
			continue
		}
		if f.Limit > 0 {
			bound += fmt.Sprintf(", %g %s", f.Limit, f.Unit)
		}
		fmt.Fprintf(out, "| %s | %s | %.3g %s | %.3g %s | %.2f | %s | %s |\n",
			f.What, f.Against, f.Ours, f.Unit, f.Theirs, f.Unit, f.Ratio(), bound, met)
	}
}

// Usage is what one run took.
type Usage struct {
	// Wall is in seconds, Memory in MiB (the process's largest resident set).
	Wall, Memory float64
}

// timed is a program to time.
type timed struct {
	args []string
	dir  string
	env  []string
	// before runs first, and is not counted.
	before func() error
	// fresh, if not empty, is where each run gets a folder of its own: a path in it,
	// of nothing yet, is the last argument.
	fresh string
}

// run runs the program once.
func (t timed) run(ctx context.Context) (Usage, error) {
	if t.before != nil {
		if err := t.before(); err != nil {
			return Usage{}, err
		}
	}
	args := t.args
	if t.fresh != "" {
		own, err := os.MkdirTemp(t.fresh, "run-")
		if err != nil {
			return Usage{}, err
		}
		args = append(slices.Clone(args), filepath.Join(own, "target"))
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = t.dir, append(os.Environ(), t.env...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	wall := time.Since(start).Seconds()
	if err != nil {
		return Usage{}, fmt.Errorf("timing %v: %w\n%s", args, err, out)
	}
	usage := Usage{Wall: wall}
	if resources, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		usage.Memory = float64(resources.Maxrss) / 1024
	}
	return usage, nil
}

// pair runs two programs in turns and returns the medians of each.
func pair(ctx context.Context, rounds int, ours, theirs timed) (Usage, Usage, error) {
	var mine, others []Usage
	for range rounds {
		usage, err := ours.run(ctx)
		other, otherErr := theirs.run(ctx)
		if err := errors.Join(err, otherErr); err != nil {
			return Usage{}, Usage{}, err
		}
		mine, others = append(mine, usage), append(others, other)
	}
	return median(mine), median(others), nil
}

func median(usages []Usage) Usage {
	middle := func(value func(Usage) float64) float64 {
		values := make([]float64, len(usages))
		for i, usage := range usages {
			values[i] = value(usage)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return Usage{Wall: middle(func(u Usage) float64 { return u.Wall }), Memory: middle(func(u Usage) float64 { return u.Memory })}
}

// Median returns the middle one of some durations, which it sorts.
func Median(durations []time.Duration) time.Duration {
	slices.Sort(durations)
	return durations[len(durations)/2]
}
