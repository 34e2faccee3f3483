package kubeletproc

import (
	"path/filepath"
	"strconv"
	"strings"
)

// Flags is what a kubelet's command line says about where it finds and puts things.
// What it does not say is empty.
type Flags struct {
	RootDir, Config, ConfigDir, Endpoint, Hostname, ManifestPath, ManifestURL string
	Kubeconfig, BootstrapKubeconfig, CertDir                                  string
}

// ParseFlags reads a command line, the program included, as the kubelet does: both
// --name=value and --name value, the last one counts, _ is as good as -.
func ParseFlags(args []string) Flags {
	var flags Flags
	targets := map[string]*string{
		"root-dir": &flags.RootDir, "config": &flags.Config, "config-dir": &flags.ConfigDir,
		"container-runtime-endpoint": &flags.Endpoint, "hostname-override": &flags.Hostname,
		"pod-manifest-path": &flags.ManifestPath, "manifest-url": &flags.ManifestURL,
		"kubeconfig": &flags.Kubeconfig, "bootstrap-kubeconfig": &flags.BootstrapKubeconfig, "cert-dir": &flags.CertDir,
	}
	for i := 1; i < len(args); i++ {
		if args[i] == "--" {
			break
		}
		name, isFlag := strings.CutPrefix(args[i], "--")
		if !isFlag {
			continue
		}
		name, value, joined := strings.Cut(name, "=")
		target := targets[strings.ReplaceAll(name, "_", "-")]
		if target == nil {
			continue
		}
		if !joined && i+1 < len(args) {
			i++
			value = args[i]
		}
		*target = value
	}
	return flags
}

// In returns the flags with absolute paths, for a kubelet that works in that folder.
func (f Flags) In(dir string) Flags {
	for _, path := range []*string{&f.RootDir, &f.Config, &f.ConfigDir, &f.ManifestPath, &f.Kubeconfig, &f.BootstrapKubeconfig, &f.CertDir} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	return f
}

// Value returns what a command line gives a flag, or nothing; the last one counts. It is
// for flags that take a value: --name value counts too.
func Value(args []string, name string) string {
	values := Values(args, name)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// Values is [Value] of a flag that adds up where it is repeated, as --feature-gates does.
func Values(args []string, name string) []string {
	var values []string
	for i := 1; i < len(args) && args[i] != "--"; i++ {
		given, rest, joined := strings.Cut(args[i], "=")
		switch {
		case strings.ReplaceAll(given, "_", "-") != "--"+name:
		case joined:
			values = append(values, rest)
		case i+1 < len(args):
			i++
			values = append(values, args[i])
		}
	}
	return values
}

// Bool returns what a command line sets a flag to that is on or off. Without a value of its
// own it is on: the word after it is none.
func Bool(args []string, name string) (on, set bool) {
	for i := 1; i < len(args) && args[i] != "--"; i++ {
		given, value, joined := strings.Cut(args[i], "=")
		if strings.ReplaceAll(given, "_", "-") != "--"+name {
			continue
		}
		if on, set = true, true; joined {
			parsed, err := strconv.ParseBool(value)
			on, set = parsed, err == nil
		}
	}
	return on, set
}

// Names lists the flags of a command line without their dashes, as often as they are
// there. (A value that begins with two dashes counts as one.)
func Names(args []string) []string {
	var names []string
	for i := 1; i < len(args) && args[i] != "--"; i++ {
		if name, isFlag := strings.CutPrefix(args[i], "--"); isFlag {
			name, _, _ = strings.Cut(name, "=")
			names = append(names, strings.ReplaceAll(name, "_", "-"))
		}
	}
	return names
}
