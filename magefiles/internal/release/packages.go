package release

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/goreleaser/nfpm/v2"
	nfpmdeb "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	nfpmrpm "github.com/goreleaser/nfpm/v2/rpm"
)

// format is a kind of package.
type format string

const (
	deb format = "deb"
	rpm format = "rpm"
)

// description is what a package manager shows. The first line is the summary.
const description = `Kubernetes node agent that keeps containers over an upgrade
A kubelet that was upgraded in place restarts containers that nobody changed. This
one knows the hashes of the versions before it, and keeps them.

Installing, upgrading or removing this package starts and stops nothing: the kubelet
that runs goes on until somebody restarts it ("systemctl restart kubelet"). It takes
the place of the Kubernetes project's package of the same name, and gives it back on a
downgrade. Hold it, so that it is not replaced unasked.

See /usr/share/doc/kubelet/RELEASE.md.`

// relations are a package's to others. Recommended is what the Kubernetes project's
// package depends on: without it, a package manager may clear the network plugins away.
type relations struct {
	depends, recommends, conflicts, replaces, provides []string
}

// relationsOf returns the relations of a package. Debian's and Fedora's kubernetes-node
// has /usr/bin/kubelet too. dpkg removes it for ours, which is installed by name; for
// rpm, replacing would be an obsoletion, which dnf acts on unasked.
func relationsOf(kind format, version string) relations {
	if kind == rpm {
		return relations{
			depends:    []string{"util-linux"},
			recommends: []string{"kubernetes-cni", "conntrack-tools", "iptables", "iproute", "socat", "ethtool"},
			conflicts:  []string{"kubernetes-node"},
			provides:   []string{"steadylet = " + version},
		}
	}
	return relations{
		depends:    []string{"mount", "util-linux"},
		recommends: []string{"kubernetes-cni", "conntrack", "iptables", "iproute2", "socat", "ethtool"},
		conflicts:  []string{"kubernetes-node"},
		replaces:   []string{"kubernetes-node"},
		provides:   []string{"steadylet (= " + version + ")"},
	}
}

// writePackage writes a package whose bytes depend on its content and the date alone.
func writePackage(name string, kind format, arch, version string, list []content, date time.Time) (err error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info := packageInfo(kind, arch, version, list, date)
	if kind == rpm {
		err = nfpmrpm.DefaultRPM.Package(info, file)
	} else {
		err = nfpmdeb.Default.Package(info, file)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

func packageInfo(kind format, arch, version string, list []content, date time.Time) *nfpm.Info {
	related := relationsOf(kind, version)
	info := &nfpm.Info{
		Name: "kubelet", Arch: arch, Platform: "linux", Version: version, VersionSchema: "none",
		Section: "admin", Priority: "optional", License: "Apache-2.0", Homepage: homepage, Vendor: "steadylet",
		Maintainer: "The steadylet Authors <steadylet@users.noreply.github.com>", Description: description,
		MTime: date, DisableGlobbing: true,
		Overridables: nfpm.Overridables{
			Depends: related.depends, Recommends: related.recommends, Conflicts: related.conflicts,
			Replaces: related.replaces, Provides: related.provides, Contents: packaged(kind, list, date),
			// Else the host's name gets in.
			RPM: nfpm.RPM{BuildHost: "steadylet", Group: "System Environment/Base"},
		},
	}
	if kind == rpm {
		info.Release = packageRelease
	}
	return info
}

// packaged returns what goes into a package.
func packaged(kind format, list []content, date time.Time) files.Contents {
	var packed files.Contents
	for _, file := range list {
		if file.installed == "" || file.only != "" && file.only != kind {
			continue
		}
		entry := &files.Content{
			Source: file.source, Destination: file.installed, Type: files.TypeFile,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: file.mode, MTime: date},
		}
		switch {
		case file.folder:
			entry.Type = files.TypeDir
		case file.link != "":
			entry.Type, entry.Source = files.TypeSymlink, file.link
		case file.config:
			entry.Type = files.TypeConfigNoReplace
		}
		packed = append(packed, entry)
	}
	return packed
}
