package pipeline

import (
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/progress"
)

// PrintBuilt writes what was built and where, and how long each step took. Only
// the path goes to the results, so that it can be piped.
func (p *Pipeline) PrintBuilt(built *Built) {
	path := built.Path
	if relative, err := filepath.Rel(p.config.Root, path); err == nil {
		path = relative
	}
	p.progress.Close()
	messages := p.config.Messages
	if built.Cached {
		fmt.Fprintf(messages, "%s is up to date: nothing was done\n", built.Version)
	} else {
		fmt.Fprintf(messages, "built %s\n", built.Version)
		table := tabwriter.NewWriter(messages, 0, 0, 2, ' ', 0)
		var total time.Duration
		for _, step := range p.progress.Finished() {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", step.Name, progress.Round(step.Duration), step.Note)
			total += step.Duration
		}
		fmt.Fprintf(table, "  total\t%s\t\n", progress.Round(total))
		table.Flush()
	}
	fmt.Fprintln(p.config.Results, path)
}
