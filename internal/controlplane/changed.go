package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/steadylet/steadylet/internal/readfile"
	"github.com/steadylet/steadylet/statefile"
)

// Changed says when each file that a pod names and that may have been renewed last
// changed. Links are followed: such a file counts whether the pod or Folders name it by the
// link or by where that leads, and it has changed when the link has.
func (n Node) Changed(pods []Pod) (map[string]time.Time, error) {
	folders := slices.Clone(n.Folders)
	for _, folder := range n.Folders {
		if real, err := filepath.EvalSymlinks(folder); err == nil {
			folders = append(folders, real)
		} else if _, err := readfile.Stat(folder); err != nil && !missing(err) {
			return nil, fmt.Errorf("looking at %s: %w", folder, err)
		}
	}
	changed := map[string]time.Time{}
	for _, pod := range pods {
		for _, container := range pod.Containers {
			for _, file := range container.Files {
				if err := note(changed, folders, file); err != nil {
					return nil, fmt.Errorf("looking at %s, which %s names: %w", file, pod.Manifest, err)
				}
			}
		}
	}
	return changed, nil
}

// missing reports whether a path is missing as such, rather than behind a link that leads
// nowhere.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) && !errors.Is(err, readfile.ErrDeadLink)
}

// note adds a file that lies in one of the folders.
func note(changed map[string]time.Time, folders []string, file string) error {
	real, err := filepath.EvalSymlinks(file)
	if !within(folders, file) && (err != nil || !within(folders, real)) {
		return nil
	}
	info, err := readfile.Stat(file)
	if err != nil && missing(err) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	if err == nil {
		changed[file], err = changedAt(file, real)
	}
	return err
}

func within(folders []string, file string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		relative, err := filepath.Rel(folder, file)
		return err == nil && filepath.IsLocal(relative)
	})
}

// maxLinks bounds how many links are followed, as by EvalSymlinks.
const maxLinks = 255

// changedAt returns when a file last changed, or a link that leads to it: real is where the
// path leads. To lead a link elsewhere means to make it anew, which its change time shows.
func changedAt(path, real string) (time.Time, error) {
	latest, err := statefile.ChangedAt(real)
	for range maxLinks {
		link, rest := firstLink(path)
		target, readErr := os.Readlink(link)
		if err != nil || readErr != nil {
			break
		}
		var stat syscall.Stat_t
		if err = syscall.Lstat(link, &stat); err == nil {
			latest = later(latest, time.Unix(int64(stat.Ctim.Sec), int64(stat.Ctim.Nsec)))
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(link), target)
		}
		path = filepath.Join(target, rest)
	}
	return latest, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// firstLink returns the first link of a path, and what comes after it.
func firstLink(path string) (link, rest string) {
	for end := 1; end <= len(path); end++ {
		if end < len(path) && path[end] != '/' {
			continue
		}
		if info, err := os.Lstat(path[:end]); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return path[:end], strings.TrimPrefix(path[end:], "/")
		}
	}
	return "", ""
}
