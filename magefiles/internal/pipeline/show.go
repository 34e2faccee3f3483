package pipeline

import (
	"bytes"
	"io"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/readme"
)

// Show prints a table, which write writes, and with keep also puts it into the part of
// that name of README.md.
func (p *Pipeline) Show(part string, keep bool, write func(io.Writer)) error {
	var table bytes.Buffer
	write(&table)
	if _, err := p.config.Results.Write(table.Bytes()); err != nil || !keep {
		return err
	}
	return readme.Replace(filepath.Join(p.config.Root, "README.md"), part, table.String())
}
