package statefile

import (
	"fmt"
	"sort"
)

// encoder makes the texts of states that follow one another and differ in few containers,
// as those of a kubelet that runs: what has not changed it copies from the text before. It
// keeps some 800 bytes for each container of the largest of them. The zero encoder is ready
// to use. It is not safe for concurrent use.
type encoder struct {
	lines []line // of text, sorted by ID
	text  []byte // the text before
	spare []byte // takes the next one
}

// line says where in a text the entry of a container is. One that isn't there has no end.
type line struct {
	id         string
	of         Adopted
	start, end int
}

// encode returns the text of a state, with noChecksum in it. The call after the next one
// overwrites it. After an error, or a panic, the encoder must not be used again.
func (e *encoder) encode(s State) ([]byte, error) {
	s.SchemaVersion, s.Checksum = SchemaVersion, noChecksum
	if size := 1024 + 320*(len(s.Containers)+len(s.StaticPods)); cap(e.spare) < size {
		e.spare = make([]byte, 0, size)
	}
	e.lines = linesOf(s.Containers, e.lines)
	t := text{out: e.spare[:0]}
	t.state(s, func(i int) {
		l := &e.lines[i]
		start := len(t.out)
		if l.end > 0 {
			t.out = append(t.out, e.text[l.start:l.end]...)
		} else {
			t.container(l.id, l.of)
		}
		l.start, l.end = start, len(t.out)
	})
	if t.err != nil {
		return nil, fmt.Errorf("encoding the state: %w", t.err)
	}
	e.text, e.spare = t.out, e.text
	return t.out, nil
}

// linesOf returns the sorted lines of the containers. Those that still hold are from before,
// which is overwritten.
func linesOf(containers map[string]Adopted, before []line) []line {
	known := before[:0]
	for _, l := range before {
		if a, ok := containers[l.id]; ok {
			if a != l.of {
				l = line{id: l.id, of: a}
			}
			known = append(known, l)
		}
	}
	added := idsBeyond(known, containers)
	// Both are sorted: from the back, each goes to its place.
	all := append(known, make([]line, len(added))...)
	for k, a := len(known), len(added); a > 0; {
		if id := added[a-1]; k == 0 || all[k-1].id < id {
			all[k+a-1] = line{id: id, of: containers[id]}
			a--
		} else {
			all[k+a-1] = all[k-1]
			k--
		}
	}
	return all
}

// idsBeyond returns the sorted IDs of the containers that have no line.
func idsBeyond(lines []line, containers map[string]Adopted) []string {
	count := len(containers) - len(lines)
	ids := make([]string, 0, count)
	for id := range containers {
		if len(ids) == count {
			break
		}
		at := sort.Search(len(lines), func(i int) bool { return lines[i].id >= id })
		if at == len(lines) || lines[at].id != id {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids
}
