package pipeline

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/steadylet/steadylet/magefiles/internal/build"
	"github.com/steadylet/steadylet/magefiles/internal/certvalidity"
	"github.com/steadylet/steadylet/magefiles/internal/manifest"
	"github.com/steadylet/steadylet/magefiles/internal/workspace"
)

// ValiditySeries returns the series that gives kubeadm of a source the years that are asked
// for, and says so where none is needed.
func (p *Pipeline) ValiditySeries(request certvalidity.Request, from SourceOptions) (string, error) {
	parsed, err := p.tag(from)
	if err != nil {
		return "", err
	}
	series, err := request.SeriesFor(parsed, StockSeries)
	if err == nil && certvalidity.Configured(parsed) {
		p.progress.Say("kubeadm %s reads from its configuration for how long it signs (since 1.31), so no patch is needed: "+
			"a stock one is built, with the ClusterConfiguration beside it", parsed)
	}
	return series, err
}

// buildKey identifies a build's files. A stock kubeadm's have its configuration among
// them, which the binary does not depend on.
func buildKey(tree *Patched, target build.Tree, options build.Options) workspace.Key {
	key := build.Key(target, options)
	if tree.Validity == nil {
		return key
	}
	return workspace.KeyOf("certificate validity", string(key), tree.Validity.Label())
}

// describeValidity says what the manifest has about certificates, and writes the
// configuration of a stock kubeadm into the folder.
func describeValidity(tree *Patched, component, dir string) (*manifest.CertificateValidity, error) {
	if tree.Validity == nil {
		return nil, nil
	}
	described := &manifest.CertificateValidity{Years: *tree.Validity}
	version := tree.Tree.Request.Version
	if !certvalidity.Configured(version) {
		return described, nil
	}
	path := filepath.Join(dir, component+".config.yaml")
	if err := os.WriteFile(path, tree.Validity.Configuration(version), 0o644); err != nil {
		return nil, fmt.Errorf("writing kubeadm's configuration: %w", err)
	}
	digest, size, err := build.Digest(path)
	described.Configuration = &manifest.File{Name: filepath.Base(path), SHA256: digest, Size: size}
	return described, err
}
