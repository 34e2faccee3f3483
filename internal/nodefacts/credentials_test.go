package nodefacts

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/steadylet/steadylet/internal/certs/certstest"
	"github.com/steadylet/steadylet/internal/doctor"
	"github.com/steadylet/steadylet/internal/kubeletproc"
	"github.com/steadylet/steadylet/internal/nodestate"
)

// kit has what the files of credentials are made of.
type kit struct {
	now                       time.Time
	authority, valid, expired *certstest.Pair
	// kubeconfigs are those that a kubelet may have, by what is in them; without a text there
	// is none. OWN stands for the pair that the kubelet keeps.
	kubeconfigs map[string]string
}

// newKit puts pairs of certificate and key into a folder.
func newKit(t *testing.T, dir string) kit {
	t.Helper()
	k := kit{now: time.Now()}
	k.authority = certstest.Make(t, "kubernetes", k.now, 1000*time.Hour, nil)
	k.valid = certstest.Make(t, "system:node:db-3", k.now, 300*24*time.Hour, k.authority)
	k.expired = certstest.Make(t, "system:node:db-3", k.now.Add(-400*24*time.Hour), 365*24*time.Hour, k.authority)
	k.valid.Write(t, dir, "valid")
	k.expired.Write(t, dir, "expired")
	pair := func(certificate, key string) string {
		return k.config(named("mine", filepath.Join(dir, certificate+".crt"), filepath.Join(dir, key+".key")))
	}
	good, bad := embedded(t, "mine", k.valid, k.valid), embedded(t, "mine", k.expired, k.expired)
	k.kubeconfigs = map[string]string{
		"absent":            "",
		"invalid":           "kind: Config\ncurrent-context: gone\nusers:\n" + good,
		"token":             k.config(token),
		"valid":             k.config(good),
		"valid-and-other":   k.config(embedded(t, "other", k.expired, k.expired), good),
		"expired":           k.config(bad),
		"expired-and-other": k.config(embedded(t, "other", k.valid, k.valid), bad),
		"of-another-key":    k.config(embedded(t, "mine", k.valid, k.expired)),
		"file-own":          k.config(named("mine", "OWN", "OWN")),
		"file-valid":        pair("valid", "valid"),
		"file-expired":      pair("expired", "expired"),
		"file-other-key":    pair("valid", "expired"),
		"file-gone":         pair("gone", "gone"),
	}
	return k
}

// config is a kubeconfig whose current context is that of the user "mine".
func (k kit) config(users ...string) string {
	return "apiVersion: v1\nkind: Config\ncurrent-context: mine\nclusters:\n- name: c\n  cluster:\n    server: https://127.0.0.1:1\n" +
		"    certificate-authority-data: " + base64.StdEncoding.EncodeToString(k.authority.CertificatePEM()) + "\n" +
		"contexts:\n- name: other\n  context: {cluster: c, user: other}\n- name: mine\n  context: {cluster: c, user: mine}\nusers:\n" + strings.Join(users, "")
}

func embedded(t *testing.T, name string, certificate, key *certstest.Pair) string {
	t.Helper()
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("- name: %s\n  user:\n    client-certificate-data: %s\n    client-key-data: %s\n", name, encode(certificate.CertificatePEM()), encode(key.KeyPEM(t)))
}

func named(name, certificate, key string) string {
	return fmt.Sprintf("- name: %s\n  user: {client-certificate: %s, client-key: %s}\n", name, certificate, key)
}

const token = "- name: mine\n  user: {token: abcdef.0123456789abcdef}\n"

