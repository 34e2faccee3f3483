package kubeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// fieldManager is who owns the fields that are stored.
const fieldManager = "steadylet"

// ConfigMap is one to store.
type ConfigMap struct {
	Namespace, Name string
	Labels, Data    map[string]string
}

// Apply stores a config map by server-side apply: it is made where there is none. It
// takes the rights to create and to patch config maps.
func (c *Client) Apply(ctx context.Context, config ConfigMap) error {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "data": config.Data,
		"metadata": map[string]any{"namespace": config.Namespace, "name": config.Name, "labels": config.Labels},
	})
	if err != nil {
		return fmt.Errorf("storing a config map: %w", err)
	}
	path := "/api/v1/namespaces/" + url.PathEscape(config.Namespace) + "/configmaps/" + url.PathEscape(config.Name) +
		"?force=true&fieldManager=" + fieldManager
	// JSON is YAML too.
	return c.do(ctx, http.MethodPatch, path, "application/apply-patch+yaml", bytes.NewReader(body), nil)
}
