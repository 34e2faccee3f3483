package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// kubeconfig judges what the kubelet finds to show to the API server when it starts:
// buildKubeletClientConfig (cmd/kubelet/app/server.go), LoadClientConfig and LoadClientCert
// (pkg/kubelet/certificate/bootstrap), and NewManager (k8s.io/client-go/util/certificate),
// which do the same from 1.20 to 1.37. So what keeps the new kubelet from starting keeps the
// one that runs from it too.
func kubeconfig(f Facts) []Finding {
	c := f.Client
	switch err := cmp.Or(c.Err, c.unseen()); {
	case err != nil:
		return unknown("with which credentials the kubelet starts", err, "run doctor as root, while the kubelet runs")
	case c.Path == "":
		return ok("the kubelet has no kubeconfig (--kubeconfig), and asks no API server")
	case c.Kubeconfig.PathErr != nil:
		return c.stops(f, "%v", c.Kubeconfig.PathErr)
	}
	if unfit := cmp.Or(c.Kubeconfig.lost(), c.Kubeconfig.unfit(f.Now)); c.BootstrapPath != "" && unfit != "" {
		return c.bootstraps(f, c.Path+" "+unfit)
	}
	if lost := c.Kubeconfig.lost(); lost != "" {
		return c.stops(f, "%s %s", c.Path, lost)
	}
	return c.goesOn(f)
}

// bootstraps judges a start with the credentials of --bootstrap-kubeconfig. why says what is
// the matter with the kubeconfig.
func (c Client) bootstraps(f Facts, why string) []Finding {
	lost, refused := c.Bootstrap.lost(), c.Bootstrap.refused(f.Now)
	switch {
	case lost != "":
		return c.stops(f, "%s, and %s (--bootstrap-kubeconfig) %s", why, c.BootstrapPath, lost)
	case c.Rotates && c.Stored.damaged():
		return c.stops(f, "%s, and %s %s", why, c.StoredPath, c.Stored.refused(f.Now))
	case c.Rotates && c.Stored.works(f.Now):
		return found(Warning, c.remedy(f), "%s: the kubelet starts with %s, and writes %s again", why, c.StoredPath, c.Path)
	case c.Bootstrap.Certified && refused != "" && c.Rotates:
		return c.reachesNobody(f, "%s, and %s (--bootstrap-kubeconfig) %s", why, c.BootstrapPath, refused)
	case c.Bootstrap.Certified && refused != "":
		return c.stops(f, "%s, and %s (--bootstrap-kubeconfig) %s", why, c.BootstrapPath, refused)
	}
	return c.asks(f, why, c.BootstrapPath)
}

// asks is the finding for a kubelet that has to come by a certificate first.
func (c Client) asks(f Facts, why, with string) []Finding {
	return found(Warning, c.remedy(f), "%s: when the kubelet starts, it asks for a new certificate with %s, and whether the API server still accepts that is not known here", why, with)
}

// goesOn judges a start with what the kubeconfig has, or with the certificate that the
// kubelet keeps.
func (c Client) goesOn(f Facts) []Finding {
	k, own := c.Kubeconfig, c.Rotates && c.Stored.works(f.Now)
	refused := k.refused(f.Now)
	// Of two files the kubelet reads the pair later, if it has none of its own.
	unusable := cmp.Or(k.CertErr, k.KeyErr) != nil && (k.Path == c.Path || c.Rotates && c.Stored.Missing)
	switch {
	case c.Rotates && c.Stored.damaged():
		return c.stops(f, "%s %s", c.StoredPath, c.Stored.refused(f.Now))
	case own && k.Certified && refused != "":
		return found(Warning, c.remedy(f), "%s %s: only %s keeps the kubelet connected", k.Path, refused, c.StoredPath)
	case own && k.Certified:
		return c.soon(f, k, c.Stored)
	case own:
		return c.soon(f, c.Stored)
	case !k.Certified && f.Pods.Err != nil:
		return unknown("whether the API server accepts the credentials of "+c.Path, f.Pods.Err, "see kubectl --kubeconfig "+c.Path+" get node "+f.Node)
	case !k.Certified:
		return ok("the API server accepts the credentials of %s", c.Path)
	case unusable:
		return c.stops(f, "%s %s", k.Path, refused)
	case refused != "":
		return c.reachesNobody(f, "%s %s", k.Path, refused)
	case c.Rotates && !c.Stored.Missing && k.Path != c.Path:
		// Files are read only where the kubelet has no pair of its own at all.
		return c.asks(f, c.StoredPath+" "+c.Stored.refused(f.Now), k.Path)
	}
	return c.soon(f, k)
}

