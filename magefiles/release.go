//go:build mage

package main

import (
	"context"

	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// Release packs kubelets for nodes: archives, packages, symbols, sums, bill of materials, provenance.
func Release(ctx context.Context,
	version *string, // Kubernetes tag, such as v1.36.3 (default: the newest in the lock)
	arch *string, // amd64, arm64 or both, separated by a comma (default: amd64,arm64)
	key *string, // private key of ssh-keygen to sign the sums with (default: unsigned)
	revision *int, // which release of this tag it is; later ones are newer to package managers (default: 1)
	source *string, // auto, git, module or archive (default: auto)
	location *string, // URL or path of the repository or archive
	commit *string, // commit ID that the tag must have, instead of the lock's
	sha256 *string, // digest that the archive must have, instead of the lock's
) error {
	return run(ctx, func(ctx context.Context, p *pipeline.Pipeline) error {
		made, err := p.Release(ctx, pipeline.ReleaseOptions{
			Source:        sourceOptions(version, source, location, commit, sha256, nil, nil),
			Architectures: value(arch, "amd64,arm64"), Key: value(key, ""), Revision: value(revision, 1),
		})
		if err != nil {
			return err
		}
		return p.PrintReleased(made)
	})
}
