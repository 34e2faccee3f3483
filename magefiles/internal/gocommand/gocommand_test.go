package gocommand_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

func TestEnvironmentOfOtherWorkIsDropped(t *testing.T) {
	g := gocommand.Go{Toolchain: "go1.26.5", Environment: []string{
		"PATH=/bin", "GOFLAGS=-race", "GOARCH=riscv64", "GOWORK=/x/go.work", "GOPROXY=https://mirror.example", "CGO_ENABLED=1",
	}}
	got := g.Command(gocommand.Call{Args: []string{"build"}, Set: []string{"GOARCH=arm64"}}).Env
	want := "PATH=/bin GOPROXY=https://mirror.example GOTOOLCHAIN=go1.26.5 GOWORK=off GO111MODULE=on GOARCH=arm64"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

func TestToolchainThatCannotBeHad(t *testing.T) {
	g := gocommand.Go{Toolchain: "go1.99.0", Environment: append(os.Environ(), "GOPROXY=off")}
	err := g.Run(t.Context(), gocommand.Call{Args: []string{"version"}, Dir: t.TempDir()})
	if !errors.Is(err, gocommand.ErrToolchain) {
		t.Fatalf("got %v, want ErrToolchain", err)
	}
	if !strings.Contains(err.Error(), "go1.99.0") {
		t.Errorf("the error does not name the toolchain: %v", err)
	}
}
