// Package progress tells a person how long work goes: a bar with rate and
// remaining time on a terminal, plain lines elsewhere. It also keeps how long
// each step took, for the summary at the end.
//
// Everything goes to one writer, which should be the standard error, so that
// the standard output stays free for results.
package progress

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Unit is what a step counts.
type Unit string

// The units that steps count in. Bytes are shown with binary prefixes.
const (
	Bytes    Unit = "bytes"
	Files    Unit = "files"
	Packages Unit = "packages"
	Patches  Unit = "patches"
)

// plainInterval is how often a step reports where there is no terminal.
const plainInterval = 10 * time.Second

// Reporter shows steps. It is safe for concurrent use.
type Reporter struct {
	out      io.Writer
	bars     *mpb.Progress // nil where plain lines are written
	mu       sync.Mutex    // guards out and finished
	finished []Finished
}

// Finished is a step that has ended.
type Finished struct {
	Name     string
	Duration time.Duration
	// Note says what the step found or why it had nothing to do.
	Note string
}

// New returns a Reporter on out; terminal chooses bars instead of lines.
func New(out io.Writer, terminal bool) *Reporter {
	r := &Reporter{out: out}
	if terminal {
		r.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(40), mpb.WithAutoRefresh())
	}
	return r
}

// Say writes one line.
func (r *Reporter) Say(format string, args ...any) {
	line := fmt.Sprintf(format, args...) + "\n"
	if r.bars != nil {
		// The bars' own writer keeps the line above them.
		fmt.Fprint(r.bars, line)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprint(r.out, line)
}

// Step starts a step. It ends with Done or Abort.
func (r *Reporter) Step(name string, unit Unit) *Step {
	s := &Step{reporter: r, name: name, unit: unit, start: time.Now(), over: make(chan struct{})}
	if r.bars == nil {
		r.Say("%s: started", name)
		go s.report()
		return s
	}
	counters := decor.CountersNoUnit("%d / %d "+string(unit), decor.WCSyncSpace)
	speed := decor.AverageSpeed(0, "%.0f/s", decor.WCSyncSpace)
	if unit == Bytes {
		counters = decor.CountersKibiByte("% .1f / % .1f", decor.WCSyncSpace)
		speed = decor.AverageSpeed(decor.SizeB1024(0), "% .1f", decor.WCSyncSpace)
	}
	s.bar = r.bars.AddBar(0,
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), counters),
		mpb.AppendDecorators(speed, decor.Name("  "), decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO), "done")),
	)
	return s
}

// Finished returns the steps that have ended so far, in that order.
func (r *Reporter) Finished() []Finished {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Finished(nil), r.finished...)
}

// Close waits until the bars are drawn for the last time.
func (r *Reporter) Close() {
	if r.bars != nil {
		r.bars.Wait()
	}
}

// Step is one piece of work in progress. It is safe for concurrent use.
type Step struct {
	reporter *Reporter
	bar      *mpb.Bar
	name     string
	unit     Unit
	start    time.Time
	over     chan struct{} // closed at the end

	mu          sync.Mutex // guards what follows
	done, total int64
	ended       bool
}

// report writes a line now and then, also while nothing moves, until the step ends.
func (s *Step) report() {
	ticker := time.NewTicker(plainInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.over:
			return
		case <-ticker.C:
			s.mu.Lock()
			if !s.ended {
				s.reporter.Say("%s: %s", s.name, s.amount(time.Since(s.start)))
			}
			s.mu.Unlock()
		}
	}
}

// Set says how much is done, of how much; a total of 0 means it isn't known yet.
func (s *Step) Set(done, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.total = done, total
	if s.bar != nil {
		// A bar whose total is reached is complete for good: only Done ends it.
		s.bar.SetTotal(max(total, done+1), false)
		s.bar.SetCurrent(done)
	}
}

// amount describes how far the step is after the elapsed time. When all is done but not
// ended, as while a program is linked, nobody knows how long that takes.
func (s *Step) amount(elapsed time.Duration) string {
	so := elapsed.Round(time.Second)
	if s.total <= 0 || s.done <= 0 {
		return fmt.Sprintf("%d %s, %s so far", s.done, s.unit, so)
	}
	text := fmt.Sprintf("%d of %d %s (%d%%), %s so far", s.done, s.total, s.unit, 100*s.done/s.total, so)
	remaining := time.Duration(float64(elapsed) * float64(s.total-s.done) / float64(s.done))
	if remaining = remaining.Round(time.Second); remaining > 0 {
		text += fmt.Sprintf(", about %s left", remaining)
	}
	return text
}

// Done ends the step; note, which may be empty, is shown with its duration.
func (s *Step) Done(note string) {
	if !s.end() {
		return
	}
	finished := Finished{Name: s.name, Duration: time.Since(s.start), Note: note}
	s.reporter.mu.Lock()
	s.reporter.finished = append(s.reporter.finished, finished)
	s.reporter.mu.Unlock()
	if s.bar != nil {
		s.bar.SetTotal(-1, true)
		return
	}
	if note != "" {
		note = ": " + note
	}
	s.reporter.Say("%s: done in %s%s", s.name, Round(finished.Duration), note)
}

// Abort ends a step that failed. After Done it does nothing, so that it can be
// deferred.
func (s *Step) Abort() {
	if s.end() && s.bar != nil {
		s.bar.Abort(false)
	}
}

func (s *Step) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.ended
	if s.ended = true; first {
		close(s.over)
	}
	return first
}

// Round shortens a duration to what a person wants to read.
func Round(d time.Duration) time.Duration {
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	default:
		return d.Round(time.Millisecond)
	}
}
