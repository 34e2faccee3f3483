package certs

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// metric is one family of the text format of Prometheus (version 0.0.4).
type metric struct {
	name, help string
	value      func(Certificate) (string, bool)
}

var metrics = []metric{
	{"steadylet_certificate_not_before_seconds", "When the certificate becomes valid, in seconds since 1970.", func(c Certificate) (string, bool) {
		return seconds(c.NotBefore), c.raw != nil
	}},
	{"steadylet_certificate_not_after_seconds", "When the certificate expires, in seconds since 1970.", func(c Certificate) (string, bool) {
		return seconds(c.NotAfter), c.raw != nil
	}},
	{"steadylet_certificate_broken", "1 for a certificate that can't be read, is not for its key, or was not signed by its authority.", func(c Certificate) (string, bool) {
		return boolean(c.Status == Broken), true
	}},
}

// WritePrometheus writes a report as metrics, for the textfile collector of the node
// exporter.
func WritePrometheus(w io.Writer, report Report) error {
	var text strings.Builder
	for _, family := range metrics {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s gauge\n", family.name, family.help, family.name)
		for _, certificate := range report.Certificates {
			if value, known := family.value(certificate); known {
				fmt.Fprintf(&text, "%s{name=%s,path=%s,subject=%s,authority=%q} %s\n", family.name,
					label(certificate.Name), label(certificate.Path), label(certificate.Subject), fmt.Sprint(certificate.Authority), value)
			}
		}
	}
	differences := 0
	for _, check := range report.CrossChecks {
		differences += len(check.Differences)
	}
	for _, single := range []struct{ name, help, value string }{
		{"steadylet_certificates_cross_check_differences", "Where openssl or kubeadm says something else.", fmt.Sprint(differences)},
		{"steadylet_certificates_checked_seconds", "When the certificates were looked at, in seconds since 1970.", seconds(report.Checked)},
	} {
		fmt.Fprintf(&text, "# HELP %s %s\n# TYPE %s gauge\n%s %s\n", single.name, single.help, single.name, single.name, single.value)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

func seconds(t time.Time) string { return fmt.Sprint(t.Unix()) }

func boolean(value bool) string {
	if value {
		return "1"
	}
	return "0"
}

// label quotes a label's value: in it, a backslash, a quote and a line's end are escaped,
// and nothing else.
func label(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}
