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
		// A kubelet that has ended keeps no connection.
		Timeout: requestLimit, Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true},
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
	request, err := c.request(ctx, method, path, contentType, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	data, err := c.send(request)
	if err != nil || result == nil {
		return err
	}
	if err := json.Unmarshal(data, result); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

func (c *client) request(ctx context.Context, method, path, contentType string, body any) (*http.Request, error) {
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	return request, nil
}

// send returns the body of a successful answer.
func (c *client) send(request *http.Request) ([]byte, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", request.Method, request.URL, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, &statusError{Method: request.Method, URL: request.URL.String(), Code: response.StatusCode, Body: string(data)}
	}
	return data, nil
}

// text gets what is no JSON.
func (c *client) text(ctx context.Context, path string) (string, error) {
	request, err := c.request(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return "", fmt.Errorf("GET %s: %w", path, err)
	}
	data, err := c.send(request)
	return string(data), err
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
