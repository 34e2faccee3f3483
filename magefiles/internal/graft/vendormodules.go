package graft

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrNoSection is matched by VendorModules' error when vendor/modules.txt does
// not list the Kubernetes module.
var ErrNoSection = errors.New("vendor/modules.txt has no section for " + kubernetesModule)

// VendorModules returns modulesTxt, the content of a build module's
// vendor/modules.txt, with packages listed for the Kubernetes module. Since 1.23
// the go command refuses to build a vendored package that isn't listed.
//
// packages are import paths below k8s.io/kubernetes. Those that are listed
// already are not listed again, so doing it twice changes nothing; every other
// line stays as it is.
func VendorModules(modulesTxt []byte, packages []string) ([]byte, error) {
	for _, added := range packages {
		if !strings.HasPrefix(added, kubernetesModule+"/") || strings.ContainsAny(added, " \t\r\n") {
			return nil, fmt.Errorf("package %q can't be listed in vendor/modules.txt: it is not one of %s", added, kubernetesModule)
		}
	}
	lines := strings.SplitAfter(string(modulesTxt), "\n")
	start := slices.IndexFunc(lines, isKubernetesSection)
	if start < 0 {
		return nil, fmt.Errorf("%w: make it again with go mod vendor, in a module that requires %s", ErrNoSection, kubernetesModule)
	}
	start++
	for start < len(lines) && strings.HasPrefix(lines[start], "##") {
		start++
	}
	end := start
	for end < len(lines) && isPackageLine(lines[end]) {
		end++
	}
	var out bytes.Buffer
	writeLines(&out, lines[:start])
	writeLines(&out, merge(lines[start:end], packages))
	writeLines(&out, lines[end:])
	return out.Bytes(), nil
}

// isKubernetesSection reports whether a line begins the list of the packages
// that are vendored. Lines without a version, "# path => ./folder", only repeat
// the replacements of go.mod.
func isKubernetesSection(line string) bool {
	fields := strings.Fields(line)
	return len(fields) >= 3 && fields[0] == "#" && fields[1] == kubernetesModule && strings.HasPrefix(fields[2], "v")
}

func isPackageLine(line string) bool {
	return strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "#")
}

// merge returns the listed lines and a line for each package, sorted as
// go mod vendor sorts them.
func merge(listed, packages []string) []string {
	merged := make([]string, 0, len(listed)+len(packages))
	for _, name := range slices.Concat(listed, packages) {
		merged = append(merged, strings.TrimSuffix(name, "\n"))
	}
	slices.Sort(merged)
	return slices.Compact(merged)
}

// writeLines writes lines, each ended by a line feed but for an empty last one.
func writeLines(out *bytes.Buffer, lines []string) {
	for _, line := range lines {
		out.WriteString(line)
		if line != "" && !strings.HasSuffix(line, "\n") {
			out.WriteByte('\n')
		}
	}
}
