package build

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/steadylet/steadylet/magefiles/internal/command"
)

// compiler is a C compiler, and the Debian packages that have it and the C library.
type compiler struct{ program, packages string }

// hostCompiler is what the go command takes where CC is not set.
var hostCompiler = compiler{"gcc", "gcc and libc6-dev"}

// crossCompilers are those of Debian, by the architecture that they compile for.
var crossCompilers = map[string]compiler{
	"amd64": {"x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu and libc6-dev-amd64-cross"},
	"arm64": {"aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"},
}

// compilerFor returns the compiler for an architecture. For this host's own it is the one
// that the environment names in CC.
func compilerFor(arch string, environment []string) compiler {
	if arch != runtime.GOARCH {
		return crossCompilers[arch]
	}
	wanted := hostCompiler
	for _, variable := range environment {
		if program, found := strings.CutPrefix(variable, "CC="); found && program != "" {
			wanted.program = program
		}
	}
	return wanted
}

// CheckCompiler reports that this host has no C compiler, or no C library, for a program
// that is built with cgo.
func CheckCompiler(ctx context.Context, environment []string, program, arch string) error {
	wanted := compilerFor(arch, environment)
	args := append(strings.Fields(wanted.program), "-fsyntax-only", "-include", "stdlib.h", "-x", "c", "/dev/null")
	if err := (command.Command{Args: args, Env: environment}).Run(ctx); err != nil {
		return fmt.Errorf("%s for %s is built with cgo, which needs a C compiler: install Debian's packages %s: %w",
			program, arch, wanted.packages, err)
	}
	return nil
}

// CheckHost is Check, and reports what this host lacks for such a build.
func (o Options) CheckHost(ctx context.Context, environment []string) error {
	if err := o.Check(); err != nil || !o.CGO {
		return err
	}
	return CheckCompiler(ctx, environment, o.Component, o.Arch)
}
