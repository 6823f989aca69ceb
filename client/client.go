// Package client is the Go SDK: a thin, typed layer over the REST API and the
// stream of results. Every method returns the service's *yonder.Error as it
// is, or one with CodeUnavailable when the service cannot be reached.
//
// Register a shell function with RegisterShell, or use a Python function that
// is registered (FunctionNamed). Run and RunAll submit calls with arguments
// that are JSON, Wait and Follow bring results, Value decodes them, and Err
// tells what went wrong: an *RemoteError that the function raised, or a
// *yonder.Error whose code says what happened to the task.
//
// Requests that may be repeated are, with growing pauses: a bundle's id makes
// that true of submitting as well. Listings are iterators that ask for a page
// when it is needed. Everything ends with its context, whose cause it returns.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/yonder-run/yonder"
)

// Client talks to one service as one identity. It is safe for concurrent use.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
	tries uint
	// silence ends a stream's connection; see defaultSilence.
	silence time.Duration
	// whenFull is told that a submission waits for room; nil: it does not.
	whenFull func(reason *yonder.Error)
}

// Option changes how a Client is made.
type Option func(*Client) error

// WithCA trusts the certificates of a PEM file, besides the system's.
func WithCA(path string) Option {
	return func(c *Client) error {
		if path == "" {
			return nil
		}
		pem, err := os.ReadFile(path)
		if err != nil {
			return yonder.FieldErrorf(yonder.CodeInvalidConfig, "ca_file", "reading certificates: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(pem) {
			return yonder.FieldErrorf(yonder.CodeInvalidConfig, "ca_file", "%s holds no certificate", path)
		}
		c.http = newHTTPClient(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
		return nil
	}
}

// WithHTTPClient replaces the HTTP client.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) error { c.http = h; return nil }
}

// defaultTries is how often an idempotent request is sent before its error is
// shown: about two seconds, enough for a service to restart behind a proxy.
const defaultTries = 4

// New returns a client of the service at address, such as http://127.0.0.1:8470.
func New(address, token string, options ...Option) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, yonder.FieldErrorf(yonder.CodeInvalidConfig, "url", "%q is not a service's address: expected http(s)://host:port", address)
	}
	c := &Client{base: base, token: token, http: newHTTPClient(nil), tries: defaultTries, silence: defaultSilence}
	for _, option := range options {
		if err := option(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// newHTTPClient has no overall time limit: waiting for a result is a request,
// and its context limits it.
func newHTTPClient(config *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConnsPerHost: 16,
	}}
}

// URL is the service's address.
func (c *Client) URL() string { return c.base.String() }

// request is one call of the API.
type request struct {
	method, path string
	query        url.Values
	contentType  string
	body         []byte
	stream       io.Reader // instead of body; never retried
	idempotent   bool
}

// call sends v as JSON, if not nil, and decodes the answer into out, if not nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, v, out any) error {
	r := request{method: method, path: path, query: query, idempotent: method != http.MethodPost}
	if v != nil {
		body, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encoding request: %w", err)
		}
		r.body, r.contentType = body, "application/json"
	}
	answer, err := c.send(ctx, r)
	if out == nil {
		return discard(answer, err)
	}
	return decodeInto(answer, err, out)
}

// send returns the body of a successful answer. Only idempotent requests are
// repeated, with growing pauses.
func (c *Client) send(ctx context.Context, r request) (io.ReadCloser, error) {
	once := func() (io.ReadCloser, error) {
		answer, err := c.once(ctx, r)
		if err == nil || r.idempotent && yonder.CodeOf(err) == yonder.CodeUnavailable && !inVain(err) && ctx.Err() == nil {
			return answer, err
		}
		return nil, backoff.Permanent(err)
	}
	tries := c.tries
	if r.stream != nil {
		tries = 1
	}
	answer, err := backoff.Retry(ctx, once, backoff.WithMaxTries(tries), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 100 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 2 * time.Second,
	}))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Unwrap()
	}
	return answer, err //nolint:wrapcheck // a *yonder.Error already
}

func (c *Client) once(ctx context.Context, r request) (io.ReadCloser, error) {
	target := c.base.JoinPath(r.path)
	target.RawQuery = r.query.Encode()
	body := r.stream
	if body == nil && r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target.String(), body)
	if err != nil {
		return nil, fmt.Errorf("making request: %w", err)
	}
	c.authorise(req.Header)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, Unreachable(c.base, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		defer resp.Body.Close()
		return nil, answerError(c.base, resp)
	}
	return resp.Body, nil
}

func (c *Client) authorise(h http.Header) {
	if c.token != "" {
		h.Set("Authorization", "Bearer "+c.token)
	}
}

// maxErrorBody bounds what is read of an error answer that is not ours.
const maxErrorBody = 64 << 10

// answerError turns a refusal into the service's error; a body that is not
// ours comes from something between us and the service.
func answerError(base *url.URL, resp *http.Response) error {
	data, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	var e yonder.Error
	if json.Unmarshal(data, &e) == nil && e.Code != "" {
		e.RetryAfter = retryAfter(resp.Header)
		return &e
	}
	return strange(base, resp, data)
}
