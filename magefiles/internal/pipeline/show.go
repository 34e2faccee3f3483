package pipeline

import (
	"bytes"
	"io"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/readme"
	"github.com/steadylet/steadylet/magefiles/internal/upgrade"
	"github.com/steadylet/steadylet/magefiles/internal/upgradetable"
)

// keyColumns says by how many columns the rows of each generated table are told apart.
func keyColumns(part string) int {
	if part == "verify" {
		return 1 // the version
	}
	return 2 // the upgrade and its scenario; what was measured and against what
}

const frontPage = "README.md"

// Show prints a table, which write writes, and with keep also puts its rows into the part
// of that name of README.md.
func (p *Pipeline) Show(part string, keep bool, write func(io.Writer)) error {
	return p.show(frontPage, part, keep, write)
}

// ShowUpgrades prints what runs showed, also those that failed, and with keep puts it into
// upgradetable.Page, and the sum of all that is there into README.md.
func (p *Pipeline) ShowUpgrades(results []*upgrade.Result, keep bool) error {
	err := p.show(upgradetable.Page, upgradetable.Part, keep, func(out io.Writer) { upgrade.WriteSummary(out, results) })
	if err != nil || !keep {
		return err
	}
	all, err := readme.Part(filepath.Join(p.config.Root, upgradetable.Page), upgradetable.Part)
	if err != nil {
		return err
	}
	rows, err := upgradetable.Parse(all)
	if err != nil {
		return err
	}
	return readme.Replace(filepath.Join(p.config.Root, frontPage), upgradetable.Part, upgradetable.Summarize(rows))
}

func (p *Pipeline) show(page, part string, keep bool, write func(io.Writer)) error {
	var table bytes.Buffer
	write(&table)
	if _, err := p.config.Results.Write(table.Bytes()); err != nil || !keep {
		return err
	}
	return readme.Update(filepath.Join(p.config.Root, page), part, table.String(), keyColumns(part))
}
