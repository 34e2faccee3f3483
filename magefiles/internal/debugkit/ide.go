package debugkit

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio"

	"github.com/steadylet/steadylet/magefiles/internal/layout"
)

// IDE is what the configuration of an IDE connects to, and how it finds sources.
type IDE struct {
	// Name is what the IDE calls it.
	Name string
	// Host and Port are where a tunnel to Delve begins.
	Host  string
	Port  int
	Rules []Rule
}

// FindTree looks at a folder that a person has, and says how it holds Kubernetes.
func FindTree(dir, goroot string) (Tree, error) {
	found, err := layout.Detect(func(path string) bool {
		_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path)))
		return err == nil
	})
	if err != nil {
		return Tree{}, fmt.Errorf("looking for sources in %s: %w", dir, err)
	}
	tree := Tree{Dir: dir, Layout: found, GOROOT: goroot}
	if goroot != "" {
		if _, err := os.Stat(filepath.Join(goroot, "src", filepath.FromSlash(runtimeMarker))); err != nil {
			return Tree{}, fmt.Errorf("%s is no GOROOT with sources: %w", goroot, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, filepath.FromSlash(stagingDir), stagingGroup))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Tree{}, err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			tree.Staging = append(tree.Staging, entry.Name())
		}
	}
	return tree, nil
}

// launch is a launch.json of Visual Studio Code.
type launch struct {
	Version        string          `json:"version"`
	Configurations []configuration `json:"configurations"`
}

// configuration is one that the Go extension attaches with, over DAP.
type configuration struct {
	Name           string `json:"name"`
	Type           string `json:"type"`
	Request        string `json:"request"`
	Mode           string `json:"mode"`
	Host           string `json:"host"`
	Port           int    `json:"port"`
	StopOnEntry    bool   `json:"stopOnEntry"`
	SubstitutePath []Rule `json:"substitutePath"`
}

// Launch returns the launch.json.
func (i IDE) Launch() ([]byte, error) {
	substitute := []Rule{} // null is none of the type that the extension wants
	for _, rule := range i.Rules {
		// The extension counts from the person's side.
		substitute = append(substitute, Rule{From: rule.To, To: rule.From})
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(launch{Version: "0.2.0", Configurations: []configuration{{
		Name: i.Name, Type: "go", Request: "attach", Mode: "remote", Host: i.Host, Port: i.Port, SubstitutePath: substitute,
	}}})
	return out.Bytes(), err
}

// goRemote is a run configuration of GoLand.
type goRemote struct {
	XMLName       xml.Name `xml:"component"`
	Component     string   `xml:"name,attr"`
	Configuration struct {
		Default string `xml:"default,attr"`
		Name    string `xml:"name,attr"`
		Type    string `xml:"type,attr"`
		Factory string `xml:"factoryName,attr"`
		Host    string `xml:"host,attr"`
		Port    int    `xml:"port,attr"`
		Option  struct {
			Name  string `xml:"name,attr"`
			Value string `xml:"value,attr"`
		} `xml:"option"`
		Disconnect struct {
			Value string `xml:"value,attr"`
		} `xml:"disconnect"`
		Method struct {
			Version int `xml:"v,attr"`
		} `xml:"method"`
	} `xml:"configuration"`
}

// GoLand returns the run configuration. It has no path mapping, since GoLand has no place
// for one: it looks for the ends of paths in the project that is open.
func (i IDE) GoLand() ([]byte, error) {
	remote := goRemote{Component: "ProjectRunConfigurationManager"}
	c := &remote.Configuration
	c.Default, c.Name, c.Type, c.Factory = "false", i.Name, "GoRemoteDebugConfigurationType", "Go Remote"
	c.Host, c.Port, c.Method.Version = i.Host, i.Port, 2
	// The kubelet is to live on when the IDE leaves.
	c.Option.Name, c.Option.Value, c.Disconnect.Value = "disconnectOption", "LEAVE", "LEAVE"
	out, err := xml.MarshalIndent(remote, "", "  ")
	return append(out, '\n'), err
}

// Delve returns commands for Delve's own client, which it takes with --init.
func (i IDE) Delve() []byte {
	var out bytes.Buffer
	out.WriteString("# Where the sources are: dlv connect --init takes this file.\n")
	for _, rule := range i.Rules {
		fmt.Fprintf(&out, "config substitute-path %s %s\n", quoted(rule.From), quoted(rule.To))
	}
	return out.Bytes()
}

// quoted quotes what Delve's client would take for two words or none.
func quoted(path string) string {
	if path == "" || strings.Contains(path, " ") {
		return `"` + path + `"`
	}
	return path
}

// Write puts the configurations into a folder, each whole or not at all, and returns their
// paths.
func (i IDE) Write(dir string) ([]string, error) {
	launch, err := i.Launch()
	if err != nil {
		return nil, fmt.Errorf("writing launch.json: %w", err)
	}
	goLand, err := i.GoLand()
	if err != nil {
		return nil, fmt.Errorf("writing a run configuration: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("writing the configuration of an IDE: %w", err)
	}
	var paths []string
	for _, file := range []struct {
		name string
		data []byte
	}{{"launch.json", launch}, {"kubelet.run.xml", goLand}, {"paths.dlv", i.Delve()}} {
		path := filepath.Join(dir, file.name)
		if err := renameio.WriteFile(path, file.data, 0o644); err != nil {
			return nil, fmt.Errorf("writing the configuration of an IDE: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
