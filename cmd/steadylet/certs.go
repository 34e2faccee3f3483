package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/renameio"
	"github.com/spf13/cobra"

	"github.com/steadylet/steadylet/internal/certs"
)

func newCerts(a app) *cobra.Command {
	group := &cobra.Command{
		Use:   "certs",
		Short: "Checks the certificates of the node, and restarts what uses old ones",
		Args:  noArgs,
		RunE:  help,
	}
	group.AddCommand(newCheckCerts(a), newRestart(a))
	return group
}

// Exit statuses of certs check, beside those of main.go.
const (
	exitExpiring = 9
	exitExpired  = 10
)

const certsExitHelp = `Exit status, the worst that was found:
  0  every certificate is good for longer than --warn-days
  1  any other error: usage, rights
  2  broken: a certificate, key or folder that can't be read, a link that leads nowhere, a
     folder that was named and is missing, a key of another certificate, an authority
     that did not sign, another program that says something else
  3  there are no certificates
  9  a certificate expires within --warn-days
  10 a certificate has expired, or is not valid yet`

var (
	errBroken   = errors.New("certificates are broken")
	errExpired  = errors.New("certificates are not valid now")
	errExpiring = errors.New("certificates expire soon")
)

const checkCertsHelp = `Lists every certificate of this node: what kubeadm signed (the folder pki), those in
kubeconfigs, and the kubelet's own, for serving and as a client. Of each it says how
long it is valid, whether the private key beside it belongs to it, and whether its
authority signed it, be it through intermediate ones. What others put into these
folders may have authorities of its own, and a .conf that is no kubeconfig is passed
over. Links are followed. Where openssl and kubeadm are in PATH they are asked about the
same certificates, and must say the same.

It changes nothing. Private keys are read to compare them, and never shown; reading them
takes root.

`

const checkCertsExample = `  steadylet certs check
  steadylet certs check --warn-days 60 -o json

  # for monitoring: the exit status, or a file for the node exporter
  steadylet certs check --warn-days 60 --cross-check=false -o table || alert
  steadylet certs check --textfile /var/lib/prometheus/node-exporter/certificates.prom

  # a copy of a node's folder
  steadylet certs check --kubernetes-dir /backup/db-3/etc/kubernetes --kubelet-cert-dir ""`

// checkCerts is what the flags of certs check say.
type checkCerts struct {
	places     certs.Places
	warnDays   int
	crossCheck bool
	kubeadm    string
	textfile   string
}

func newCheckCerts(a app) *cobra.Command {
	var c checkCerts
	cmd := &cobra.Command{
		Use:     "check",
		Short:   "Says how long each certificate of the node is valid, and whether it is whole",
		Long:    checkCertsHelp + certsExitHelp,
		Example: checkCertsExample,
		Args:    noArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&c.places.KubernetesDir, "kubernetes-dir", certs.DefaultKubernetesDir, "folder of the kubeconfigs")
	flags.StringVar(&c.places.PKIDir, "cert-dir", "", "folder of what kubeadm signed (default: pki in --kubernetes-dir)")
	flags.StringVar(&c.places.KubeletCertDir, "kubelet-cert-dir", certs.DefaultKubeletCertDir, "folder of the kubelet's certificates; empty leaves them out")
	flags.BoolVar(&c.places.SkipKeys, "skip-keys", false, "read no private key")
	flags.BoolVar(&c.places.OnlyKubeadm, "only-kubeadm", false, "leave out what kubeadm does not renew: other certificates and kubeconfigs that lie beside its own")
	flags.IntVar(&c.warnDays, "warn-days", 30, "call a certificate expiring that has no more days left")
	flags.BoolVar(&c.crossCheck, "cross-check", true, "ask openssl and kubeadm too, where they are in PATH")
	flags.StringVar(&c.kubeadm, "kubeadm", "", "program to cross-check with (default: kubeadm in PATH)")
	flags.StringVar(&c.textfile, "textfile", "", "also write metrics of Prometheus to this file, whole or not at all")
	output := addOutput(cmd, a, "prometheus")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		format, err := settled(output, func() error { return c.settle(cmd.Flags().Changed) })
		if err != nil {
			return err
		}
		return a.checkCerts(cmd.Context(), c, format)
	}
	return cmd
}

