package bounded_test

import (
	"io"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/internal/bounded"
)

func TestBuffer(t *testing.T) {
	buffer := bounded.Buffer{Limit: 5}
	for _, text := range []string{"abc", "", "defg", "h"} {
		if n, err := io.WriteString(&buffer, text); n != len(text) || err != nil {
			t.Errorf("writing %q: %d, %v", text, n, err)
		}
	}
	if got := buffer.String(); got != "abcde" {
		t.Errorf("kept %q", got)
	}
}

// A command's output is copied, not written.
func TestCopy(t *testing.T) {
	buffer := bounded.Buffer{Limit: 5}
	if n, err := io.Copy(&buffer, strings.NewReader("abcdefgh")); n != 8 || err != nil || buffer.String() != "abcde" {
		t.Errorf("copied %d, %v, kept %q", n, err, buffer.String())
	}
}
