package statefile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/statefile"
)

func someState(t testing.TB) statefile.State {
	t.Helper()
	s := statefile.State{}.Started("v1.30.14", start).Started("v1.31.0", start.Add(time.Hour))
	s.Containers = map[string]statefile.Adopted{"0123abcd": {
		Fingerprint: "78ea6e", Hash: "abc", HashedBy: "v1.31.0", CreatedUnder: "v1.30.14", Adopted: start,
	}}
	s.StaticPods = map[string]statefile.StaticPod{"/etc/kubernetes/manifests/etcd.yaml": {
		Pod: "kube-system/etcd-node", UID: "8dec010c5551a38ef356b73b047153c7", Digest: "00ff", Generated: "9cd09dee", GeneratedBy: "v1.31.0",
	}}
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if s, err = statefile.Decode(data); err != nil {
		t.Fatal(err)
	}
	return s
}

func saved(t testing.TB, s statefile.State) string {
	t.Helper()
	path := statefile.Path(t.TempDir())
	if err := statefile.Save(path, s); err != nil {
		t.Fatal(err)
	}
	return path
}

// names lists a folder, the lock left out.
func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, entry := range entries {
		if entry.Name() != "lock" {
			found = append(found, entry.Name())
		}
	}
	return found
}

func TestSaveAndLoad(t *testing.T) {
	want := someState(t)
	path := saved(t, want)
	got, err := statefile.Load(path)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): os.ModeDir | 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v (%v)", name, info.Mode(), mode, err)
		}
	}
	if diff := cmp.Diff([]string{"state.json"}, names(t, filepath.Dir(path))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestSaveKeepsTheGoodCopyBefore(t *testing.T) {
	first := someState(t)
	path := saved(t, first)
	second := first.Started("v1.36.3", start.Add(2*time.Hour))
	if err := statefile.Save(path, second); err != nil {
		t.Fatal(err)
	}
	before, err := statefile.Load(path + ".prev")
	if diff := cmp.Diff(first, before); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := statefile.Save(path, second); err != nil {
		t.Fatal(err)
	}
	if before, err = statefile.Load(path + ".prev"); err != nil || before.Kubelet.Version != "v1.31.0" {
		t.Errorf("a damaged file replaced the good copy: %+v %v", before.Kubelet, err)
	}
}

func TestStartedKeepsTheTimeOfTheFirstStart(t *testing.T) {
	s := statefile.State{}.Started("v1.30.14", start).Started("v1.30.14", start.Add(time.Hour))
	if !s.Kubelet.StartTime.Equal(start) || !s.Kubelet.LastStart.Equal(start.Add(time.Hour)) || len(s.History) != 0 {
		t.Errorf("after a second start: %+v", s)
	}
	for i := range 100 {
		s = s.Started([]string{"v1.31.0", "v1.30.14"}[i%2], start.Add(time.Duration(i+2)*time.Hour))
	}
	if len(s.History) != 16 {
		t.Errorf("the history has %d entries, want it bounded to 16", len(s.History))
	}
}

// socketInPlace puts a socket in the place of a file.
func socketInPlace(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	return errors.Join(listener.Close(), os.Chmod(path, 0o600))
}

func TestLoadRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		damage func(path string) error
		want   error
	}{
		"missing":              {os.Remove, statefile.ErrMissing},
		"empty":                {func(path string) error { return os.Truncate(path, 0) }, statefile.ErrMalformed},
		"writable":             {func(path string) error { return os.Chmod(path, 0o620) }, statefile.ErrMode},
		"link":                 {func(path string) error { return errors.Join(os.Rename(path, path+"x"), os.Symlink(path+"x", path)) }, statefile.ErrNotRegular},
		"folder":               {func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, statefile.ErrNotRegular},
		"named pipe":           {func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) }, statefile.ErrNotRegular},
		"socket":               {socketInPlace, statefile.ErrNotRegular},
		"too large":            {func(path string) error { return os.Truncate(path, 1<<20+1) }, statefile.ErrTooLarge},
		"next schema":          {func(path string) error { return os.WriteFile(path, []byte(nextSchema), 0o600) }, statefile.ErrFutureSchema},
		"next schema, damaged": {func(path string) error { return os.WriteFile(path, []byte(nextSchema+" "), 0o600) }, statefile.ErrChecksum},
	} {
		t.Run(name, func(t *testing.T) {
			path := saved(t, someState(t))
			if err := test.damage(path); err != nil {
				t.Fatal(err)
			}
			if _, err := statefile.Load(path); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	t.Run("another owner", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("this user is not root: run it as root")
		}
		path := saved(t, someState(t))
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if _, err := statefile.Load(path); !errors.Is(err, statefile.ErrOwner) {
			t.Errorf("got %v, want ErrOwner", err)
		}
	})
}

