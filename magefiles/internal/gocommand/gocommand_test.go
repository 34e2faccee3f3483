package gocommand_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steadylet/steadylet/magefiles/internal/gocommand"
)

func TestEnvironmentOfOtherWorkIsDropped(t *testing.T) {
	g := gocommand.Go{Toolchain: "go1.26.5", Environment: []string{
		"PATH=/bin", "GOFLAGS=-race", "GOARCH=riscv64", "GOWORK=/x/go.work", "GOPROXY=https://mirror.example", "CGO_ENABLED=1",
	}}
	prepared, err := g.Command(t.Context(), gocommand.Call{Args: []string{"build"}, Set: []string{"GOARCH=arm64"}})
	if err != nil {
		t.Fatal(err)
	}
	got := prepared.Env
	want := "PATH=/bin GOPROXY=https://mirror.example GOENV=off GOTOOLCHAIN=go1.26.5 GOWORK=off GO111MODULE=on GOARCH=arm64"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

// What go env -w wrote must not decide a build, but where modules come from.
func TestFileOfGoEnv(t *testing.T) {
	const wrote = "GOAMD64=v3\nGOFLAGS=-race\nGOPROXY=https://written.example\n"
	for name, test := range map[string]struct {
		environment []string
		proxy       string
	}{
		"named by GOENV":         {[]string{"GOENV=DIR/go/env"}, "https://written.example"},
		"in the config folder":   {[]string{"XDG_CONFIG_HOME=DIR"}, "https://written.example"},
		"environment goes first": {[]string{"XDG_CONFIG_HOME=DIR", "GOPROXY=https://set.example"}, "https://set.example"},
		"absent":                 {[]string{"GOENV=DIR/absent", "GOPROXY=https://set.example"}, "https://set.example"},
		"off":                    {[]string{"XDG_CONFIG_HOME=DIR", "GOENV=off", "GOPROXY=https://set.example"}, "https://set.example"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{
				"go/env": wrote,
				// Or the go command goes on writing there after it has ended.
				"go/telemetry/mode": "off", ".config/go/telemetry/mode": "off",
			} {
				path := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			environment := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
			for _, variable := range test.environment {
				environment = append(environment, strings.ReplaceAll(variable, "DIR", dir))
			}
			g := gocommand.Go{Toolchain: "local", Environment: environment}
			out, err := g.Output(t.Context(), gocommand.Call{
				Args: []string{"env", "GOAMD64", "GOFLAGS", "GOPROXY", "GOMODCACHE"}, Dir: dir, Set: []string{"GOARCH=amd64"},
			})
			if want := "v1\n\n" + test.proxy + "\n" + dir + "/go/pkg/mod\n"; err != nil || string(out) != want {
				t.Errorf("%v: go env says %q, want %q", err, out, want)
			}
		})
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
