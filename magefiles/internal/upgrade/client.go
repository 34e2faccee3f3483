package upgrade

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// requestLimit is how long an answer may take.
const requestLimit = 15 * time.Second

// client talks JSON to the API server, or to a kubelet.
type client struct {
	base  string
	token string
	http  *http.Client
}

// newClient returns a client that goes by the given TLS settings.
func newClient(base, token string, settings *tls.Config) *client {
	return &client{base: base, token: token, http: &http.Client{
		Timeout: requestLimit, Transport: &http.Transport{TLSClientConfig: settings, Proxy: nil},
	}}
}

// statusError is an answer that is no success.
type statusError struct {
	Method, URL string
	Code        int
	Body        string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s: status %d: %s", e.Method, e.URL, e.Code, e.Body)
}

// do sends a request, with body as JSON unless it is nil, and decodes the answer
// into result unless that is nil. An answer that is no success is a *statusError.
func (c *client) do(ctx context.Context, method, path, contentType string, body, result any) error {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		return &statusError{Method: method, URL: c.base + path, Code: response.StatusCode, Body: string(data)}
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(data, result); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func (c *client) get(ctx context.Context, path string, result any) error {
	return c.do(ctx, http.MethodGet, path, "", nil, result)
}

func (c *client) create(ctx context.Context, path string, object any) error {
	return c.do(ctx, http.MethodPost, path, "application/json", object, nil)
}

// patch merges lists by the names of their elements, as kubectl does.
func (c *client) patch(ctx context.Context, path string, change any) error {
	return c.do(ctx, http.MethodPatch, path, "application/strategic-merge-patch+json", change, nil)
}
