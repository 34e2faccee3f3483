package upgrade

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Fitting returns the scenarios for which the options have all they need, and says
// which it leaves out.
func Fitting(options Options, scenarios []Scenario) []Scenario {
	var fit []Scenario
	for _, scenario := range scenarios {
		if err := scenario.Check(options); err != nil {
			options.Say("left out: %v", err)
			continue
		}
		fit = append(fit, scenario)
	}
	return fit
}

// RunAll runs one scenario after the other and writes a table of each. The error lists
// every deviation, and every run that failed; it goes on after both.
func RunAll(ctx context.Context, options Options, scenarios []Scenario, out io.Writer) ([]*Result, error) {
	var results []*Result
	var failures []error
	for _, scenario := range scenarios {
		result, err := Run(ctx, options, scenario)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s -> %s, scenario %s: %w", options.From, options.To, scenario.Name, err))
		} else {
			WriteRun(out, result)
			results = append(results, result)
			failures = append(failures, result.Check())
		}
		if ctx.Err() != nil {
			break
		}
	}
	return results, errors.Join(failures...)
}
