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
	depth, member := 0, ""
	for at := 0; at < len(data); {
		switch char := data[at]; char {
		case ' ', '\t', '\n', '\r':
			at++
			continue
		case '"':
			end := stringEnd(data, at)
			if depth == 1 {
				member = c.topLevel(member, data[at:end], end < len(data) && nextIs(data, end, ':'))
			}
			c.spec = append(c.spec, data[at:end]...)
			at = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 1 {
				member = ""
			}
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
// returns the member that the next string belongs to.
func (c *listedContent) topLevel(member string, quoted []byte, isName bool) string {
	text := string(quoted[1 : len(quoted)-1])
	if bytes.IndexByte(quoted, '\\') >= 0 && json.Unmarshal(quoted, &text) != nil {
		return ""
	}
	if isName {
		c.resources = c.resources || text == "resources"
		return text
	}
	switch member {
	case "name":
		c.name = text
	case "image":
		c.image = text
	case "restartPolicy":
		c.restartPolicy = text
	}
	return ""
}

// stringEnd returns where the string that begins at a quote ends.
func stringEnd(data []byte, at int) int {
	for at++; at < len(data); at++ {
		switch data[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(data)
}

// nextIs reports whether the next character that is no space is the wanted one.
func nextIs(data []byte, at int, want byte) bool {
	for ; at < len(data); at++ {
		switch data[at] {
		case ' ', '\t', '\n', '\r':
		default:
			return data[at] == want
		}
	}
	return false
}
