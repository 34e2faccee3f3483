package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/steadylet/steadylet/magefiles/internal/check"
	"github.com/steadylet/steadylet/magefiles/internal/gittree"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/series"
	"github.com/steadylet/steadylet/magefiles/internal/serieslock"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// LockOptions say what is written to the locks.
type LockOptions struct {
	// Version is a tag to add, or to ask about anew. Empty records the series as they
	// are, for the tags that are there.
	Version string
	// Toolchain and Unsigned are those of source.DescribeOptions.
	Toolchain string
	Unsigned  bool
}

// Lock asks the module proxy and the checksum database about a tag and adds it to the
// lock of Kubernetes; then it records every series in its own lock: the digest of each
// patch, and the tree after each patch on each tag. A tag that is there already must not
// have changed its commit or its root module's sum. Nothing is recorded of a series that
// does not apply everywhere it says it does.
func (p *Pipeline) Lock(ctx context.Context, options LockOptions) error {
	if options.Version != "" {
		if err := p.addToLock(ctx, options); err != nil {
			return err
		}
	}
	names, err := p.seriesNames()
	if err != nil {
		return err
	}
	var failures []error
	for _, name := range names {
		failures = append(failures, p.recordSeries(ctx, name))
	}
	return errors.Join(failures...)
}

func (p *Pipeline) addToLock(ctx context.Context, options LockOptions) error {
	version, err := kubever.Parse(options.Version)
	if err != nil {
		return err
	}
	fetcher := source.Fetcher{Environment: p.config.Environment, Progress: p.progress}
	entry, err := fetcher.Describe(ctx, version, source.DescribeOptions{Toolchain: options.Toolchain, Unsigned: options.Unsigned})
	if err != nil {
		return fmt.Errorf("nothing is recorded of %s: %w", version, err)
	}
	if err := p.askRemote(ctx, &entry); err != nil {
		return err
	}
	if known, err := p.lock.Entry(version); err == nil {
		if err := unmoved(known, entry); err != nil {
			return err
		}
		entry.Archives = known.Archives
		if entry.Commit == "" {
			entry.Commit = known.Commit
		}
	}
	p.lock.Put(entry)
	return p.lock.Write(lockPath(p.config.Root))
}

// askRemote takes the tag's commit from the lock's repository, where that answers. It has
// to be the one that the module proxy names, if it names one.
func (p *Pipeline) askRemote(ctx context.Context, entry *lock.Entry) error {
	answer, cancel := context.WithTimeout(ctx, remoteAnswersWithin)
	defer cancel()
	commit, err := gittree.TagCommit(answer, p.lock.Git, entry.Version.String())
	if err != nil {
		p.progress.Say("warning: the commit of %s is not taken from %s: %v", entry.Version, p.lock.Git, err)
		return ctx.Err()
	}
	if entry.Commit != "" && entry.Commit != commit.String() {
		return &source.MismatchError{What: "the commit of tag " + entry.Version.String() + " in " + p.lock.Git, Want: entry.Commit, Got: commit.String(),
			Remedy: "The first is what the module proxy says. Find out which is right before you lock the tag."}
	}
	entry.Commit = commit.String()
	return nil
}

// unmoved compares what is now said of a tag with what is known of it. The error is a
// *source.MismatchError with both commit IDs, or with both sums where one side has no
// commit ID.
func unmoved(known, now lock.Entry) error {
	const remedy = "A published tag never changes: find out who moved it before you touch the lock."
	tag := known.Version.String()
	if known.Commit != "" && now.Commit != "" && known.Commit != now.Commit {
		return &source.MismatchError{What: "the commit of tag " + tag, Want: known.Commit, Got: now.Commit, Remedy: remedy}
	}
	if known.RootSum() != now.RootSum() {
		return &source.MismatchError{What: "the root module of " + tag, Want: known.RootSum(), Got: now.RootSum(), Remedy: remedy}
	}
	return nil
}

// recordSeries writes the lock of one series.
func (p *Pipeline) recordSeries(ctx context.Context, name string) error {
	loaded, err := p.loadSeries(name)
	if err != nil {
		return err
	}
	report, err := p.Check(ctx, CheckOptions{Series: name, Version: AllVersions})
	if err != nil {
		return err
	}
	recorded := &serieslock.Lock{Patches: patchDigests(loaded)}
	faults := &check.Report{}
	for _, row := range report.Rows {
		row.Drift = nil // that is what is being recorded
		if row.Found != nil {
			recorded.Put(*row.Found)
		} else if !row.Passed() {
			faults.Rows = append(faults.Rows, row)
		}
	}
	if err := faults.Err(); err != nil {
		return errors.Join(fmt.Errorf("series %s is not recorded: %w", name, err), faults.Text(p.config.Results))
	}
	if err := recorded.Write(p.seriesLockPath(name)); err != nil {
		return err
	}
	p.progress.Say("series %s is recorded for %d tags", name, len(recorded.Versions))
	return nil
}

func patchDigests(s *series.Series) []serieslock.Patch {
	patches := make([]serieslock.Patch, len(s.Entries))
	for i, entry := range s.Entries {
		patches[i] = serieslock.Patch{File: entry.Patch.File, SHA256: entry.Patch.Digest}
	}
	return patches
}
