package source_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/magefiles/internal/gosum"
	"github.com/steadylet/steadylet/magefiles/internal/lock"
	"github.com/steadylet/steadylet/magefiles/internal/modproxytest"
	"github.com/steadylet/steadylet/magefiles/internal/progress"
	"github.com/steadylet/steadylet/magefiles/internal/source"
)

// found is what was found out of a tag.
type found struct {
	// signed and unsigned are the staging modules with a sum.
	signed, unsigned []string
	rootOnly         bool
}

func foundIn(entry lock.Entry) *found {
	f := &found{rootOnly: entry.RootOnly, unsigned: entry.Unsigned}
	for _, path := range []string{"k8s.io/api", "k8s.io/apimachinery", "k8s.io/sample-apiserver"} {
		if gosum.Lookup(entry.GoSum, path, "v0.36.3") != "" && !slices.Contains(entry.Unsigned, path) {
			f.signed = append(f.signed, path)
		}
	}
	return f
}

// What a server says for certain is recorded; anything else is an error that names the
// module and the cause.
func TestDescribe(t *testing.T) {
	const api, sample, third, toolchain = "k8s.io/api", "k8s.io/sample-apiserver", "example.org/third", "golang.org/toolchain"
	all := []string{api, "k8s.io/apimachinery", sample}
	withoutAPI := &found{signed: all[1:], rootOnly: true}
	unsigned, other := source.DescribeOptions{Unsigned: true}, source.DescribeOptions{Toolchain: "go1.99.0"}
	for name, test := range map[string]struct {
		proxy, database map[string]modproxytest.Answer
		options         source.DescribeOptions
		want            *found // none: an error
		says            string
	}{
		"all there":                   {want: &found{signed: all}},
		"needed, 404":                 {proxy: answers{api: 404}, want: withoutAPI},
		"needed, 410":                 {proxy: answers{api: 410}, want: withoutAPI},
		"needed, 503":                 {proxy: answers{api: 503}, says: "downloading k8s.io/api@v0.36.3: |503 Service Unavailable"},
		"needed, 403":                 {proxy: answers{api: 403}, says: "downloading k8s.io/api@v0.36.3: |403 Forbidden"},
		"needed, hung up":             {proxy: answers{api: modproxytest.HangUp}, says: "downloading k8s.io/api@v0.36.3: |EOF"},
		"not needed, 404":             {proxy: answers{sample: 404}, want: &found{signed: all[:2]}},
		"not needed, 429":             {proxy: answers{sample: 429}, says: "downloading k8s.io/sample-apiserver@v0.36.3: |429 Too Many Requests"},
		"both":                        {proxy: answers{api: 404, sample: 503}, says: "downloading k8s.io/sample-apiserver@v0.36.3: |503"},
		"dependency, 404":             {proxy: answers{third: 404}, want: &found{signed: all, rootOnly: true}},
		"dependency, 503":             {proxy: answers{third: 503}, says: "whether v1.36.3 can be built is not known|example.org/third@v1.0.0|503"},
		"dependency, hung up":         {proxy: answers{third: modproxytest.HangUp}, says: "whether v1.36.3 can be built is not known|example.org/third@v1.0.0|EOF"},
		"not signed":                  {database: answers{api: 404}, want: withoutAPI},
		"database down":               {database: answers{api: 503}, says: "downloading k8s.io/api@v0.36.3: |verifying |503"},
		"database hangs up":           {database: answers{api: modproxytest.HangUp}, says: "downloading k8s.io/api@v0.36.3: |verifying |EOF"},
		"not signed, taken":           {database: answers{api: 404}, options: unsigned, want: &found{signed: all[1:], unsigned: all[:1]}},
		"database down, not taken":    {database: answers{api: 503}, options: unsigned, says: "downloading k8s.io/api@v0.36.3: |verifying |503"},
		"toolchain, 404":              {options: other, want: &found{signed: all, rootOnly: true}},
		"toolchain, 503":              {proxy: answers{toolchain: 503}, options: other, says: "whether v1.36.3 can be built is not known|go1.99.0|503"},
		"the release itself, 404":     {proxy: answers{"k8s.io/kubernetes": 404}, says: "there is no such version: downloading k8s.io/kubernetes@v1.36.3"},
		"the release itself, 503":     {proxy: answers{"k8s.io/kubernetes": 503}, says: "downloading k8s.io/kubernetes@v1.36.3: |503"},
		"the release itself, no sums": {database: answers{"k8s.io/kubernetes": 500}, says: "downloading k8s.io/kubernetes@v1.36.3: |500"},
	} {
		t.Run(name, func(t *testing.T) {
			servers := modproxytest.Serve(t, filepath.Join("testdata", "modules"))
			for module, answer := range test.proxy {
				servers.Proxy(module, answer)
			}
			for module, answer := range test.database {
				servers.Database(module, answer)
			}
			describe(t, servers.Environment(), test.options, test.want, test.says)
		})
	}
}