// soon warns of certificates that expire soon; one of two that are the same is enough.
func (c Client) soon(f Facts, used ...Credentials) []Finding {
	var findings []Finding
	for i, one := range used {
		left := one.NotAfter.Sub(f.Now)
		if left < soonFor(one.NotBefore, one.NotAfter) && (i == 0 || one.Path != used[0].Path) {
			findings = append(findings, found(Warning, c.renewal(f, one), "the client certificate in %s expires in %s, on %s", one.Path, days(left), date(one.NotAfter))...)
		}
	}
	if len(findings) > 0 {
		return findings
	}
	last := used[len(used)-1]
	return ok("the client certificate in %s is valid until %s", last.Path, date(last.NotAfter))
}

// stops is the finding for a kubelet that does not start.
func (c Client) stops(f Facts, format string, args ...any) []Finding {
	return found(Error, c.remedy(f), "%s: no kubelet starts with that%s", fmt.Sprintf(format, args...), f.too())
}

// reachesNobody is the finding for a kubelet that the API server refuses. One that keeps a
// certificate of its own ends when it had none for five minutes (UpdateTransport,
// pkg/kubelet/certificate/transport.go).
func (c Client) reachesNobody(f Facts, format string, args ...any) []Finding {
	ends := ""
	if c.Rotates {
		ends = ", and ends after five minutes"
	}
	return found(Error, c.remedy(f), "%s: a kubelet that starts with that is refused by the API server%s%s", fmt.Sprintf(format, args...), ends, f.too())
}

// too says that it isn't the new kubelet's fault.
func (f Facts) too() string {
	if f.Kubelet.PID == 0 {
		return ""
	}
	return ", and the kubelet that runs now would not start again either"
}

// remedy says how the kubelet comes by credentials again.
func (c Client) remedy(f Facts) string {
	switch {
	case c.Rotates && c.Stored.damaged():
		return fmt.Sprintf("move %s away: the kubelet then begins with what %s has; if that is not valid either, %s", c.StoredPath, c.Path, c.another(f))
	case c.Stored.works(f.Now) && c.Kubeconfig.Certified:
		return fmt.Sprintf("in %s, let client-certificate and client-key of the user name %s, and take out client-certificate-data and client-key-data", c.Path, c.StoredPath)
	}
	return c.another(f)
}

func (c Client) another(f Facts) string {
	text := fmt.Sprintf("make %s anew: kubeadm kubeconfig user --org system:nodes --client-name system:node:%s, on a control plane's node", c.Path, f.Node)
	if c.BootstrapPath != "" {
		text += fmt.Sprintf("; or %s, with a new token: kubeadm token create", c.BootstrapPath)
	}
	return text
}

// renewal says how a certificate that is still valid is renewed.
func (c Client) renewal(f Facts, of Credentials) string {
	if of.Path == c.StoredPath {
		return renew(of.Path)
	}
	return "the kubelet does not renew that one: " + c.remedy(f)
}

// unseen returns what the kubelet may see although doctor does not.
func (c Client) unseen() error {
	seen := []Credentials{c.Kubeconfig, c.Bootstrap}
	if c.Rotates {
		seen = append(seen, c.Stored)
	}
	for _, one := range seen {
		if err := cmp.Or(one.PathErr, one.Err, one.CertErr, one.KeyErr); errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// lost says why a file is of no use at all, or nothing.
func (c Credentials) lost() string {
	switch err := cmp.Or(c.PathErr, c.Err); {
	case c.Missing:
		return "does not exist"
	case err != nil:
		return fmt.Sprintf("can't be used: %v", err)
	}
	return ""
}

// unfit says why the kubelet does not begin with a kubeconfig if it can bootstrap
// (isClientConfigStillValid), or nothing.
func (c Credentials) unfit(now time.Time) string {
	switch {
	case !c.Certified:
		return "has no client certificate"
	case c.CertErr != nil:
		return fmt.Sprintf("has a client certificate that can't be used: %v", c.CertErr)
	case now.After(c.NotAfter):
		return "has a client certificate that expired on " + date(c.NotAfter)
	}
	return ""
}

// refused says why no API server accepts the certificate, or nothing.
func (c Credentials) refused(now time.Time) string {
	switch unfit := cmp.Or(c.lost(), c.unfit(now)); {
	case unfit != "":
		return unfit
	case c.KeyErr != nil:
		return fmt.Sprintf("has a client certificate that can't be used: %v", c.KeyErr)
	case now.Before(c.NotBefore):
		return "has a client certificate that is not valid before " + date(c.NotBefore) + " (is the clock right?)"
	}
	return ""
}

func (c Credentials) works(now time.Time) bool { return c.refused(now) == "" }

// damaged reports whether there is something that can't be used, whatever the time.
func (c Credentials) damaged() bool { return cmp.Or(c.PathErr, c.Err, c.CertErr) != nil }
