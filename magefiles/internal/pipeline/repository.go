package pipeline

import (
	"errors"
	"fmt"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"github.com/steadylet/steadylet/magefiles/internal/release"
)

// repository says which commit of steadylet is checked out. Outside a repository it
// says nothing.
func (p *Pipeline) repository() (release.Repository, error) {
	// A linked worktree has its branches in the common folder.
	opened, err := git.PlainOpenWithOptions(p.config.Root, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return release.Repository{}, nil
	}
	if err != nil {
		return release.Repository{}, fmt.Errorf("opening the repository: %w", err)
	}
	head, err := opened.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return release.Repository{}, nil // no commit yet
	}
	if err != nil {
		return release.Repository{}, fmt.Errorf("reading the repository's commit: %w", err)
	}
	worktree, err := opened.Worktree()
	if err != nil {
		return release.Repository{}, fmt.Errorf("comparing the repository with its commit: %w", err)
	}
	status, err := worktree.Status()
	if err != nil {
		return release.Repository{}, fmt.Errorf("comparing the repository with its commit: %w", err)
	}
	return release.Repository{Commit: head.Hash().String(), Dirty: !status.IsClean()}, nil
}
