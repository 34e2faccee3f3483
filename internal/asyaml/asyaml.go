// Package asyaml writes values as YAML.
package asyaml

import (
	"encoding/json"

	"go.yaml.in/yaml/v3"
)

// Marshal writes a value as YAML, with the names that it has in JSON, in the same order.
func Marshal(value any) ([]byte, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(data, &node); err != nil {
		return nil, err
	}
	plain(&node)
	return yaml.Marshal(&node)
}

// plain drops the style of JSON. (What needs quotes gets them back.)
func plain(node *yaml.Node) {
	node.Style = 0
	for _, child := range node.Content {
		plain(child)
	}
}
