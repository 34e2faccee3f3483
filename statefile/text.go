package statefile

import (
	"encoding/json"
	"sort"
	"strconv"
	"strings"
	"time"
)

// state appends the state as JSON, one line for each entry of a table, and a line break
// at the end. (json.MarshalIndent takes several times as long for a full table, and a
// kubelet writes one while it has better things to do.) The function container appends the
// entry of the container that has that place in the order of the IDs.
func (t *text) state(s State, container func(index int)) {
	t.raw("{\n  \"schemaVersion\": ").raw(strconv.Itoa(s.SchemaVersion))
	t.raw(",\n  \"kubelet\": ").object("version", s.Kubelet.Version).time("startTime", s.Kubelet.StartTime).time("lastStart", s.Kubelet.LastStart).raw("}")
	if len(s.History) > 0 {
		t.raw(",\n  \"history\": [")
		for i, start := range s.History {
			t.separate(i).object("version", start.Version).time("startTime", start.StartTime).raw("}")
		}
		t.raw("\n  ]")
	}
	t.table("containers", len(s.Containers), container)
	paths := make([]string, 0, len(s.StaticPods))
	for path := range s.StaticPods {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	t.table("staticPods", len(paths), func(i int) { t.staticPod(paths[i], s.StaticPods[paths[i]]) })
	t.raw(",\n  ").raw(checksumField).raw(s.Checksum).raw("\"\n}\n")
}

// text is JSON in the making.
type text struct {
	out []byte
	err error
}

// table appends an object with that many entries, or nothing if there is none.
func (t *text) table(name string, count int, entry func(index int)) {
	if count == 0 {
		return
	}
	t.raw(",\n  ").name(name).raw("{")
	for i := 0; i < count; i++ {
		t.separate(i)
		entry(i)
	}
	t.raw("\n  }")
}

func (t *text) container(id string, a Adopted) {
	t.quote(id).raw(": ").object("fingerprint", a.Fingerprint).member("hash", a.Hash).member("hashedBy", a.HashedBy)
	t.optional("createdUnder", a.CreatedUnder).time("adopted", a.Adopted).raw("}")
}

func (t *text) staticPod(path string, p StaticPod) {
	t.quote(path).raw(": ").object("pod", p.Pod).member("uid", p.UID).member("digest", p.Digest)
	t.optional("generated", p.Generated).optional("generatedBy", p.GeneratedBy).raw("}")
}

func (t *text) raw(s string) *text {
	t.out = append(t.out, s...)
	return t
}

// separate begins the line of the entry with that index.
func (t *text) separate(index int) *text {
	if index > 0 {
		t.raw(",")
	}
	return t.raw("\n    ")
}

// object begins an object with its first member.
func (t *text) object(name, value string) *text { return t.raw("{").name(name).quote(value) }

func (t *text) member(name, value string) *text { return t.raw(", ").name(name).quote(value) }

// name appends a name that needs no escapes.
func (t *text) name(name string) *text { return t.raw("\"").raw(name).raw("\": ") }

// optional is member for a value that is left out when it is empty.
func (t *text) optional(name, value string) *text {
	if value == "" {
		return t
	}
	return t.member(name, value)
}

func (t *text) time(name string, value time.Time) *text {
	encoded, err := value.MarshalJSON()
	if err != nil {
		t.err = err
	}
	t.raw(", ").name(name)
	t.out = append(t.out, encoded...)
	return t
}

// quote appends a string as json.Marshal does.
func (t *text) quote(s string) *text {
	for i := 0; i < len(s); i++ {
		if !plain[s[i]] {
			encoded, err := json.Marshal(s)
			if err != nil {
				t.err = err
			}
			t.out = append(t.out, encoded...)
			return t
		}
	}
	return t.raw("\"").raw(s).raw("\"")
}

// plain has the bytes that json.Marshal leaves as they are.
var plain = func() (is [256]bool) {
	for c := ' '; c <= '~'; c++ {
		is[c] = !strings.ContainsRune(`"\<>&`, c)
	}
	return is
}()
