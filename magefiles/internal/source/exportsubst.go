package source

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
)

// substituted are the files in which `git archive` of a Kubernetes tag expands
// $Format:…$, by the .gitattributes of the folders they lie in (read in 1.20.2
// and in 1.36.3).
var substituted = [...]string{
	"hack/lib/version.sh",
	"staging/src/k8s.io/client-go/pkg/version/base.go",
	"staging/src/k8s.io/component-base/version/base.go",
}

// restoreExportSubst turns what `git archive` expanded back into what the
// repository holds, so that a tarball and a checkout of the same tag are the
// same tree. The root module's sum tells afterwards whether that succeeded. An
// archive that names no commit is left as it is.
func restoreExportSubst(dir, commit string, version kubever.Version) error {
	if len(commit) != 40 {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("restoring the archive's version files: %w", err)
	}
	defer root.Close()
	for _, name := range substituted {
		if !hasExportSubst(root, name) {
			continue
		}
		info, err := root.Stat(name)
		if err != nil {
			return fmt.Errorf("restoring the archive's version files: %w", err)
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return fmt.Errorf("restoring the archive's version files: %w", err)
		}
		if err := root.WriteFile(name, unexpand(data, commit, version), info.Mode()); err != nil {
			return fmt.Errorf("restoring the archive's version files: %w", err)
		}
	}
	return nil
}

func unexpand(data []byte, commit string, version kubever.Version) []byte {
	for _, replacement := range [...]struct{ expanded, format string }{
		{"'%' == \"%\"", "'$Format:%%$' == \"%\""},
		{commit, "$Format:%H$"},
		{"'tag: " + version.String() + "'", "'$Format:%D$'"},
		{"'HEAD, tag: " + version.String() + "'", "'$Format:%D$'"},
	} {
		data = bytes.ReplaceAll(data, []byte(replacement.expanded), []byte(replacement.format))
	}
	return shortExpanded.ReplaceAll(data, []byte("v0.0.0-master+$$Format:%h$$"))
}

// shortExpanded is what releases before 1.21 expand $Format:%h$ to: an
// abbreviated commit ID, whose length depends on who made the archive.
var shortExpanded = regexp.MustCompile(`v0\.0\.0-master\+[0-9a-f]{7,39}\b`)

// hasExportSubst reports whether the .gitattributes beside a file lists it.
func hasExportSubst(root *os.Root, name string) bool {
	attributes, err := root.Open(filepath.Join(filepath.Dir(name), ".gitattributes"))
	if err != nil { // without attributes nothing was expanded
		return false
	}
	defer attributes.Close()
	for lines := bufio.NewScanner(attributes); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 1 && fields[0] == filepath.Base(name) && strings.Contains(lines.Text(), "export-subst") {
			return true
		}
	}
	return false
}
