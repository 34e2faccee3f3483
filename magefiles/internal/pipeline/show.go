package pipeline

import (
	"bytes"
	"io"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/readme"
)

// keyColumns says by how many columns the rows of each generated part of README.md are
// told apart.
func keyColumns(part string) int {
	if part == "verify" {
		return 1 // the version
	}
	return 2 // the upgrade and its scenario; what was measured and against what
}

// Show prints a table, which write writes, and with keep also puts its rows into the part
// of that name of README.md.
func (p *Pipeline) Show(part string, keep bool, write func(io.Writer)) error {
	var table bytes.Buffer
	write(&table)
	if _, err := p.config.Results.Write(table.Bytes()); err != nil || !keep {
		return err
	}
	return readme.Update(filepath.Join(p.config.Root, "README.md"), part, table.String(), keyColumns(part))
}
