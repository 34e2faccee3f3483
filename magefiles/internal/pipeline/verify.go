package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/firstrun"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// Verified is one line of the table of first runs.
type Verified struct {
	Built  *Built
	Tag    kubever.Version
	Source string
	// Report is nil, and Err says why, when the run failed.
	Report *firstrun.Report
	Err    error
}

// Verify builds the kubelet of each tree, runs it for the first time, and checks
// what it does there. versions is a list separated by commas; empty means the
// newest release of each minor version in the lock that can be built. The error
// says which kubelet failed; the table has them all.
func (p *Pipeline) Verify(ctx context.Context, versions string, from SourceOptions) ([]Verified, error) {
	tags, err := p.tags(versions)
	if err != nil {
		return nil, err
	}
	debugger, err := p.Delve(ctx)
	if err != nil {
		return nil, err
	}
	var table []Verified
	var failed []error
	for _, tag := range tags {
		from.Version = tag.String()
		verified := p.verify(ctx, tag, from, debugger)
		table = append(table, verified)
		if verified.Err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", tag, verified.Err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return table, errors.Join(failed...)
}

func (p *Pipeline) verify(ctx context.Context, tag kubever.Version, from SourceOptions, debugger string) Verified {
	verified := Verified{Tag: tag}
	tree, err := p.Source(ctx, from)
	if err != nil {
		verified.Err = err
		return verified
	}
	verified.Source = string(tree.Request.Kind)
	patched, err := p.Patch(ctx, tree, PatchOptions{Series: DefaultSeries})
	if err != nil {
		verified.Err = err
		return verified
	}
	verified.Built, err = p.Build(ctx, patched, build.Options{Component: "kubelet", Arch: runtime.GOARCH, Mode: build.Debug})
	if err != nil {
		verified.Err = err
		return verified
	}
	step := p.progress.Step("first run", progress.Packages)
	defer step.Abort()
	verified.Report, err = firstrun.Run(ctx, firstrun.Options{Kubelet: verified.Built.Path, Version: tag, Debugger: debugger})
	if err == nil {
		err = verified.Report.Check(verified.Built.Version)
	}
	verified.Err = err
	if err == nil {
		step.Done("")
	}
	return verified
}

func (p *Pipeline) tags(versions string) ([]kubever.Version, error) {
	var tags []kubever.Version
	if versions != "" {
		for _, text := range strings.Split(versions, ",") {
			tag, err := kubever.Parse(strings.TrimSpace(text))
			if err != nil {
				return nil, err
			}
			tags = append(tags, tag)
		}
		return tags, nil
	}
	for _, tag := range p.lock.Known() {
		entry, err := p.lock.Entry(tag)
		if err != nil {
			return nil, err
		}
		if entry.RootOnly {
			continue
		}
		if last := len(tags) - 1; last >= 0 && tags[last].Major == tag.Major && tags[last].Minor == tag.Minor {
			tags[last] = tag
			continue
		}
		tags = append(tags, tag)
	}
	return tags, nil
}

// WriteVerified writes the table of first runs as Markdown.
func WriteVerified(out io.Writer, table []Verified) {
	fmt.Fprintln(out, "| Kubernetes | source | kubelet says | pod runs after | state file | debugger reads `container` | result |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|")
	for _, row := range table {
		version, after, state, reads, result := "", "", "none", "no", "passed"
		if row.Err != nil {
			result = "**failed**"
		}
		if report := row.Report; report != nil {
			version, after = report.Version, progress.Round(report.RunningAfter).String()
			if report.State != nil {
				state = report.State.Kubelet.Version
			}
			if report.Reading.Readable {
				reads = fmt.Sprintf("%s, %s", report.Reading.Name, report.Reading.Image)
			}
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s |\n", row.Tag, row.Source, version, after, state, reads, result)
	}
}
