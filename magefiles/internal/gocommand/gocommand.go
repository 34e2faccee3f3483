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
	"GOENV", // Its file is read by choices.
	"GOFLAGS", "GOTOOLCHAIN", "GOWORK", "GO111MODULE", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT",
	"GODEBUG", "GOFIPS140", "GOROOT", "CGO_ENABLED", "CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_CXXFLAGS", "CGO_LDFLAGS",
}

// Command returns the command that Run and Output run. What a person wrote with
// go env -w counts only where it says where modules come from and caches lie.
func (g Go) Command(ctx context.Context, call Call) (command.Command, error) {
	written, err := choices(ctx, g.Environment)
	if err != nil {
		return command.Command{}, err
	}
	environment := append(without(g.Environment, dropped), written...)
	environment = append(environment, "GOENV=off", "GOTOOLCHAIN="+g.Toolchain, "GOWORK=off", "GO111MODULE=on")
	environment = append(environment, call.Set...)
	return command.Command{Args: append([]string{"go"}, call.Args...), Dir: call.Dir, Env: environment, Stderr: call.Stderr}, nil
}

// without returns the variables of an environment that are not named.
func without(environment, names []string) []string {
	var kept []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if !slices.Contains(names, name) {
			kept = append(kept, variable)
		}
	}
	return kept
}

// Run runs the go command.
func (g Go) Run(ctx context.Context, call Call) error {
	prepared, err := g.Command(ctx, call)
	if err != nil {
		return err
	}
	return g.explain(prepared.Run(ctx))
}

// Output runs the go command and returns its standard output.
func (g Go) Output(ctx context.Context, call Call) ([]byte, error) {
	prepared, err := g.Command(ctx, call)
	if err != nil {
		return nil, err
	}
	out, err := prepared.Output(ctx)
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
