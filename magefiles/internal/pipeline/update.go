package pipeline

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/source"
	"github.com/steadylet/steadylet/magefiles/internal/update"
)

// UpdateOptions say what is done with new tags.
type UpdateOptions struct {
	// DryRun writes nothing.
	DryRun bool
	// Impact compares a new tag with the one before it; nil leaves that out.
	Impact update.Impact
}

// remoteAnswersWithin is how long the lock's repository may take to list its tags.
const remoteAnswersWithin = 10 * time.Second

// Update looks for new tags, tries every series on each, and prints a short report. Tags
// that are safe are added to the lock and recorded, unless it is a dry run; the others
// are left for a person, so that what is locked stays proven.
func (p *Pipeline) Update(ctx context.Context, options UpdateOptions) error {
	tags, err := p.publishedTags(ctx)
	if err != nil {
		return err
	}
	var findings []update.Finding
	locked := false
	for _, tag := range update.New(tags, p.lock.Known()) {
		p.progress.Say("looking at %s", tag)
		finding, err := p.judge(ctx, tag, options.Impact)
		if err != nil {
			return err
		}
		if !options.DryRun && (finding.Verdict == update.Safe || finding.Verdict == update.MovesHash) {
			if err := p.addToLock(ctx, LockOptions{Version: tag.String()}); err != nil {
				return err
			}
			finding.Details = append(finding.Details, "it is in the lock now")
			locked = true
		}
		findings = append(findings, finding)
	}
	if locked {
		err = p.Lock(ctx, LockOptions{})
	}
	p.progress.Close()
	return errors.Join(err, update.Write(p.config.Results, findings))
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
		p.progress.Say("only the module proxy was asked for tags: %v", err)
	}
	var tags []kubever.Version
	for _, name := range slices.Concat(names, remote) {
		if tag, err := kubever.Parse(name); err == nil { // a repository has other tags too
			tags = append(tags, tag)
		}
	}
	return tags, ctx.Err()
}

// judge tries every series on a tag. A series that ended before the tag's minor version
// is not asked.
func (p *Pipeline) judge(ctx context.Context, tag kubever.Version, impact update.Impact) (update.Finding, error) {
	names, err := p.seriesNames()
	if err != nil {
		return update.Finding{}, err
	}
	var rows []check.Row
	for _, name := range names {
		row, concerned, err := p.tryOn(ctx, name, tag)
		if errors.Is(err, source.ErrUnavailable) {
			return update.Finding{Tag: tag, Verdict: update.Unavailable, Details: []string{err.Error()}}, nil
		}
		if err != nil {
			return update.Finding{}, err
		}
		if concerned {
			rows = append(rows, row)
		}
	}
	finding := update.Classify(tag, rows)
	from, found := update.Before(tag, p.lock.Known())
	if impact == nil || !found || finding.Verdict == update.Unavailable {
		return finding, nil
	}
	moves, what, err := impact.Moves(ctx, from, tag)
	return finding.WithImpact(moves, what), err
}

// tryOn tries a series on a tag, with the nearest patches where no range has it.
func (p *Pipeline) tryOn(ctx context.Context, name string, tag kubever.Version) (row check.Row, concerned bool, err error) {
	checker, err := p.seriesChecker(ctx, name, tag.String())
	if err != nil {
		return row, false, err
	}
	s := &checker.subjects[0]
	if s.selection.Kind == check.Refused {
		if !p.follows(checker, tag) {
			return row, false, nil
		}
		if s.selection, err = check.Nearest(checker.series, tag); err != nil {
			return row, false, err
		}
	}
	trees, err := p.roots(ctx, checker.subjects)
	if err != nil {
		return row, false, err
	}
	defer trees.Close()
	row, err = checker.try(ctx, *s, trees)
	return row, true, err
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
