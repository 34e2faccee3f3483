package testnode

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMounts(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []mount
	}{
		"plain":             {"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n", []mount{{"/sys/fs/cgroup", "tmpfs"}}},
		"optional fields":   {"42 27 254:0 / /a rw shared:1 master:2 - ext4 /dev/vda rw\n", []mount{{"/a", "ext4"}}},
		"escaped":           {`1 2 0:1 / /a\040b\134c rw - cgroup2 none rw`, []mount{{`/a b\c`, "cgroup2"}}},
		"no octal number":   {`1 2 0:1 / /a\9 rw - ext4 none rw`, []mount{{`/a\9`, "ext4"}}},
		"in order":          {"1 2 0:1 / /a rw - x n\n1 2 0:1 / /a/b rw - y n\n", []mount{{"/a", "x"}, {"/a/b", "y"}}},
		"too short":         {"1 2 0:1 / - x n\n", nil},
		"without separator": {"1 2 0:1 / /a rw x n\n", nil},
		"empty":             {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parseMounts(test.text), cmp.AllowUnexported(mount{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// However a path is spelled by the kernel, it comes out as it was.
func FuzzUnescape(f *testing.F) {
	for _, seed := range []string{"/a b", "\\", "\t\n", `\040`, "/ä"} {
		f.Add(seed)
	}
	escape := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`)
	f.Fuzz(func(t *testing.T, path string) {
		if got := unescape(escape.Replace(path)); got != path {
			t.Errorf("%q came out as %q", path, got)
		}
	})
}