func writeTo(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// start is one way in which a kubelet may find things when it starts.
type start struct {
	kubeconfig, bootstrap, own string
	rotates                    bool
}

// lay writes the files of a start to a folder, and returns the kubelet's flags.
func (k kit) lay(t *testing.T, dir string, s start) []string {
	t.Helper()
	pairPath := filepath.Join(dir, "pki", clientPair)
	args := []string{"kubelet", "--cert-dir=" + filepath.Join(dir, "pki"), fmt.Sprintf("--rotate-certificates=%t", s.rotates)}
	for flag, kind := range map[string]string{"kubeconfig": s.kubeconfig, "bootstrap-kubeconfig": s.bootstrap} {
		if kind == "unset" {
			continue
		}
		path := filepath.Join(dir, flag+".conf")
		args = append(args, "--"+flag+"="+path)
		if text := k.kubeconfigs[kind]; text != "" {
			writeTo(t, path, strings.ReplaceAll(text, "OWN", pairPath))
		}
	}
	own := map[string][]byte{
		"none": nil, "valid": append(k.valid.CertificatePEM(), k.valid.KeyPEM(t)...), "expired": append(k.expired.CertificatePEM(), k.expired.KeyPEM(t)...),
		"no-key": k.valid.CertificatePEM(),
	}[s.own]
	if own != nil {
		writeTo(t, pairPath, string(own))
	}
	return args
}

// verdict is what doctor says of a start, in a word.
func verdict(t *testing.T, finding doctor.Finding) string {
	t.Helper()
	for _, known := range []struct {
		word     string
		severity doctor.Severity
		says     string
	}{
		{"stops", doctor.Error, ": no kubelet starts with that, and the kubelet that runs now would not start again either"},
		{"refused", doctor.Error, "is refused by the API server"},
		{"rewrites", doctor.Warning, ", and writes "},
		{"asks", doctor.Warning, "asks for a new certificate with"},
		{"own-only", doctor.Warning, "keeps the kubelet connected"},
		{"unknown", doctor.Unknown, "whether the API server accepts the credentials"},
		{"good", doctor.OK, "is valid until"},
	} {
		if finding.Severity == known.severity && strings.Contains(finding.Summary, known.says) && (finding.Remedy != "") == (known.severity != doctor.OK) {
			return known.word
		}
	}
	t.Errorf("got %+v", finding)
	return "?"
}

// The verdict is that of the kubelet: the table was compared with what LoadClientConfig,
// LoadClientCert and NewKubeletClientCertificateManager of Kubernetes 1.36.3 and 1.37.2 do
// with the same files.
func TestStarts(t *testing.T) {
	want, err := os.ReadFile("testdata/starts.txt")
	if err != nil {
		t.Fatal(err)
	}
	k := newKit(t, t.TempDir())
	var got strings.Builder
	for line := range strings.Lines(string(want)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] == "#" {
			got.WriteString(line)
			continue
		}
		s := start{kubeconfig: fields[0], bootstrap: fields[1], rotates: fields[2] == "rotates"}
		words := fields[:3]
		for _, own := range []string{"none", "valid", "expired", "no-key"} {
			s.own = own
			n := node{now: k.now, kubelet: kubelet(k.lay(t, t.TempDir(), s))}
			facts := doctor.Facts{Now: k.now, Node: "db-3", Kubelet: doctor.Kubelet{PID: 7, Program: "/usr/bin/kubelet"}, Pods: doctor.Pods{Err: errors.New("nobody answers")}, Client: n.client()}
			words = append(words, verdict(t, finding(t, facts, "kubeconfig")))
		}
		fmt.Fprintf(&got, "%-18s %-9s %-8s  %-9s %-9s %-9s %s\n", words[0], words[1], words[2], words[3], words[4], words[5], words[6])
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

func kubelet(args []string) nodestate.Kubelet {
	return nodestate.Kubelet{Args: args, Flags: kubeletproc.ParseFlags(args).In("/")}
}

// finding is the one of a check.
func finding(t *testing.T, facts doctor.Facts, check string) doctor.Finding {
	t.Helper()
	for _, finding := range doctor.Diagnose(facts) {
		if finding.Check == check {
			return finding
		}
	}
	t.Fatalf("no finding of %s", check)
	return doctor.Finding{}
}