// Whatever happened to the bytes, the answer is the state as it was written, or
// an error.
func TestDamageIsNeverReadAsAState(t *testing.T) {
	want := someState(t)
	path := saved(t, want)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	load := func(data []byte) (statefile.State, bool) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := statefile.Load(path)
		return s, err == nil && !cmp.Equal(s, want)
	}
	for length := range data {
		if s, wrong := load(data[:length]); wrong {
			t.Fatalf("cut to %d bytes it reads as %+v", length, s)
		}
	}
	for i := range data {
		for bit := range 8 {
			damaged := bytes.Clone(data)
			damaged[i] ^= 1 << bit
			if s, wrong := load(damaged); wrong {
				t.Fatalf("with bit %d of byte %d flipped it reads as %+v", bit, i, s)
			}
		}
	}
}

// The text says what encoding/json says of the same state.
func TestTextIsThatOfTheState(t *testing.T) {
	odd := "\"\\<&>\n\x00\xffgrün\u2028"
	full := saving(3)
	full.History = []statefile.Start{{Version: odd}, {Version: "v1.28.0", StartTime: start}}
	full.Containers[odd] = statefile.Adopted{HashedBy: odd, CreatedUnder: odd}
	full.StaticPods = map[string]statefile.StaticPod{
		odd: {Pod: odd, UID: odd, Digest: odd, Generated: odd, GeneratedBy: odd}, "/etc/kubernetes/manifests/etcd.yaml": {UID: "a"},
	}
	for name, s := range map[string]statefile.State{"empty": {}, "started": someState(t), "full": full} {
		text, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var got, want map[string]any
		s.SchemaVersion = statefile.SchemaVersion
		reference, err := json.Marshal(s)
		if err = errors.Join(err, json.Unmarshal(text, &got), json.Unmarshal(reference, &want)); err != nil {
			t.Fatal(err)
		}
		delete(got, "checksum")
		delete(want, "checksum")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, err := someState(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := statefile.Decode(data)
		if err != nil {
			return
		}
		encoded, err := s.Encode()
		if err != nil {
			t.Fatalf("%q reads as %+v, which can't be written: %v", data, s, err)
		}
		again, err := statefile.Decode(encoded)
		s.Checksum, again.Checksum = "", "" // a field that was dropped was part of it
		if diff := cmp.Diff(s, again); err != nil || diff != "" {
			t.Errorf("%q reads back as something else: %v\n%s", data, err, diff)
		}
	})
}

// A later release of the same schema version may add fields. Its files are good
// after a rollback.
func TestFieldsOfLaterReleasesAreCheckedAndDropped(t *testing.T) {
	const text = `{"later": {"b": 1.50, "a": [1, 2]}, "schemaVersion": 1, "kubelet": {"version": "v1.31.0",
		"startTime": "2026-11-24T09:00:00Z", "lastStart": "2026-11-24T09:00:00Z"}, "checksum": "` + laterSum + `"}`
	s, err := statefile.Decode([]byte(text))
	if err != nil || s.Kubelet.Version != "v1.31.0" {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := statefile.Decode([]byte(strings.Replace(text, "1.50", "1.51", 1))); !errors.Is(err, statefile.ErrChecksum) {
		t.Errorf("damage in a field that is not known: got %v, want ErrChecksum", err)
	}
}

// laterSum was computed with sha256sum over the same text with zeros in its place.
const laterSum = "14d716f945f7ff533b12315991f867e4cf33171b6e436e1e76e046ecbb006961"

// nextSchema is a file of a later release, whose fields mean something else.
const nextSchema = `{"schemaVersion": 2, "kubelet": ["v1.40.0"], "checksum": "79387190ca72f284f846f022f6bcb6c39d8928ceb5e66abe175e2b171202616e"}`
