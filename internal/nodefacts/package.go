package nodefacts

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/steadylet/steadylet/internal/doctor"
)

// ofPackage asks dpkg and rpm of which package a program is.
func ofPackage(ctx context.Context, program string) doctor.Package {
	if program == "" {
		return doctor.Package{Err: errors.New("which program the kubelet is, is not known")}
	}
	if text, err := output(ctx, "dpkg-query", "--search", "--", program); err == nil {
		name := debianPackage(text)
		wanted, err := output(ctx, "dpkg-query", "--show", "--showformat=${db:Status-Want}", name)
		return doctor.Package{Name: name, Manager: "dpkg", Held: strings.TrimSpace(wanted) == "hold", Err: err}
	} else if !isNone(err) {
		return doctor.Package{Err: err}
	}
	text, err := output(ctx, "rpm", "--query", "--file", "--queryformat=%{NAME}", "--", program)
	switch {
	case err == nil:
		return doctor.Package{Name: text, Manager: "rpm", Held: isLocked("/etc", text)}
	case isNone(err):
		return doctor.Package{}
	}
	return doctor.Package{Err: err}
}

// isNone reports whether a program is not there, or knows of no such file.
func isNone(err error) bool {
	var exited *exec.ExitError
	return errors.Is(err, exec.ErrNotFound) || errors.As(err, &exited) && exited.ExitCode() == 1
}

// debianPackage reads "kubelet: /usr/bin/kubelet". Before that may be lines of diversions.
func debianPackage(text string) string {
	name := ""
	for line := range strings.Lines(text) {
		if before, _, found := strings.Cut(line, ": "); found && !strings.HasPrefix(line, "diversion ") {
			name, _, _ = strings.Cut(before, ",")
		}
	}
	return name
}

// isLocked reports whether dnf or yum is told to leave a package alone: by its plugin
// versionlock, or by an exclusion in its own or a repository's file.
func isLocked(etc, name string) bool {
	for _, pattern := range []string{"dnf/plugins/versionlock.list", "dnf/versionlock.toml", "yum/pluginconf.d/versionlock.list"} {
		data, err := os.ReadFile(filepath.Join(etc, pattern))
		if err == nil && mentions(string(data), name, func(string) bool { return true }) {
			return true
		}
	}
	for _, pattern := range []string{"dnf/dnf.conf", "yum.conf", "yum.repos.d/*.repo"} {
		paths, _ := filepath.Glob(filepath.Join(etc, pattern)) // the patterns are well formed
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err == nil && mentions(string(data), name, func(line string) bool { return strings.HasPrefix(line, "exclude") }) {
				return true
			}
		}
	}
	return false
}

// mentions reports whether a line that counts names a package, which is no part of
// another word.
func mentions(text, name string, counts func(string) bool) bool {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || !counts(line) {
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t=,\"':!*", r) }) {
			// versionlock writes name-0:1.31.0-1.*, or only the name.
			if rest, found := strings.CutPrefix(word, name); found && (rest == "" || rest[0] == '-' && len(rest) > 1 && rest[1] >= '0' && rest[1] <= '9') {
				return true
			}
		}
	}
	return false
}
