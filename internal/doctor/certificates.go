package doctor

import (
	"fmt"
	"strings"
	"time"
)

// soon is when a certificate of long validity is about to expire.
const soon = 30 * 24 * time.Hour

func certificates(f Facts) []Finding {
	var findings []Finding
	for _, c := range f.Certificates.Found {
		left := c.NotAfter.Sub(f.Now)
		ends := date(c.NotAfter)
		switch {
		case left <= 0:
			findings = append(findings, found(Error, renew(c.Path), "%s has expired, on %s", c.Path, ends)...)
		case left < soonFor(c.NotBefore, c.NotAfter):
			findings = append(findings, found(Warning, renew(c.Path), "%s expires in %s, on %s", c.Path, days(left), ends)...)
		case c.NotBefore.After(f.Now):
			findings = append(findings, found(Error, "see whether the clock is right", "%s is not valid yet", c.Path)...)
		}
	}
	for _, unread := range f.Certificates.Unread {
		findings = append(findings, unknown("when "+unread.Path+" expires", unread.Err, "mend it, and see steadylet certs check")...)
	}
	switch {
	case len(findings) == 0 && len(f.Certificates.Found) == 0:
		return ok("there is no serving certificate of the kubelet, and none of kubeadm")
	case len(findings) == 0:
		return ok("none of %d certificates expires soon", len(f.Certificates.Found))
	}
	return findings
}

// soonFor is soon, or a tenth of a certificate's validity where that is less: the kubelet
// renews its own long before that (nextRotationDeadline, k8s.io/client-go/util/certificate).
func soonFor(notBefore, notAfter time.Time) time.Duration {
	return min(soon, notAfter.Sub(notBefore)/10)
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

func days(left time.Duration) string {
	if left < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(left.Hours()))
	}
	return fmt.Sprintf("%d days", int(left.Hours()/24))
}

// renew says how a certificate is renewed, by where it lies.
func renew(path string) string {
	switch {
	case strings.Contains(path, "kubelet-client"):
		return "see why the kubelet does not renew it (rotateCertificates, kubectl get csr): without it the kubelet can't reach the API server"
	case strings.HasPrefix(path, "/etc/kubernetes/pki/") && !strings.HasSuffix(path, "ca.crt"):
		return "kubeadm certs renew all, then restart the control plane's static pods"
	}
	return "renew it before the upgrade"
}