type answers = map[string]modproxytest.Answer

// describe checks what is found out, or what the error says.
func describe(t *testing.T, environment []string, options source.DescribeOptions, want *found, says string) {
	t.Helper()
	fetcher := source.Fetcher{Environment: environment, Progress: progress.New(t.Output(), false)}
	entry, err := fetcher.Describe(t.Context(), request("").Version, options)
	if want != nil {
		if diff := cmp.Diff(want, foundIn(entry), cmp.AllowUnexported(found{})); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		return
	}
	if err == nil || entry.GoSum != "" {
		t.Fatalf("got %+v, %v; want an error", entry, err)
	}
	for part := range strings.SplitSeq(says, "|") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("it does not say %q: %v", part, err)
		}
	}
	if strings.Contains(says, "no such version") != errors.Is(err, source.ErrNotPublished) {
		t.Errorf("is it for good? %v", err)
	}
}

// A proxy that can't be reached says nothing of the modules that are not in the cache, and
// neither does a dependency with another content.
func TestDescribeInVain(t *testing.T) {
	modules := filepath.Join("testdata", "modules")
	t.Run("refused", func(t *testing.T) {
		servers := modproxytest.Serve(t, modules)
		fetcher := source.Fetcher{Environment: servers.Environment(), Progress: progress.New(t.Output(), false)}
		if _, err := fetcher.DescribeRoot(t.Context(), request("").Version, nil); err != nil {
			t.Fatal(err)
		}
		for setting, says := range map[string]string{
			"GOPROXY=http://127.0.0.1:1": "downloading k8s.io/api@v0.36.3: |connection refused", "GOPROXY=off": "downloading k8s.io/api@v0.36.3: |GOPROXY=off",
		} {
			describe(t, append(servers.Environment(), setting), source.DescribeOptions{}, nil, says)
		}
	})
	t.Run("another content", func(t *testing.T) {
		changed := filepath.Join(t.TempDir(), "modules")
		if err := os.CopyFS(changed, os.DirFS(modules)); err != nil {
			t.Fatal(err)
		}
		third := filepath.Join(changed, "example.org_third_v1.0.0.txtar")
		data, err := os.ReadFile(third)
		if err != nil {
			t.Fatal(err)
		}
		write(t, third, string(data)+"\n// changed\n")
		describe(t, modproxytest.Serve(t, changed).Environment(), source.DescribeOptions{}, nil, "example.org/third@v1.0.0: checksum mismatch")
	})
}

// Of a tag that is not in the lock a staging module is left out for good, or the error
// says why not.
func TestDescribeRoot(t *testing.T) {
	for name, test := range map[string]struct {
		answer modproxytest.Answer
		says   string
	}{
		"there": {200, ""}, "404": {404, ""}, "503": {503, "downloading k8s.io/api@v0.36.3: "}, "hung up": {modproxytest.HangUp, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			servers := modproxytest.Serve(t, filepath.Join("testdata", "modules"))
			servers.Proxy("k8s.io/api", test.answer)
			fetcher := source.Fetcher{Environment: servers.Environment(), Progress: progress.New(t.Output(), false)}
			entry, err := fetcher.DescribeRoot(t.Context(), request("").Version, []string{"k8s.io/api", "k8s.io/apimachinery"})
			if test.says != "" {
				if !errors.Is(err, source.ErrUnavailable) || errors.Is(err, source.ErrNotPublished) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v", err)
				}
				return
			}
			if has := gosum.Lookup(entry.GoSum, "k8s.io/api", "v0.36.3") != ""; err != nil || has != (test.answer == 200) {
				t.Errorf("%v: it has a sum: %t", err, has)
			}
		})
	}
}

// No version at all is not an answer.
func TestVersions(t *testing.T) {
	empty := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer empty.Close()
	servers := modproxytest.Serve(t, filepath.Join("testdata", "modules"))
	versions := func(settings ...string) ([]string, error) {
		fetcher := source.Fetcher{Environment: append(servers.Environment(), settings...), Progress: progress.New(t.Output(), false)}
		return fetcher.Versions(t.Context())
	}
	if got, err := versions("GOPROXY=" + empty.URL); err == nil || !strings.Contains(err.Error(), "the module proxy names none") {
		t.Errorf("of an empty list: %v, %v", got, err)
	}
	if got, err := versions(); err != nil || !slices.Equal(got, []string{"v1.36.3"}) {
		t.Errorf("got %v, %v", got, err)
	}
	servers.Forget()
	servers.Proxy("k8s.io/kubernetes", 503)
	if got, err := versions(); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("of a proxy that is down: %v, %v", got, err)
	}
}
