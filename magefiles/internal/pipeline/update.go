package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/impact"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/update"
)

// UpdateOptions say what is done with new tags.
type UpdateOptions struct {
	// DryRun writes nothing.
	DryRun bool
	// JSON prints the report as one JSON value.
	JSON bool
}

// remoteAnswersWithin is how long the lock's repository may take to list its tags.
const remoteAnswersWithin = 10 * time.Second

// Update looks for new tags, tries every series on each, compares what an upgrade to it
// does with containers, and prints a short report. Tags that are safe are added to the
// lock and recorded, unless it is a dry run; the others are left for a person, so that
// what is locked stays proven. What can't be found out of one tag does not keep the
// others from being looked at.
func (p *Pipeline) Update(ctx context.Context, options UpdateOptions) error {
	tags, err := p.publishedTags(ctx)
	if err != nil {
		return err
	}
	names, err := p.seriesNames()
	if err != nil {
		return err
	}
	var findings []update.Finding
	var failures []error
	locked := false
	for _, tag := range update.New(tags, p.lock.Known()) {
		p.progress.Say("looking at %s", tag)
		finding, err := p.judge(ctx, names, tag)
		if err != nil {
			return err
		}
		if !options.DryRun && finding.Verdict == update.Safe {
			if err := p.addToLock(ctx, LockOptions{Version: tag.String()}); err != nil {
				failures = append(failures, fmt.Errorf("locking %s: %w", tag, err))
			} else {
				finding.Locked, locked = true, true
			}
		}
		findings = append(findings, finding)
	}
	if locked {
		failures = append(failures, p.Lock(ctx, LockOptions{}))
	}
	p.progress.Close()
	write := update.Write
	if options.JSON {
		write = update.WriteJSON
	}
	return errors.Join(append(failures, write(p.config.Results, findings))...)
}

// publishedTags lists what the module proxy and the lock's repository have. The
// repository need not answer.
func (p *Pipeline) publishedTags(ctx context.Context) ([]kubever.Version, error) {
	fetcher := source.Fetcher{Environment: p.config.Environment, Progress: p.progress}
	names, err := fetcher.Versions(ctx)
	if err != nil {
		return nil, err
	}
	answer, cancel := context.WithTimeout(ctx, remoteAnswersWithin)
	defer cancel()
	remote, err := gittree.Tags(answer, p.lock.Git)
	if err != nil {
		p.progress.Say("warning: tags that only %s has are not known: %v", p.lock.Git, err)
	}
	var tags []kubever.Version
	for _, name := range slices.Concat(names, remote) {
		if tag, err := kubever.Parse(name); err == nil { // a repository has other tags too
			tags = append(tags, tag)
		}
	}
	return tags, ctx.Err()
}

// judge tries every series on a tag, and compares it with the one before. A series that
// ended before the tag's minor version is not asked. The error is about the series, or
// the run was interrupted; what is wrong with the tag is in the finding.
func (p *Pipeline) judge(ctx context.Context, names []string, tag kubever.Version) (update.Finding, error) {
	unknown := update.Finding{Tag: tag, Verdict: update.Unknown}
	var rows []check.Row
	for _, name := range names {
		checker, err := p.seriesChecker(ctx, name, tag.String())
		if err != nil {
			return unknown, err
		}
		selected, concerned, err := p.selectAnyway(checker, tag)
		if err != nil {
			return unknown, err
		}
		if !concerned {
			continue
		}
		row, err := p.tryOn(ctx, checker, selected)
		if ctx.Err() != nil {
			return unknown, ctx.Err()
		}
		if err != nil {
			return unknown.Without(err.Error()), nil
		}
		rows = append(rows, row)
	}
	from, found := update.Before(tag, p.lock.Known())
	finding := update.Classify(tag, from, rows)
	if !found {
		return finding.Without("no older tag is locked to compare it with"), nil
	}
	report, err := p.compareNew(ctx, from, tag)
	if ctx.Err() != nil {
		return unknown, ctx.Err()
	}
	if err != nil {
		return finding.Without(fmt.Sprintf("what an upgrade from %s does: %v", from, err)), nil
	}
	return finding.WithImpact(report), nil
}

// selectAnyway selects a tag's patches as if it were in the lock, which is what it is
// asked for, or the nearest where no range has it.
func (p *Pipeline) selectAnyway(checker *seriesChecker, tag kubever.Version) (s subject, concerned bool, err error) {
	s = checker.subjects[0]
	s.selection = check.Select(checker.series, tag, true, checker.recorded)
	if s.selection.Kind != check.Refused {
		return s, true, nil
	}
	if !p.follows(checker, tag) {
		return s, false, nil
	}
	s.selection, err = check.Nearest(checker.series, tag)
	return s, true, err
}

// tryOn tries a series on a tag, with the patches that were selected for it.
func (p *Pipeline) tryOn(ctx context.Context, checker *seriesChecker, s subject) (check.Row, error) {
	trees, err := p.roots(ctx, []subject{s})
	if err != nil {
		return check.Row{}, err
	}
	row, err := checker.try(ctx, s, trees)
	return row, errors.Join(err, trees.Close())
}

// compareNew says what an upgrade from a locked tag to one that is not locked does.
func (p *Pipeline) compareNew(ctx context.Context, from, to kubever.Version) (*impact.Report, error) {
	_, was, err := p.facts(ctx, from.String(), "")
	if err != nil {
		return nil, err
	}
	fetcher := source.Fetcher{Environment: p.config.Environment, Progress: p.progress}
	entry, err := fetcher.DescribeRoot(ctx, to, readModules)
	if err != nil {
		return nil, err
	}
	is, err := p.moduleFacts(ctx, to, entry)
	if err != nil {
		return nil, err
	}
	return impact.Compare(from, to, was, is), nil
}

// follows reports whether a series is made for the newest locked tag that is older than a
// tag, so that it is expected to go on.
func (p *Pipeline) follows(checker *seriesChecker, tag kubever.Version) bool {
	from, found := update.Before(tag, p.lock.Known())
	if !found {
		return false
	}
	_, err := checker.series.Select(from, false)
	return err == nil
}
