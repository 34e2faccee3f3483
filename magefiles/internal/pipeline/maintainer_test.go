package pipeline_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/steadylet/steadylet/internal/programtest"
	"github.com/steadylet/steadylet/magefiles/internal/pipeline"
)

// maintainer is a person with the git program who brings a series to another tag.
type maintainer struct {
	*pipeline.Pipeline
	t                 *testing.T
	said, results     *bytes.Buffer
	root, src, series string
}

// tiny lays out a repository with the series of rebase.txtar, and a module proxy with its
// tags.
func tiny(t *testing.T) maintainer {
	t.Helper()
	root, proxy := t.TempDir(), filepath.Join(t.TempDir(), "k8s.io", "kubernetes", "@v")
	archive, err := txtar.ParseFile(filepath.Join("testdata", "rebase.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	tags := t.TempDir()
	for _, file := range archive.Files {
		to := tags
		if strings.HasPrefix(file.Name, "patches/") {
			to = root
		}
		writeFile(t, filepath.Join(to, file.Name), file.Data)
	}
	for _, tag := range []string{"v1.37.0", "v1.38.0"} {
		var zipped bytes.Buffer
		if err := zip.CreateFromDir(&zipped, module.Version{Path: "k8s.io/kubernetes", Version: tag}, filepath.Join(tags, tag)); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(proxy, tag+".zip"), zipped.Bytes())
		writeFile(t, filepath.Join(proxy, tag+".mod"), []byte("module k8s.io/kubernetes\n"))
		writeFile(t, filepath.Join(proxy, tag+".info"), []byte(`{"Version":"`+tag+`","Time":"2026-07-22T18:07:38Z"}`))
	}
	cache := t.TempDir()
	environment := append(os.Environ(), "GOPROXY=file://"+filepath.Join(proxy, "..", "..", ".."), "GONOSUMDB=k8s.io/kubernetes", "GOMODCACHE="+cache)
	t.Cleanup(func() {
		clean := exec.Command("go", "clean", "-modcache") // its folders are read-only
		clean.Env = environment
		if out, err := clean.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return opened(t, root, "tiny", environment)
}

func opened(t *testing.T, root, seriesName string, environment []string) maintainer {
	t.Helper()
	programtest.Needs(t, "git", "git")
	m := maintainer{t: t, said: new(bytes.Buffer), results: new(bytes.Buffer), root: root, series: filepath.Join(root, "patches", seriesName)}
	settings := config(root)
	settings.Environment, settings.Messages, settings.Results = environment, m.said, m.results
	var err error
	if m.Pipeline, err = pipeline.Open(settings); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// edit lays out two tags, and returns the commands that it says to run.
func (m *maintainer) edit(from, to string) (commands []string) {
	m.t.Helper()
	m.results.Reset()
	if err := m.Edit(m.t.Context(), pipeline.EditOptions{Series: filepath.Base(m.series), Version: to, From: from}); err != nil {
		m.t.Fatal(err)
	}
	m.src = strings.TrimSpace(m.results.String())
	m.results.Reset()
	for line := range strings.Lines(m.said.String()) {
		if command, found := strings.CutPrefix(line, "    "); found {
			commands = append(commands, strings.TrimSpace(command))
		}
	}
	if len(commands) != 4 || commands[0] != "cd "+m.src {
		m.t.Fatalf("it says to run %q", commands)
	}
	return commands[1:]
}

// shell runs a command in the tree that is open, away from the user's configuration.
func (m *maintainer) shell(command string) (output string, err error) {
	m.t.Helper()
	shell := exec.Command("sh", "-ec", command)
	shell.Dir = m.src
	shell.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_EDITOR=true",
		"GIT_AUTHOR_NAME=Maintainer", "GIT_AUTHOR_EMAIL=m@example.org", "GIT_COMMITTER_NAME=Maintainer", "GIT_COMMITTER_EMAIL=m@example.org")
	out, err := shell.CombinedOutput()
	return string(out), err
}

func (m *maintainer) must(command string) string {
	m.t.Helper()
	out, err := m.shell(command)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return out
}

func (m *maintainer) read(name string) string {
	m.t.Helper()
	return read(m.t, filepath.Join(m.series, name))
}

// exportsNothing exports what is exported already.
func (m *maintainer) exportsNothing(says string) {
	m.t.Helper()
	m.results.Reset()
	m.said.Reset()
	if err := m.Export(m.t.Context(), 0); err != nil || m.results.Len() > 0 || !strings.Contains(m.said.String(), says) {
		m.t.Errorf("exporting again gives %v\n%s%s", err, m.results, m.said)
	}
}
