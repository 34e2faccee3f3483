package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/steadylet/steadylet/internal/kubeletbin"
)

const verifyHelp = `Says what a kubelet binary is: its digest, what it was built with, what it says of
itself; and, from the manifest that the build put beside it, the Kubernetes release
and the patches with their digests. Nothing is run that is not a kubelet by its content,
or is not what its manifest says.

With --lock the manifest is held against a checkout of the project too: the release's
sums, commit and toolchain, and the digest of each patch that the series has for it.

Exit status:
  0  the kubelet is what its manifest says
  1  any other error: usage, rights
  2  the file is no kubelet, or not what its manifest says
  3  its manifest is missing`

func newVerify(a app) *cobra.Command {
	var manifest, lock, series, field string
	cmd := &cobra.Command{
		Use:   "verify KUBELET",
		Short: "Says what a kubelet binary is, and whether its manifest agrees",
		Long:  verifyHelp,
		Example: `  steadylet verify /usr/bin/kubelet
  steadylet verify ./kubelet --manifest kubelet.manifest.json -o json
  steadylet verify ./kubelet --lock patches/kubernetes.lock.yaml
  steadylet verify ./kubelet --print version`,
		Args: args("KUBELET", 1, 1),
	}
	cmd.Flags().StringVar(&manifest, "manifest", "", "the build's manifest (default: KUBELET.manifest.json)")
	cmd.Flags().StringVar(&lock, "lock", "", "lock of the releases that the kubelet must be of, patches/kubernetes.lock.yaml")
	cmd.Flags().StringVar(&series, "series", "", "folder of the patches that it must have (default: restart-suppression beside the lock)")
	cmd.Flags().StringVar(&field, "print", "", "print one thing only: version, what the kubelet says of itself; no manifest is looked at")
	output := addOutput(cmd, a)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		format, err := output()
		if err == nil && field != "" && field != "version" {
			err = fmt.Errorf("--print %s is not known: want version", field)
		}
		if err != nil {
			return err
		}
		path, err := absolute(args[0])
		if err != nil {
			return err
		}
		if field == "version" {
			return a.printVersion(cmd.Context(), path)
		}
		if manifest == "" {
			manifest = kubeletbin.ManifestPath(path)
		}
		report, err := kubeletbin.Describe(cmd.Context(), path, manifest)
		if err == nil {
			err = compareLock(&report, lock, series)
		}
		if err != nil {
			return differing(err)
		}
		if err := print(a.out, format, report, func(rows *tabwriter.Writer) { kubeletTable(rows, report, isTerminal(a.out)) }); err != nil {
			return err
		}
		return judge(report)
	}
	return cmd
}

// printVersion prints the version of what is a kubelet by its content.
func (a app) printVersion(ctx context.Context, path string) error {
	version, err := kubeletbin.Version(ctx, path)
	if err != nil {
		return differing(err)
	}
	_, err = fmt.Fprintln(a.out, version)
	return err
}

// differing is the error of a file that can't be shown: one that is no kubelet is not what
// it should be.
func differing(err error) error {
	if errors.Is(err, kubeletbin.ErrNoKubelet) {
		return fmt.Errorf("%w: %w", errDiffers, err)
	}
	return err
}

// compareLock adds what the manifest says that the lock and the series do not.
func compareLock(report *kubeletbin.Report, lock, series string) error {
	if lock == "" {
		if series != "" {
			return errors.New("--series is for --lock: name the lock too")
		}
		return nil
	}
	if series == "" {
		series = filepath.Join(filepath.Dir(lock), "restart-suppression")
	}
	known, err := kubeletbin.ReadLock(lock, series)
	if err != nil || report.Manifest == nil {
		return err
	}
	report.Differences = append(report.Differences, known.Compare(report.Manifest)...)
	return nil
}

// judge is the error for a kubelet that is not known to be the right one.
func judge(report kubeletbin.Report) error {
	if len(report.Differences) > 0 {
		return fmt.Errorf("%w: %s: don't install it; build or fetch it again", errDiffers, strings.Join(report.Differences, "; "))
	}
	if report.Manifest == nil {
		return fmt.Errorf("%w: %s is missing: name it with --manifest", errNoManifest, report.ManifestPath)
	}
	return nil
}

func kubeletTable(rows *tabwriter.Writer, report kubeletbin.Report, coloured bool) {
	binary := report.Binary
	says := binary.Says
	if says == "" {
		says = "not asked: " + binary.NotAsked
	}
	fmt.Fprintf(rows, "Kubelet\t%s\n", binary.Path)
	fmt.Fprintf(rows, "Version\t%s\n", says)
	fmt.Fprintf(rows, "SHA-256\t%s\n", binary.SHA256)
	fmt.Fprintf(rows, "Toolchain\t%s %s/%s\n", binary.Toolchain, binary.OS, binary.Arch)
	if report.Manifest == nil {
		fmt.Fprintf(rows, "Manifest\tnone\n")
		return
	}
	m := report.Manifest
	source := m.Base.Source
	verified := paint("not verified", coloured)
	if source.Verified {
		verified = "verified"
	}
	fmt.Fprintf(rows, "Base\t%s, %s %s, %s\n", m.Base.Tag, source.Kind, source.Location, verified)
	for _, patch := range m.Series.Patches {
		fmt.Fprintf(rows, "Patch\t%s %.12s %s\n", patch.File, patch.Digest, patch.Title)
	}
	if len(m.Series.Patches) == 0 {
		fmt.Fprintf(rows, "Patches\tnone: a stock kubelet\n")
	}
	for _, difference := range report.Differences {
		fmt.Fprintf(rows, "%s\t%s\n", paint("DIFFERS", coloured), difference)
	}
}
