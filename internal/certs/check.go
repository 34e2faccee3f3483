package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

// Status is the worst that is known of a certificate.
type Status string

// From the best to the worst.
const (
	// OK: valid for longer than the days to warn of, with its key, from its authority.
	OK Status = "ok"
	// Expiring: valid, but for no more than the days to warn of.
	Expiring Status = "expiring"
	// Expired: not valid any more, or not yet.
	Expired Status = "expired"
	// Broken: it can't be read, its key is another, or its authority did not sign it.
	Broken Status = "broken"
)

var severities = []Status{OK, Expiring, Expired, Broken}

// worse returns the worse of two.
func worse(a, b Status) Status {
	if slices.Index(severities, b) > slices.Index(severities, a) {
		return b
	}
	return a
}

// Certificate is what is known of one. Times are UTC, digests in hexadecimal.
type Certificate struct {
	Name string `json:"name"`
	Path string `json:"path"`
	// The rest is empty for what can't be read.
	Subject   string    `json:"subject,omitempty"`
	Issuer    string    `json:"issuer,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	// DaysLeft counts whole days; it is negative once the certificate has expired.
	DaysLeft int `json:"daysLeft"`
	// Authority says that it signs others.
	Authority bool `json:"authority"`
	// SignedBy is the name of the source whose certificate signed this one; empty
	// where that isn't known.
	SignedBy string `json:"signedBy,omitempty"`
	// OutlivesAuthority says that it is of no use as long as it says, for its authority
	// expires before.
	OutlivesAuthority bool `json:"outlivesAuthority,omitempty"`
	// Key is "matches", "differs", "absent", "unreadable" or "not read".
	Key      string   `json:"key"`
	SHA256   string   `json:"sha256,omitempty"`
	Status   Status   `json:"status"`
	Problems []string `json:"problems,omitempty"`

	raw []byte // DER
}

// Report is what is known of a node's certificates.
type Report struct {
	Checked      time.Time     `json:"checked"`
	WarnDays     int           `json:"warnDays"`
	Status       Status        `json:"status"`
	Certificates []Certificate `json:"certificates"`
	CrossChecks  []CrossCheck  `json:"crossChecks,omitempty"`
}

// ErrNone means that a node has no certificates where they were looked for.
var ErrNone = errors.New("there are no certificates")

// Check judges what was gathered, at a time, with the days to warn of.
func Check(sources []Source, now time.Time, warnDays int) Report {
	c := checker{sources: sources, now: now, warnDays: warnDays, seen: map[[sha256.Size]byte]bool{}}
	report := Report{Checked: now.UTC().Truncate(time.Second), WarnDays: warnDays, Status: OK, Certificates: []Certificate{}}
	for _, source := range sources {
		report.Certificates = append(report.Certificates, c.source(source)...)
	}
	for _, certificate := range report.Certificates {
		report.Status = worse(report.Status, certificate.Status)
	}
	return report
}

type checker struct {
	sources  []Source
	now      time.Time
	warnDays int
	seen     map[[sha256.Size]byte]bool
}

func (c *checker) source(source Source) []Certificate {
	if source.Err != nil {
		return []Certificate{{
			Name: source.Name, Path: source.Path, Key: keyState(source, nil), Status: Broken, Problems: []string{source.Err.Error()},
		}}
	}
	var judged []Certificate
	for i, certificate := range source.Certificates {
		digest := sha256.Sum256(certificate.Raw)
		// The authority that a kubeconfig trusts is usually that of the node.
		if c.seen[digest] && (source.Bundle || i > 0) {
			continue
		}
		c.seen[digest] = true
		entry := c.describe(source, certificate, digest)
		if i > 0 {
			entry.Name = fmt.Sprintf("%s [%d]", source.Name, i+1)
			entry.Key = "absent"
		} else {
			c.judgeKey(&entry, source, certificate)
		}
		c.judgeSigner(&entry, source, certificate, i)
		judged = append(judged, entry)
	}
	return judged
}

// describe says what a certificate is, and judges its time.
func (c *checker) describe(source Source, certificate *x509.Certificate, digest [sha256.Size]byte) Certificate {
	entry := Certificate{
		Name: source.Name, Path: source.Path, Subject: certificate.Subject.String(), Issuer: certificate.Issuer.String(),
		NotBefore: certificate.NotBefore.UTC(), NotAfter: certificate.NotAfter.UTC(), DaysLeft: daysBetween(c.now, certificate.NotAfter),
		Authority: certificate.IsCA, SHA256: hex.EncodeToString(digest[:]), Status: OK, raw: certificate.Raw,
	}
	switch {
	case c.now.After(certificate.NotAfter):
		entry.add(Expired, "it expired on %s", entry.NotAfter.Format(time.DateOnly))
	case c.now.Before(certificate.NotBefore):
		entry.add(Expired, "it is not valid before %s: is the clock right?", entry.NotBefore.Format(time.RFC3339))
	case entry.DaysLeft <= c.warnDays:
		entry.add(Expiring, "it expires in %d days", entry.DaysLeft)
	}
	return entry
}

// daysBetween counts whole days, rounded down.
func daysBetween(from, to time.Time) int {
	seconds := to.Unix() - from.Unix() // a time.Duration ends after 292 years
	const day = 24 * 60 * 60
	days := seconds / day
	if seconds < 0 && seconds%day != 0 {
		days--
	}
	return int(days)
}

func (e *Certificate) add(status Status, format string, args ...any) {
	e.Status = worse(e.Status, status)
	e.Problems = append(e.Problems, fmt.Sprintf(format, args...))
}

// note adds what is no alarm.
func (e *Certificate) note(format string, args ...any) {
	e.Problems = append(e.Problems, fmt.Sprintf(format, args...))
}

func keyState(source Source, certificate *x509.Certificate) string {
	switch err := source.Key.Err; {
	case errors.Is(err, ErrSkipped):
		return "not read"
	case errors.Is(err, fs.ErrNotExist):
		return "absent"
	case err != nil || certificate == nil:
		return "unreadable"
	case sameKey(certificate, source.Key.Public):
		return "matches"
	}
	return "differs"
}

// judgeKey compares the key. That of an authority may be kept elsewhere, and so may that of
// somebody else's certificate.
func (c *checker) judgeKey(entry *Certificate, source Source, certificate *x509.Certificate) {
	entry.Key = keyState(source, certificate)
	switch {
	case entry.Key == "differs":
		entry.add(Broken, "the private key in %s is not that of the certificate", source.Key.Path)
	case entry.Key == "absent" && !certificate.IsCA && !source.Foreign:
		entry.add(Broken, "there is no private key in %s", source.Key.Path)
	case entry.Key == "unreadable":
		entry.add(Broken, "its private key: %v", source.Key.Err)
	}
}

// judgeSigner looks for the certificate that signed this one.
func (c *checker) judgeSigner(entry *Certificate, source Source, certificate *x509.Certificate, index int) {
	if certificate.IsCA {
		c.judgeAuthority(entry, source, certificate)
		return
	}
	trusted, known := c.authorities(source, index)
	if !known {
		entry.note("its authority %s is not there or can't be read, so nobody knows whether that signed it", source.Authority)
		return
	}
	end, signed := chain{trusted, source.Certificates}.end(certificate)
	switch {
	case !signed && source.Foreign:
		entry.note("another authority than %s signed it, which kubeadm does not know", source.Authority)
	case !signed:
		entry.add(Broken, "the authority %s did not sign it", source.Authority)
	default:
		entry.SignedBy = source.Authority
		if c.now.After(end) {
			entry.add(Expired, "its authority expired on %s", end.UTC().Format(time.DateOnly))
		}
		entry.OutlivesAuthority = !c.now.After(end) && certificate.NotAfter.After(end)
	}
}

// judgeAuthority names who signed an authority: itself, or one that came with it. Without
// that an intermediate one is trusted as it is.
func (c *checker) judgeAuthority(entry *Certificate, source Source, certificate *x509.Certificate) {
	if certificate.CheckSignatureFrom(certificate) == nil {
		entry.SignedBy = Itself
		return
	}
	for _, other := range source.Certificates {
		if certificate.CheckSignatureFrom(other) == nil {
			entry.SignedBy = source.Name
		}
	}
}

// chain has authorities that are trusted, and certificates that came with one.
type chain struct{ trusted, brought []*x509.Certificate }

// longestChain bounds how many certificates are tried in between.
const longestChain = 10

// end says until when a certificate is trusted by those that signed it, be it through
// intermediate ones: of all ways there are, the one that holds longest. It is not signed
// where there is none.
func (c chain) end(certificate *x509.Certificate) (end time.Time, signed bool) {
	held := map[*x509.Certificate]time.Time{}
	for _, authority := range c.trusted {
		held[authority] = authority.NotAfter
	}
	between := c.brought[:min(len(c.brought), longestChain)]
	for range between {
		for _, one := range between {
			until, trusted := latest(held, one)
			if one.NotAfter.Before(until) {
				until = one.NotAfter
			}
			if one.IsCA && trusted && until.After(held[one]) {
				held[one] = until
			}
		}
	}
	return latest(held, certificate)
}

// latest returns until when the one of them holds longest that signed a certificate.
func latest(held map[*x509.Certificate]time.Time, certificate *x509.Certificate) (end time.Time, signed bool) {
	for authority, until := range held {
		if certificate.CheckSignatureFrom(authority) == nil && (!signed || until.After(end)) {
			end, signed = until, true
		}
	}
	return end, signed
}

// authorities returns the certificates that are trusted to sign one of a source.
func (c *checker) authorities(source Source, index int) (found []*x509.Certificate, known bool) {
	if source.Authority == Itself || source.Bundle || index > 0 {
		return source.Certificates, true
	}
	for _, candidate := range c.sources {
		if candidate.Name == source.Authority && candidate.Err == nil {
			return candidate.Certificates, true
		}
	}
	return nil, false
}
