package lock_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/kubever"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
)

const lockText = `schemaVersion: 1
git: https://git.example/kubernetes
versions:
  - version: v1.20.2
    time: 2021-01-13T13:19:01Z
    toolchain: go1.15.15
    commit: faecb196815e248d3ecfb03c680a4507229c2a56
    archives:
      - name: orig tarball
        sha256: b83c0780efb182d928dc63d46488a847f161f04e40a94b96bf5247dd671ecdfc
    goSum: |
      k8s.io/kubernetes v1.20.2 h1:EsQROw+yFsDMfjEHp52cKs4JVI6lAHA2SHGAF88cK7s=
      k8s.io/kubernetes v1.20.2/go.mod h1:v2E/T5A+ikBt81n9HZ8VVns5IXSsMHP1ITIFuHY3d5s=
  - version: v1.29.6
    time: 2024-06-11T20:22:13Z
    toolchain: go1.21.11
    rootOnly: true
    goSum: k8s.io/kubernetes v1.29.6 h1:abc=
`

func TestParseAndLookUp(t *testing.T) {
	file, err := lock.Parse([]byte(lockText))
	if err != nil {
		t.Fatal(err)
	}
	entry, err := file.Entry(kubever.Version{Major: 1, Minor: 20, Patch: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := entry.RootSum(), "h1:EsQROw+yFsDMfjEHp52cKs4JVI6lAHA2SHGAF88cK7s="; got != want {
		t.Errorf("RootSum() = %s, want %s", got, want)
	}
	newest, err := file.Newest()
	if err != nil || newest.String() != "v1.20.2" {
		t.Errorf("Newest() = %s, %v; want v1.20.2, since v1.29.6 has no staging modules", newest, err)
	}
}

func TestNewestToolchain(t *testing.T) {
	file, err := lock.Parse([]byte(lockText))
	if err != nil {
		t.Fatal(err)
	}
	if got := file.NewestToolchain(); got != "go1.21.11" {
		t.Errorf("got %s: go1.21.11 is newer than go1.15.15", got)
	}
}

func TestUnknownVersionNamesTheKnownOnes(t *testing.T) {
	file, err := lock.Parse([]byte(lockText))
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Entry(kubever.Version{Major: 1, Minor: 99})
	if !errors.Is(err, lock.ErrUnknownVersion) {
		t.Fatalf("got %v, want ErrUnknownVersion", err)
	}
	for _, want := range []string{"v1.99.0", "v1.20.2, v1.29.6", "kubernetes.lock.yaml"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not contain %q", err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, change := range map[string][2]string{
		"unknown field":     {"toolchain: go1.15.15", "toolchian: go1.15.15"},
		"future schema":     {"schemaVersion: 1", "schemaVersion: 2"},
		"short commit":      {"faecb196815e248d3ecfb03c680a4507229c2a56", "faecb196"},
		"short digest":      {"b83c0780efb182d928dc63d46488a847f161f04e40a94b96bf5247dd671ecdfc", "b83c"},
		"no toolchain":      {"toolchain: go1.15.15", "toolchain: latest"},
		"partial version":   {"version: v1.20.2", "version: v1.20"},
		"listed twice":      {"version: v1.29.6", "version: v1.20.2"},
		"no sum of the tag": {"kubernetes v1.20.2 h1", "kubernetes v1.20.3 h1"},
		"no time":           {"time: 2021-01-13T13:19:01Z", "time: 0001-01-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(lockText, change[0], change[1], 1)
			if text == lockText {
				t.Fatal("the case changes nothing")
			}
			if _, err := lock.Parse([]byte(text)); err == nil {
				t.Error("it was accepted")
			}
		})
	}
	if _, err := lock.Parse(nil); err == nil {
		t.Error("an empty lock was accepted")
	}
}

func TestWriteKeepsEverything(t *testing.T) {
	file, err := lock.Parse([]byte(lockText))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "lock.yaml")
	if err := file.Write(path); err != nil {
		t.Fatal(err)
	}
	again, err := lock.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(file, again); diff != "" {
		t.Errorf("after a round trip (-want +got):\n%s", diff)
	}
}

// The lock that the project ships must be readable at all times.
func TestShippedLock(t *testing.T) {
	file, err := lock.Read(filepath.Join("..", "..", "..", "patches", "kubernetes.lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Newest(); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(lockText))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := lock.Parse(data)
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "lock.yaml")
		if err := file.Write(path); err != nil {
			t.Fatalf("a lock that was read can't be written: %v", err)
		}
		if _, err := lock.Read(path); err != nil {
			t.Fatalf("a lock that was written can't be read: %v", err)
		}
	})
}
