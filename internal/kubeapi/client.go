// Package kubeapi talks to a cluster's API server, as far as the node command needs:
// it lists the pods of a node, and stores a config map. It stands in for client-go,
// which would double the size of the command.
//
// Every call has a deadline, and no answer is kept that is larger than its bound.
// Credentials are in no error and no output.
package kubeapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Credentials are how an API server is reached, and as who.
type Credentials struct {
	// Server is its URL, "https://10.0.0.1:6443".
	Server string
	// Authority are the certificates, in PEM, that vouch for the server; empty for those
	// of the system.
	Authority []byte
	// Certificate and Key, in PEM, or Token say who asks.
	Certificate, Key []byte
	Token            string
}

// Client is a connection to an API server. It is safe for concurrent use.
type Client struct {
	server, token string
	http          *http.Client
}

// ErrRefused matches the error of an answer that is no success.
var ErrRefused = errors.New("the API server refuses")

// New returns a client whose calls take at most within each.
func New(c Credentials, within time.Duration) (*Client, error) {
	if !strings.HasPrefix(c.Server, "https://") {
		return nil, fmt.Errorf("the API server %q is not reached over https", c.Server)
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(c.Authority) > 0 {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(c.Authority) {
			return nil, errors.New("the certificate authority of the API server is no certificate")
		}
	}
	if len(c.Certificate) > 0 {
		pair, err := tls.X509KeyPair(c.Certificate, c.Key)
		if err != nil {
			return nil, errors.New("the client's certificate and key do not make a pair")
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return &Client{
		server: strings.TrimRight(c.Server, "/"), token: c.Token,
		http: &http.Client{Timeout: within, Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}},
	}, nil
}

// maxAnswer bounds an answer, in bytes: a page of pods is a hundredth of it.
const maxAnswer = 32 << 20

// do sends a request and decodes the answer into result, unless that is nil.
func (c *Client) do(ctx context.Context, method, path, contentType string, body io.Reader, result any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, body)
	if err != nil {
		return err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("asking the API server: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return refusal(method, path, response)
	}
	if result == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(result); err != nil {
		return fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
	}
	return nil
}

// refusal is the error of an answer, with the reason that the server gives.
func refusal(method, path string, response *http.Response) error {
	var status struct{ Message string }
	reason := response.Status
	if json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&status) == nil && status.Message != "" {
		reason = status.Message
	}
	path, _, _ = strings.Cut(path, "?")
	return fmt.Errorf("%w %s %s: %s", ErrRefused, method, path, reason)
}
