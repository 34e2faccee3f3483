package programtest

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// source is that of a program which runs the shell script behind its own end.
//
//go:embed testdata/scripted/main.go.txt
var source string

// WriteKubelet writes a program that is a kubelet by its content, by the rule that real
// ones are known by: it is built as the main package k8s.io/kubernetes/cmd/kubelet. What
// it does is up to a script for sh, which gets its arguments.
func WriteKubelet(path, script string) error { return writeScripted(path, kubelet, script) }

// WriteOther writes a program in Go that is no kubelet, and does what the script says.
func WriteOther(path, script string) error { return writeScripted(path, other, script) }

// Says is a script that says its version as a kubelet of that version does.
func Says(version string) string { return "echo Kubernetes " + version + "\n" }

// The programs without a script.
var (
	kubelet = sync.OnceValues(func() (string, error) { return buildScripted("k8s.io/kubernetes", "cmd/kubelet") })
	other   = sync.OnceValues(func() (string, error) { return buildScripted("k8s.io/kubernetes", "cmd/kubemark") })
)

func writeScripted(path string, program func() (string, error), script string) error {
	text, err := program()
	if err != nil {
		return err
	}
	return Write(path, text+marker+script)
}

// marker is between program and script. It is not in the program, which has it in halves.
const marker = "\n--" + "script--\n"

// buildScripted builds the program in a folder of a module, and returns its content.
func buildScripted(module, folder string) (content string, err error) {
	dir, err := os.MkdirTemp("", "programtest")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	err = errors.Join(
		os.MkdirAll(filepath.Join(dir, folder), 0o700),
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+module+"\n"), 0o600),
		os.WriteFile(filepath.Join(dir, folder, "main.go"), []byte(source), 0o600),
	)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", "program", "./"+folder)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS=", "GOARCH=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building a program of the tests: %w\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "program"))
	return string(data), err
}
