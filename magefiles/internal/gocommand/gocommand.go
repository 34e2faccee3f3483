// Package gocommand runs the go command with one toolchain and with an
// environment that doesn't depend on what a person set for other work.
package gocommand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/command"
)

// Go is a go command of one toolchain.
type Go struct {
	// Toolchain names it, "go1.26.5". The go command in PATH fetches it as a
	// module where it isn't there yet, and checks it against the checksum
	// database.
	Toolchain string
	// Environment is what the go command starts from, usually os.Environ().
	Environment []string
}

// ErrToolchain is matched by the error of a call that failed because the
// toolchain can't be had.
var ErrToolchain = errors.New("Go toolchain is not available")

// Call is one run of the go command.
type Call struct {
	// Args follow "go".
	Args []string
	Dir  string
	// Set is added to the environment, as "NAME=value".
	Set []string
	// Stderr also receives what the command writes to its standard error.
	Stderr io.Writer
}

// dropped are the variables that would change what is built. Where modules come
// from (GOPROXY, GONOSUMDB and the like) stays the person's choice.
var dropped = []string{
	"GOFLAGS", "GOTOOLCHAIN", "GOWORK", "GO111MODULE", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT",
	"GODEBUG", "GOFIPS140", "GOROOT", "CGO_ENABLED", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS",
}

// Command returns the command that Run and Output run.
func (g Go) Command(call Call) command.Command {
	environment := make([]string, 0, len(g.Environment)+len(call.Set)+3)
	for _, variable := range g.Environment {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains(dropped, name) {
			environment = append(environment, variable)
		}
	}
	environment = append(environment, "GOTOOLCHAIN="+g.Toolchain, "GOWORK=off", "GO111MODULE=on")
	environment = append(environment, call.Set...)
	return command.Command{Args: append([]string{"go"}, call.Args...), Dir: call.Dir, Env: environment, Stderr: call.Stderr}
}

// Run runs the go command.
func (g Go) Run(ctx context.Context, call Call) error {
	return g.explain(g.Command(call).Run(ctx))
}

// Output runs the go command and returns its standard output.
func (g Go) Output(ctx context.Context, call Call) ([]byte, error) {
	out, err := g.Command(call).Output(ctx)
	return out, g.explain(err)
}

func (g Go) explain(err error) error {
	var failed *command.Error
	if !errors.As(err, &failed) {
		return err
	}
	failed.Stderr = withoutProgress(failed.Stderr)
	if strings.Contains(failed.Stderr, "download "+g.Toolchain) {
		return fmt.Errorf("%w: %s could not be fetched; check that the module proxy (go env GOPROXY) can be reached: %w",
			ErrToolchain, g.Toolchain, err)
	}
	return err
}

// withoutProgress drops the lines that name each downloaded module, which would
// bury the reason of a failure.
func withoutProgress(stderr string) string {
	var kept strings.Builder
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "go: downloading ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
