package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/steadylet/steadylet/internal/predict"
)

// errForecast is that of a forecast with what --fail-on names.
var errForecast = errors.New("the forecast has what --fail-on names")

// errIncomplete is that of a forecast that is not of everything, with --fail-on.
var errIncomplete = errors.New("the forecast is not of everything, and --fail-on passes nothing that wasn't looked at")

// failVerdicts are those that --fail-on takes, the worst first.
var failVerdicts = []predict.Verdict{predict.Ends, predict.Restarts, predict.Unknown}

func (f predictFlags) check() error {
	if f.failing && len(f.failOn) == 0 {
		return errors.New("--fail-on is empty: want restarts, ends or unknown")
	}
	for _, verdict := range f.failOn {
		if !slices.Contains(failVerdicts, predict.Verdict(verdict)) {
			return fmt.Errorf("--fail-on %s is not known: want restarts, ends or unknown", verdict)
		}
	}
	return nil
}

// fails reports whether --fail-on names a verdict. Who does not want restarts does not want
// the end of a pod either.
func (f predictFlags) fails(verdict predict.Verdict) bool {
	return slices.Contains(f.failOn, string(verdict)) || verdict == predict.Ends && slices.Contains(f.failOn, string(predict.Restarts))
}

// failed is the error of a forecast that a pipeline must not pass.
func (f predictFlags) failed(total predict.Counts, skipped int) error {
	for _, verdict := range failVerdicts {
		count := map[predict.Verdict]int{predict.Ends: total.Ends, predict.Restarts: total.Restarts, predict.Unknown: total.Unknown}[verdict]
		if count > 0 && f.fails(verdict) {
			return fmt.Errorf("%w: %s: %d containers", errForecast, verdict, count)
		}
	}
	switch {
	case !f.failing:
		return nil
	case skipped > 0:
		return fmt.Errorf("%w: %d left out, see the warnings", errIncomplete, skipped)
	case total == (predict.Counts{}):
		return fmt.Errorf("%w: there is no container in it", errIncomplete)
	}
	return nil
}

// skips counts what should have been in the forecast, and says why it isn't.
type skips struct {
	warn  func(format string, args ...any)
	count int
}

func (s *skips) add(what string, why error) {
	s.count++
	s.warn("%s is left out: %v", what, why)
}
