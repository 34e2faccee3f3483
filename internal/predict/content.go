package predict

import (
	"bytes"
	"encoding/json"
)

// listedContent is a v1.Container: its compact JSON, and what is looked at here.
type listedContent struct {
	spec                       []byte
	name, image, restartPolicy string
	resources                  bool
}

// readContent reads what must be valid JSON. It is gone over once: most of a long list is
// containers.
func readContent(data []byte) listedContent {
	c := listedContent{spec: make([]byte, 0, len(data)+len(noResources))}
	var member *string // what the next string at the top is for, or nil
	for depth, at := 0, 0; at < len(data); {
		switch char := data[at]; {
		case char <= ' ':
			at++
			continue
		case char == '"':
			end := stringEnd(data, at)
			if depth == 1 {
				member = c.topLevel(member, data[at:end], nextIs(data, end, ':'))
			}
			c.spec = append(c.spec, data[at:end]...)
			at = end
			continue
		case char == '{', char == '[':
			depth++
		case char == '}', char == ']':
			depth--
		case char == ',' && depth == 1:
			member = nil
		}
		c.spec = append(c.spec, data[at])
		at++
	}
	c.complete()
	return c
}

// noResources is what complete adds.
const noResources = `,"resources":{}}`

// complete adds what every kubelet encodes and a manifest may lack. (Without it, a
// manifest of an image and a name alone would read as the two fields that kubelets from
// 1.31 on hash.)
func (c *listedContent) complete() {
	if object := len(c.spec) > 2 && c.spec[0] == '{'; object && !c.resources {
		c.spec = append(c.spec[:len(c.spec)-1], noResources...)
	}
}

// topLevel takes a string of the object itself: the name of a member, or its value. It
// returns what the next string is for.
func (c *listedContent) topLevel(member *string, quoted []byte, isName bool) *string {
	if !isName {
		if member != nil {
			*member = unquoted(quoted)
		}
		return nil
	}
	text := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		text = []byte(unquoted(quoted))
	}
	switch string(text) {
	case "name":
		return &c.name
	case "image":
		return &c.image
	case "restartPolicy":
		return &c.restartPolicy
	case "resources":
		c.resources = true
	}
	return nil
}

// unquoted returns a JSON string's text.
func unquoted(quoted []byte) string {
	text := string(quoted[1 : len(quoted)-1])
	if bytes.IndexByte(quoted, '\\') < 0 {
		return text
	}
	if json.Unmarshal(quoted, &text) != nil {
		return ""
	}
	return text
}

// stringEnd returns where the string that begins at a quote ends.
func stringEnd(data []byte, at int) int {
	for from := at + 1; ; {
		length := bytes.IndexByte(data[from:], '"')
		if length < 0 {
			return len(data)
		}
		end, escapes := from+length, 0
		for data[end-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return end + 1
		}
		from = end + 1
	}
}

// nextIs reports whether the next character that is no space is the wanted one.
func nextIs(data []byte, at int, want byte) bool {
	for at < len(data) && data[at] <= ' ' {
		at++
	}
	return at < len(data) && data[at] == want
}