// settle completes what the flags say. given reports whether a flag was given.
func (c *checkCerts) settle(given func(flag string) bool) (err error) {
	if c.warnDays < 0 {
		return fmt.Errorf("--warn-days %d: want 0 or more", c.warnDays)
	}
	for flag, path := range map[string]*string{
		"kubernetes-dir": &c.places.KubernetesDir, "cert-dir": &c.places.PKIDir, "kubelet-cert-dir": &c.places.KubeletCertDir, "kubeadm": &c.kubeadm,
	} {
		if *path, err = absolute(*path); err != nil {
			return err
		}
		if given(flag) {
			c.places.Named = append(c.places.Named, *path)
		}
	}
	if c.places.PKIDir == "" && c.places.KubernetesDir != "" {
		c.places.PKIDir = filepath.Join(c.places.KubernetesDir, "pki")
	}
	return nil
}

func (a app) checkCerts(ctx context.Context, c checkCerts, format string) error {
	report, err := c.look(ctx)
	if err != nil {
		return err
	}
	if c.textfile != "" {
		var text bytes.Buffer
		if err := certs.WritePrometheus(&text, report); err != nil {
			return err
		}
		// The node exporter is another user.
		if err := renameio.WriteFile(c.textfile, text.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing the metrics: %w", err)
		}
	}
	if format == "prometheus" {
		err = certs.WritePrometheus(a.out, report)
	} else {
		err = print(a.out, format, report, func(rows *tabwriter.Writer) { certsTable(rows, report) })
	}
	if err != nil {
		return err
	}
	return judgeCerts(report)
}

// look gathers, judges, and asks the others.
func (c checkCerts) look(ctx context.Context) (certs.Report, error) {
	sources, err := certs.Gather(c.places)
	if err != nil {
		return certs.Report{}, fmt.Errorf("%w in %s, %s and %s: name the folders with --kubernetes-dir, --cert-dir and --kubelet-cert-dir",
			err, c.places.KubernetesDir, c.places.PKIDir, c.places.KubeletCertDir)
	}
	report := certs.Check(sources, time.Now(), c.warnDays)
	if !c.crossCheck {
		return report, nil
	}
	var programs certs.Programs
	programs.OpenSSL, _ = exec.LookPath("openssl") // absent is as good
	if programs.Kubeadm = c.kubeadm; c.kubeadm == "" {
		programs.Kubeadm, _ = exec.LookPath("kubeadm")
	}
	report.CrossCheck(ctx, programs, c.places)
	return report, nil
}

// judgeCerts is the error for certificates that are not all good.
func judgeCerts(report certs.Report) error {
	verdict := map[certs.Status]error{certs.Expiring: errExpiring, certs.Expired: errExpired, certs.Broken: errBroken}[report.Status]
	if verdict == nil {
		return nil
	}
	var names []string
	for _, certificate := range report.Certificates {
		if certificate.Status == report.Status {
			names = append(names, certificate.Name)
		}
	}
	for _, check := range report.CrossChecks {
		if len(check.Differences) > 0 {
			names = append(names, "what "+filepath.Base(check.Program)+" says")
		}
	}
	return fmt.Errorf("%w: %s", verdict, strings.Join(names, ", "))
}

func certsTable(rows *tabwriter.Writer, report certs.Report) {
	fmt.Fprintf(rows, "CERTIFICATE\tSUBJECT\tVALID FROM\tUNTIL\tDAYS LEFT\tSIGNED BY\tKEY\tSTATUS\n")
	for _, c := range report.Certificates {
		signer := c.SignedBy
		if signer == "" {
			signer = "?"
		}
		from, until := "?", "?"
		if !c.NotAfter.IsZero() {
			from, until = c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly)
		}
		fmt.Fprintf(rows, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", c.Name, c.Subject, from, until, c.DaysLeft, signer, c.Key, c.Status)
	}
	for _, c := range report.Certificates {
		for _, problem := range c.Problems {
			fmt.Fprintf(rows, "%s: %s: %s\n", c.Status, c.Path, problem)
		}
	}
	if names := outliving(report); len(names) > 0 {
		fmt.Fprintf(rows, "note: of no use once their authority has expired, though valid for longer: %s\n", strings.Join(names, ", "))
	}
	for _, check := range report.CrossChecks {
		switch {
		case check.Skipped != "":
			fmt.Fprintf(rows, "cross-check: %s was not asked: %s\n", check.Program, check.Skipped)
		case len(check.Differences) == 0:
			fmt.Fprintf(rows, "cross-check: %s says the same of %d certificates\n", check.Program, check.Compared)
		}
		for _, difference := range check.Differences {
			fmt.Fprintf(rows, "DIFFERS: %s\n", difference)
		}
	}
}

// outliving names the certificates that are valid for longer than their authority.
func outliving(report certs.Report) []string {
	var names []string
	for _, certificate := range report.Certificates {
		if certificate.OutlivesAuthority {
			names = append(names, certificate.Name)
		}
	}
	return names
}
