package certs

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// CrossCheck is what another program says of the same certificates.
type CrossCheck struct {
	Program string `json:"program"`
	// Compared counts the certificates that it was asked about.
	Compared int `json:"compared"`
	// Differences say where it says something else.
	Differences []string `json:"differences,omitempty"`
	// Skipped says why it wasn't asked.
	Skipped string `json:"skipped,omitempty"`
}

// Programs are the ones to ask; an empty path leaves one out.
type Programs struct {
	OpenSSL, Kubeadm string
}

// askWithin bounds one run of another program.
const askWithin = 20 * time.Second

// CrossCheck asks other programs and adds what they say to the report. A difference
// makes it Broken.
func (r *Report) CrossCheck(ctx context.Context, programs Programs, places Places) {
	if programs.OpenSSL != "" {
		r.CrossChecks = append(r.CrossChecks, r.askOpenSSL(ctx, programs.OpenSSL))
	}
	if programs.Kubeadm != "" {
		r.CrossChecks = append(r.CrossChecks, r.askKubeadm(ctx, programs.Kubeadm, places))
	}
	for _, check := range r.CrossChecks {
		if len(check.Differences) > 0 {
			r.Status = Broken
		}
	}
}

func (r *Report) askOpenSSL(ctx context.Context, program string) CrossCheck {
	check := CrossCheck{Program: program}
	for _, certificate := range r.Certificates {
		if certificate.raw == nil {
			continue
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.raw})
		out, err := output(ctx, text, program, "x509", "-noout", "-startdate", "-enddate", "-fingerprint", "-sha256")
		if err != nil {
			check.Skipped = err.Error()
			return check
		}
		check.Compared++
		check.Differences = append(check.Differences, CompareOpenSSL(certificate, string(out))...)
	}
	return check
}

// CompareOpenSSL holds a certificate against what openssl x509 prints of it with
// -startdate, -enddate, -fingerprint and -sha256.
func CompareOpenSSL(certificate Certificate, printed string) []string {
	const layout = "Jan _2 15:04:05 2006 MST"
	want := map[string]string{
		"notbefore":          certificate.NotBefore.Format(layout),
		"notafter":           certificate.NotAfter.Format(layout),
		"sha256 fingerprint": certificate.SHA256,
	}
	var differences []string
	for line := range strings.Lines(printed) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		name = strings.ToLower(name)
		if name == "sha256 fingerprint" {
			value = strings.ToLower(strings.ReplaceAll(value, ":", ""))
		}
		// openssl says GMT where Go says UTC.
		value = strings.Replace(value, " GMT", " UTC", 1)
		if expected, asked := want[name]; asked && value != expected {
			differences = append(differences, fmt.Sprintf("%s: %s is %s to openssl, %s here", certificate.Name, name, value, expected))
		}
		delete(want, name)
	}
	for name := range want {
		differences = append(differences, fmt.Sprintf("%s: openssl does not say %s", certificate.Name, name))
	}
	return differences
}

// askKubeadm runs kubeadm certs check-expiration. It knows kubeconfigs at one place
// only, below a root that can be another.
func (r *Report) askKubeadm(ctx context.Context, program string, places Places) CrossCheck {
	check := CrossCheck{Program: program}
	root, found := strings.CutSuffix(places.KubernetesDir, DefaultKubernetesDir)
	pki, err := filepath.Rel(root+"/", places.PKIDir)
	if !found || err != nil || strings.HasPrefix(pki, "..") {
		check.Skipped = fmt.Sprintf("it looks for kubeconfigs in %s only", DefaultKubernetesDir)
		return check
	}
	// Without a kubeconfig it asks no API server, which may not run.
	args := []string{"certs", "check-expiration", "--cert-dir=/" + pki, "--kubeconfig=/nonexistent"}
	if root != "" {
		args = append(args, "--rootfs="+root)
	}
	out, err := output(ctx, nil, program, args...)
	if err != nil {
		check.Skipped = err.Error()
		return check
	}
	says := ParseExpirations(string(out))
	check.Compared, check.Differences = compareKubeadm(r.Certificates, says)
	if check.Compared == 0 {
		check.Skipped = "it named no certificate"
	}
	return check
}

// expiration is a line of kubeadm's table: a name, and the end of its validity to the
// minute. A "!" before the name says that it comes soon.
var expiration = regexp.MustCompile(`(?m)^!?\s*(\S+)\s+([A-Z][a-z]{2} [0-9]{2}, [0-9]{4} [0-9]{2}:[0-9]{2}) UTC\s`)

// ParseExpirations reads the table of kubeadm certs check-expiration
// (cmd/kubeadm/app/cmd/certs.go): when each certificate expires, to the minute.
func ParseExpirations(table string) map[string]time.Time {
	says := map[string]time.Time{}
	for _, match := range expiration.FindAllStringSubmatch(table, -1) {
		if when, err := time.Parse("Jan 02, 2006 15:04", match[2]); err == nil {
			says[match[1]] = when
		}
	}
	return says
}

// kubeadmName is what kubeadm calls a source, which it has at the same path.
func kubeadmName(name string) string { return strings.ReplaceAll(name, "/", "-") }

func compareKubeadm(certificates []Certificate, says map[string]time.Time) (compared int, differences []string) {
	for _, certificate := range certificates {
		when, known := says[kubeadmName(certificate.Name)]
		if !known || certificate.NotAfter.IsZero() {
			continue
		}
		compared++
		if here := certificate.NotAfter.Truncate(time.Minute); !here.Equal(when) {
			differences = append(differences, fmt.Sprintf("%s: expires at %s to kubeadm, %s here",
				certificate.Name, when.Format(time.RFC3339), here.Format(time.RFC3339)))
		}
	}
	return compared, differences
}

// output runs a program with nothing of this one's environment.
func output(ctx context.Context, stdin []byte, program string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askWithin, fmt.Errorf("no answer within %s", askWithin))
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.Stdin = bytes.NewReader(stdin)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var failed *exec.ExitError
	if errors.As(err, &failed) && len(failed.Stderr) > 0 {
		return nil, fmt.Errorf("%s: %w: %.300q", program, err, bytes.TrimSpace(failed.Stderr))
	}
	return nil, fmt.Errorf("%s: %w", program, err)
}
