package gocommand

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/steadylet/steadylet/magefiles/internal/command"
)

// chosen are the variables of a go env -w file that are kept: they say where
// modules come from and where caches lie, which decides no binary.
var chosen = []string{
	"GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOVCS", "GOAUTH",
	"GOCACHE", "GOMODCACHE", "GOPATH",
}

// answers has what choices found, by environment.
var answers sync.Map

// choices returns the chosen variables that the environment's go env -w file
// decides, as "NAME=value". Each environment is asked about once; where it has no
// such file, nothing is run.
func choices(ctx context.Context, environment []string) ([]string, error) {
	file := writtenFile(environment)
	if file == "" {
		return nil, nil
	}
	key := strings.Join(environment, "\x00")
	if known, ok := answers.Load(key); ok {
		return known.([]string), nil
	}
	found, err := readChoices(ctx, environment, file)
	if err != nil {
		return nil, fmt.Errorf("reading what go env -w wrote to %s: %w", file, err)
	}
	answers.Store(key, found)
	return found, nil
}

func readChoices(ctx context.Context, environment []string, file string) ([]string, error) {
	asked := command.Command{
		Args: append([]string{"go", "env", "-json"}, chosen...),
		Dir:  "/", // outside any module
		Env:  append(without(environment, dropped), "GOENV="+file, "GOTOOLCHAIN=local", "GOWORK=off"),
	}
	out, err := asked.Output(ctx)
	if err != nil {
		return nil, err
	}
	var values map[string]string
	if err := json.Unmarshal(out, &values); err != nil {
		return nil, err
	}
	found := []string{}
	for _, name := range chosen {
		if values[name] != "" && lookup(environment, name) == "" {
			found = append(found, name+"="+values[name])
		}
	}
	return found, nil
}

// writtenFile returns the absolute path of the file that go env -w writes to, or
// nothing when there is none.
func writtenFile(environment []string) string {
	file := lookup(environment, "GOENV")
	if file == "off" {
		return ""
	}
	if file == "" {
		folder := lookup(environment, "XDG_CONFIG_HOME")
		if home := lookup(environment, "HOME"); folder == "" && home != "" {
			folder = filepath.Join(home, ".config")
		}
		if folder == "" {
			return ""
		}
		file = filepath.Join(folder, "go", "env")
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// lookup returns the value of a variable, which is that of its last setting.
func lookup(environment []string, name string) (value string) {
	for _, variable := range environment {
		if found, text, _ := strings.Cut(variable, "="); found == name {
			value = text
		}
	}
	return value
}
