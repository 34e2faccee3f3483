package statefile

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fieldsOf returns the JSON paths below v1.Container of a version, as its own types
// have them (testdata/golden/generate.go.txt).
func fieldsOf(t *testing.T, version string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "fields", version+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(data))
}

// addedIn returns the minor version from which on a container can have the field at
// path, or 0.
func addedIn(path string) int {
	at, added := containerFields, 0
	for _, name := range strings.Split(path, ".") {
		added = max(added, at[name].since)
		at = at[name].below
	}
	return added
}

// The table says of every field of the newest types whether the older types had it.
func TestFieldsAreThoseOfTheTypes(t *testing.T) {
	newestFields := fieldsOf(t, "v1.37.2")
	files, err := filepath.Glob(filepath.Join("testdata", "fields", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, file := range files {
		version := strings.TrimSuffix(filepath.Base(file), ".txt")
		number, ok := minor(version)
		if !ok {
			t.Fatal(version)
		}
		seen[number] = true
		had := map[string]bool{}
		for _, path := range fieldsOf(t, version) {
			had[path] = true
		}
		for _, path := range newestFields {
			if added := addedIn(path); had[path] == (added > number) {
				t.Errorf("%s: %s is in its types: %t; the table says that 1.%d added it", version, path, had[path], added)
			}
		}
	}
	for number := 20; number <= 37; number++ {
		if !seen[number] {
			t.Errorf("there are no fields of 1.%d", number)
		}
	}
}

func TestVariants(t *testing.T) {
	for name, test := range map[string]struct {
		spec   string
		oldest int
		want   []string
	}{
		"no newer field": {`{"name":"a","resources":{}}`, 0, nil},
		"not JSON":       {`{"name":"a",`, 0, nil},
		"several versions": {
			`{"name":"a","resizePolicy":[1],"lifecycle":{"preStop":{"sleep":{"seconds":3}}},"restartPolicyRules":[{}]}`, 0,
			[]string{
				`{"name":"a","lifecycle":{"preStop":{"sleep":{"seconds":3}}},"restartPolicyRules":[{}]}`,
				`{"name":"a","resizePolicy":[1],"lifecycle":{"preStop":{"sleep":{"seconds":3}}}}`,
				`{"name":"a","lifecycle":{"preStop":{"sleep":{"seconds":3}}}}`,
				`{"name":"a","resizePolicy":[1],"lifecycle":{"preStop":{}}}`,
				`{"name":"a","lifecycle":{"preStop":{}}}`,
				`{"name":"a","lifecycle":{"preStop":{}}}`,
			},
		},
		"only fields that the oldest did not know": {
			`{"name":"a","lifecycle":{"preStop":{"sleep":{"seconds":3}}},"restartPolicyRules":[{}]}`, 29,
			[]string{`{"name":"a","lifecycle":{"preStop":{"sleep":{"seconds":3}}}}`},
		},
		"the oldest knew them all, but not the gate": {
			`{"name":"a","resizePolicy":[1],"lifecycle":{"preStop":{"sleep":{"seconds":3}}}}`, 30,
			[]string{`{"name":"a","lifecycle":{"preStop":{"sleep":{"seconds":3}}}}`},
		},
		"in each element": {
			`{"volumeMounts":[{"recursiveReadOnly":"Enabled","name":"a"},{"name":"b"},{"recursiveReadOnly":"Enabled"}]}`, 0,
			[]string{`{"volumeMounts":[{"name":"a"},{"name":"b"},{}]}`},
		},
		"the same name elsewhere": {`{"env":[{"name":"restartPolicy","value":"restartPolicy"}]}`, 0, nil},
		"escapes":                 {`{"args":["\b","\\b","\f"]}`, 0, []string{`{"args":["\u0008","\\b","\u000c"]}`}},
		"old escapes":             {`{"args":["\u0008","\\u0008"]}`, 0, []string{`{"args":["\b","\\u0008"]}`}},
		"escapes and fields": {
			`{"args":["\b"],"restartPolicy":"Always"}`, 0,
			[]string{`{"args":["\u0008"],"restartPolicy":"Always"}`, `{"args":["\b"]}`, `{"args":["\u0008"]}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Variants([]byte(test.spec), test.oldest)
			if len(got) != len(test.want) {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			for i, want := range test.want {
				if string(got[i]) != want {
					t.Errorf("got %s, want %s", got[i], want)
				}
			}
		})
	}
}

// Whatever the input, what comes out of JSON is JSON, and copying without leaving
// anything out changes nothing.
func FuzzVariants(f *testing.F) {
	f.Add([]byte(`{"args":["\b"],"restartPolicy":"Always","volumeMounts":[{"recursiveReadOnly":"Enabled","name":"a"},{"name":"b"}]}`))
	f.Add([]byte(`{"lifecycle":{"preStop":{"sleep":{"seconds":3}}},"resources":{"claims":[{"name":"g","request":"r"}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		variants := Variants(data, 0)
		var compact bytes.Buffer
		if json.Compact(&compact, data) != nil {
			return
		}
		copied, _, ok := without(compact.Bytes(), newest, 0)
		if ok && !bytes.Equal(copied, compact.Bytes()) {
			t.Errorf("%q was copied as %q", compact.Bytes(), copied)
		}
		if !bytes.Equal(compact.Bytes(), data) {
			return // not as json.Marshal writes it
		}
		for _, variant := range variants {
			if !json.Valid(variant) {
				t.Errorf("%q has the variant %q", data, variant)
			}
		}
	})
}

func TestNormalImage(t *testing.T) {
	for given, want := range map[string]string{
		"":                               "",
		"busybox":                        "docker.io/library/busybox:latest",
		"busybox:1.36":                   "docker.io/library/busybox:1.36",
		"team/app":                       "docker.io/team/app:latest",
		"localhost/app":                  "localhost/app:latest",
		"localhost:5000/app:v1":          "localhost:5000/app:v1",
		"registry.example/a/b@sha256:01": "registry.example/a/b@sha256:01",
	} {
		if got := normalImage(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
	}
}
