package statefile

// maxDepth bounds how deep arrays and objects may lie in one another. A container's
// are a handful.
const maxDepth = 64

// copier copies compact JSON, except for the fields that are too new. Its methods
// report whether the input was JSON so far; at never leaves it.
type copier struct {
	in, out []byte
	at      int
	// from is the first minor version whose fields are left out; those of the version
	// but are too.
	from, but int
	// present collects the minor versions of the fields that were met.
	present map[int]bool
}

// value copies the value at the cursor.
func (c *copier) value(f field, depth int) bool {
	switch {
	case c.at >= len(c.in) || depth > maxDepth:
		return false
	case len(f.below) == 0:
		start := c.at
		if !c.skip() {
			return false
		}
		c.out = append(c.out, c.in[start:c.at]...)
		return true
	case c.in[c.at] == '{':
		return c.list('}', func(first bool) bool { return c.member(f, first, depth) })
	case c.in[c.at] == '[':
		return c.list(']', func(first bool) bool {
			c.separate(first)
			return c.value(f, depth+1)
		})
	}
	return c.value(field{}, depth)
}

// list copies the brackets of an object or an array, and calls element for what is
// between two commas. (element is told whether nothing was written before it.)
func (c *copier) list(end byte, element func(first bool) bool) bool {
	c.out = append(c.out, c.in[c.at])
	c.at++
	start := len(c.out)
	for more := !c.next(end); more; more = !c.next(end) {
		if len(c.in) == c.at || !element(len(c.out) == start) {
			return false
		}
		if c.at < len(c.in) && c.in[c.at] == ',' {
			c.at++
		} else if c.at >= len(c.in) || c.in[c.at] != end {
			return false
		}
	}
	c.out = append(c.out, end)
	return true
}

// member copies one member of an object, or leaves it out.
func (c *copier) member(f field, first bool, depth int) bool {
	start := c.at
	if c.in[c.at] != '"' || !c.text() || !c.next(':') {
		return false
	}
	child := f.below[string(c.in[start+1:c.at-2])]
	if child.since > 0 {
		c.present[child.since] = true
	}
	if child.since >= c.from || child.since == c.but && c.but > 0 {
		return c.skip()
	}
	c.separate(first)
	c.out = append(c.out, c.in[start:c.at]...)
	return c.value(child, depth+1)
}

func (c *copier) separate(first bool) {
	if !first {
		c.out = append(c.out, ',')
	}
}

// next moves over the byte if it is the one at the cursor.
func (c *copier) next(want byte) bool {
	if c.at >= len(c.in) || c.in[c.at] != want {
		return false
	}
	c.at++
	return true
}

// skip moves over one value.
func (c *copier) skip() bool {
	start, depth := c.at, 0
	for c.at < len(c.in) {
		switch c.in[c.at] {
		case '"':
			if !c.text() {
				return false
			}
			if depth == 0 {
				return true
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return c.at > start
			}
			if depth == 0 {
				c.at++
				return true
			}
		case ',':
			if depth == 0 {
				return c.at > start
			}
		}
		c.at++
	}
	return depth == 0 && c.at > start
}

// text moves over the string at the cursor.
func (c *copier) text() bool {
	for c.at++; c.at < len(c.in); c.at++ {
		switch c.in[c.at] {
		case '\\':
			c.at++
		case '"':
			c.at++
			return true
		}
	}
	c.at = len(c.in)
	return false
}
