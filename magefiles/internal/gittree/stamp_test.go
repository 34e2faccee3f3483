package gittree

import (
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/google/go-cmp/cmp"
)

var sampleStamp = stamp{
	tree: plumbing.NewHash("0123456789012345678901234567890123456789"),
	files: []file{
		{Path: "a name with spaces", Mode: filemode.Executable, ID: plumbing.NewHash("ff"), Size: 1 << 40, Modified: -5, Inode: 1<<64 - 1},
		{Path: "line\nbreak/x", Mode: filemode.Symlink},
	},
}

// What is accepted must be written again as it was read, but for the numbers'
// leading zeros and signs.
func FuzzParseStamp(f *testing.F) {
	f.Add(sampleStamp.text())
	f.Add(stamp{}.text())
	f.Add([]byte(stampHeader + "\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := parseStamp(text)
		if err != nil {
			return
		}
		again, err := parseStamp(read.text())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read, again, cmp.AllowUnexported(stamp{})); diff != "" {
			t.Errorf("(-read +again):\n%s", diff)
		}
	})
}

func TestStampIsReadAsWritten(t *testing.T) {
	got, err := parseStamp(sampleStamp.text())
	if diff := cmp.Diff(sampleStamp, got, cmp.AllowUnexported(stamp{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	text := sampleStamp.text()
	for length := range text {
		// Files that it leaves out would be removed.
		if _, err := parseStamp(text[:length]); err == nil {
			t.Errorf("accepted though cut at %d", length)
		}
	}
}
