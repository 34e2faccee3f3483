package release

import (
	"bytes"
	_ "embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/steadylet/steadylet/magefiles/internal/readme"
	"github.com/steadylet/steadylet/magefiles/internal/upgradetable"
)

//go:embed notes.md.tmpl
var notesText string

// notesFacts is what notes.md.tmpl is filled with.
type notesFacts struct {
	Versions  Versions
	Revision  int
	Date      string
	Toolchain string
	Series    string
	Digest    string
	Source    []string
	Patches   []patch
	// Verified and Upgrades are the rows of the front page's tables about this tag.
	Verified, Upgrades string
	Architectures      []string
	Namespace          string
}

// notes writes RELEASE.md.
func (m *maker) notes() ([]byte, error) {
	page := filepath.Join(m.Root, "README.md")
	verified, err := readme.Part(page, "verify")
	if err != nil {
		return nil, fmt.Errorf("reading the compatibility table: %w", err)
	}
	upgrades, err := readme.Part(filepath.Join(m.Root, upgradetable.Page), upgradetable.Part)
	if err != nil {
		return nil, fmt.Errorf("reading the table of upgrades: %w", err)
	}
	first := m.inputs[0].manifest
	facts := notesFacts{
		Versions: m.versions, Revision: m.Revision, Date: m.Date.UTC().Format("2006-01-02"), Toolchain: first.Build.Toolchain,
		Series: m.Series, Digest: first.Series.Digest, Source: first.Base.Source.Proofs, Patches: m.patches,
		Verified: rowsAbout(verified, m.versions.Tag), Upgrades: rowsAbout(upgrades, m.versions.Tag), Namespace: signatureNamespace,
	}
	for _, in := range m.inputs {
		facts.Architectures = append(facts.Architectures, in.manifest.Build.Arch)
	}
	filled, err := template.New(notesName).Option("missingkey=error").Parse(notesText)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = filled.Execute(&text, facts)
	return text.Bytes(), err
}

// rowsAbout returns a table's head and those rows whose first column names the tag, or
// nothing if there is none.
func rowsAbout(table, tag string) string {
	var rows []string
	for i, line := range strings.Split(strings.TrimSpace(table), "\n") {
		columns := strings.Split(line, "|")
		if i < 2 || len(columns) > 1 && slices.Contains(strings.Fields(columns[1]), tag) {
			rows = append(rows, line)
		}
	}
	if len(rows) < 3 {
		return ""
	}
	return strings.Join(rows, "\n")
}
