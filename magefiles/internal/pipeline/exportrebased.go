package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/export"
	"github.com/steadylet/steadylet/magefiles/internal/hookcheck"
	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/series"
)

// exportRebased writes what a series needs for the tag that its commits were brought to:
// wider ranges, or variants. The result is proven before anything is written.
func (p *Pipeline) exportRebased(open editing, loaded *series.Series, on export.Tag, commits []series.Draft) error {
	folder := p.seriesFolder(open.Series)
	index, err := os.ReadFile(filepath.Join(folder, series.IndexFile))
	if err != nil {
		return err
	}
	from, err := kubever.Parse(open.From)
	if err != nil {
		return err
	}
	patches, err := loaded.Select(from, false)
	if err != nil {
		return err
	}
	made, err := export.Onto(export.Rebased{
		Series: loaded, Index: index, Patches: patches, Commits: commits, On: on, Locked: p.lock.Known(),
	})
	if err != nil {
		return err
	}
	if err := p.prove(open, made, on, commits); err != nil {
		return fmt.Errorf("series %s as it would be on %s: %w", open.Series, on.Version, err)
	}
	if len(made.Notes) == 0 {
		p.progress.Say("series %s serves %s as it is: nothing changed", open.Series, on.Version)
		return nil
	}
	return p.writeRebased(open, folder, made)
}

// prove lays the series out as it will be, and applies it to the tag: the same changes
// have to come out, and the hooks have to be where they must be.
func (p *Pipeline) prove(open editing, made *export.Outcome, on export.Tag, commits []series.Draft) error {
	scratch, err := p.space.TempDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	folder := filepath.Join(scratch, open.Series)
	if err := os.CopyFS(folder, os.DirFS(p.seriesFolder(open.Series))); err != nil {
		return err
	}
	if err := made.Write(folder); err != nil {
		return err
	}
	loaded, err := series.Load(os.DirFS(scratch), open.Series)
	if err != nil {
		return err
	}
	patches, err := loaded.Select(on.Version, false)
	if err != nil {
		return err
	}
	result, err := series.Apply(on.Files, patches)
	if err != nil {
		return err
	}
	drafts, err := result.Drafts(on.Files)
	if err != nil {
		return err
	}
	for i, draft := range drafts {
		if !series.SameChanges(draft.Files, commits[i].Files) {
			return fmt.Errorf("%w: %s does not make the change of commit %d (%s)", export.ErrPerson, patches[i].File, i+1, commits[i].Title)
		}
	}
	if err := hookcheck.Check(result, loaded.AssertionsFor(on.Version)); err != nil {
		return fmt.Errorf("%w\nCorrect the commits, or the assertions in %s", err, series.IndexFile)
	}
	return nil
}

// writeRebased writes the files of a series that changed, and prints their paths.
func (p *Pipeline) writeRebased(open editing, folder string, made *export.Outcome) error {
	open.Written = nil
	for _, patch := range made.Patches {
		open.Written = append(open.Written, patch.File)
	}
	if err := p.space.Record("edit", editKey(), open); err != nil {
		return err
	}
	if err := made.Write(folder); err != nil {
		return err
	}
	for _, patch := range made.Patches {
		fmt.Fprintln(p.config.Results, filepath.Join(folder, patch.File))
	}
	fmt.Fprintln(p.config.Results, filepath.Join(folder, series.IndexFile))
	for _, note := range made.Notes {
		p.progress.Say("%s", note)
	}
	p.progress.Say("review the change, record it with `go tool mage lock -version=%s`, and see whether it compiles: `go tool mage check -version=%[1]s -compile`", open.Version)
	return nil
}

// dropUnlisted removes the patch files that a run wrote that was killed before series.yaml
// listed them: the series can't be read with them.
func (p *Pipeline) dropUnlisted(open editing) error {
	folder := p.seriesFolder(open.Series)
	for _, file := range open.Written {
		index, err := os.ReadFile(filepath.Join(folder, series.IndexFile))
		if err != nil {
			return err
		}
		if export.Lists(index, file) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing what a killed run left of the series: %w", err)
		}
	}
	return nil
}

func (p *Pipeline) seriesFolder(name string) string {
	return filepath.Join(p.config.Root, "patches", name)
}
