package predict

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Oldest and Newest are the minor versions, of Kubernetes 1, between which everything
// here is known. Before 1.16 a hash covers a dump of the struct.
const (
	Oldest = 16
	Newest = 37
)

// Version is that of a kubelet.
type Version struct {
	// Text is as the kubelet says it, "v1.31.0" or "v1.31.0+steadylet.0a1b2c3d".
	Text  string
	Minor int
	// Patched says that it is one of steadylet.
	Patched bool
}

var versionPattern = regexp.MustCompile(`^v?1\.([0-9]{1,4})\.([0-9]{1,4})([-+][-+.0-9A-Za-z]*)?$`)

// ParseVersion reads a kubelet's version. Build metadata that begins with "steadylet"
// says that it is a patched one.
func ParseVersion(text string) (Version, error) {
	match := versionPattern.FindStringSubmatch(text)
	if match == nil {
		return Version{}, fmt.Errorf("%.60q is not a kubelet's version: want for example v1.30.14", text)
	}
	minor, err := strconv.Atoi(match[1])
	if err != nil {
		return Version{}, err
	}
	_, build, _ := strings.Cut(text, "+")
	return Version{Text: "v" + strings.TrimPrefix(text, "v"), Minor: minor, Patched: strings.HasPrefix(build, "steadylet")}, nil
}

// known reports whether the version is one that is known here.
func (v Version) known() bool { return v.Minor >= Oldest && v.Minor <= Newest }

// short is the version without what a build adds.
func (v Version) short() string {
	text, _, _ := strings.Cut(v.Text, "+")
	return text
}

// String says also which kind it is.
func (v Version) String() string {
	if v.Patched {
		return v.short() + " (patched)"
	}
	return v.short() + " (stock)"
}
