// Package servicetest starts real services for tests, speaks HTTP to them, and
// plays the part of an endpoint's agent.
package servicetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/wire"
)

// Service is a running service with its admin's token.
type Service struct {
	*service.Service

	Config service.Config
	Admin  string
	Logs   *Logs
	http   *http.Client
}

// Config returns a configuration for a test: any port, a directory of its own.
func Config(tb testing.TB) service.Config {
	tb.Helper()
	c := service.Defaults()
	c.Listen, c.StateDir = "127.0.0.1:0", filepath.Join(tb.TempDir(), "state")
	return c
}

// Start starts a service that stops with the test.
func Start(tb testing.TB, change ...func(*service.Config)) *Service {
	tb.Helper()
	c := Config(tb)
	for _, f := range change {
		f(&c)
	}
	return StartConfig(tb, c)
}

// StartConfig starts a service as configured.
func StartConfig(tb testing.TB, c service.Config) *Service {
	tb.Helper()
	logs := &Logs{}
	s, err := service.New(c, slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})))
	require.NoError(tb, err)
	require.NoError(tb, s.Start(context.WithoutCancel(tb.Context())))
	tb.Cleanup(s.Stop)
	running := &Service{Service: s, Config: c, Logs: logs, http: &http.Client{Transport: &http.Transport{}}}
	tb.Cleanup(running.http.CloseIdleConnections)
	if secret, err := os.ReadFile(filepath.Join(c.StateDir, "admin.token")); err == nil {
		running.Admin = strings.TrimSpace(string(secret))
	}
	return running
}

// Do sends a request; body is JSON unless it is bytes, which go as kind.
func (s *Service) Do(tb testing.TB, token, method, path string, body any, kind ...string) (int, []byte) {
	tb.Helper()
	var reader io.Reader
	contentType := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		reader, contentType = bytes.NewReader(b), wire.TypeBytes
	default:
		data, err := json.Marshal(b)
		require.NoError(tb, err)
		reader = bytes.NewReader(data)
	}
	if len(kind) > 0 {
		contentType = kind[0]
	}
	r, err := http.NewRequestWithContext(tb.Context(), method, s.URL()+path, reader)
	require.NoError(tb, err)
	r.Header.Set("Content-Type", contentType)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := s.HTTP().Do(r)
	require.NoError(tb, err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	require.NoError(tb, err)
	return answer.StatusCode, data
}

// HTTP is a client of which no connection outlives the test.
func (s *Service) HTTP() *http.Client { return s.http }

// Call sends a request that must succeed and decodes the answer.
func Call[T any](tb testing.TB, s *Service, token, method, path string, body any) T {
	tb.Helper()
	status, data := s.Do(tb, token, method, path, body)
	require.Less(tb, status, 300, "%s %s: %s", method, path, data)
	var out T
	if len(data) > 0 {
		require.NoError(tb, json.Unmarshal(data, &out), "%s", data)
	}
	return out
}

// Refused sends a request that must fail with the code, and returns the error.
func (s *Service) Refused(tb testing.TB, token, method, path string, body any, code yonder.Code) yonder.Error {
	tb.Helper()
	status, data := s.Do(tb, token, method, path, body)
	var e yonder.Error
	require.NoError(tb, json.Unmarshal(data, &e), "%s %s: %d %s", method, path, status, data)
	require.Equal(tb, code, e.Code, "%s %s: %s", method, path, data)
	require.Equal(tb, code.Info().HTTP, status)
	return e
}

// Person makes an identity and a token of it.
func (s *Service) Person(tb testing.TB, name string, scopes ...string) (yonder.Identity, string) {
	tb.Helper()
	identity := Call[yonder.Identity](tb, s, s.Admin, "POST", "/v1/identities",
		wire.CreateIdentity{Name: name, Kind: yonder.IdentityPerson})
	token := Call[yonder.Token](tb, s, s.Admin, "POST", "/v1/tokens",
		wire.CreateToken{Identity: &identity.ID, Scopes: scopes})
	return identity, token.Secret
}

// Function registers one that takes anything.
func (s *Service) Function(tb testing.TB, token, name string) yonder.Function {
	tb.Helper()
	return Call[yonder.Function](tb, s, token, "POST", "/v1/functions",
		wire.RegisterFunction{Name: name, Body: []byte("body of " + name)})
}

// Endpoint registers one.
func (s *Service) Endpoint(tb testing.TB, token, name string) wire.RegisteredEndpoint {
	tb.Helper()
	return Call[wire.RegisteredEndpoint](tb, s, token, "POST", "/v1/endpoints", wire.RegisterEndpoint{Name: name})
}

// Bundle returns a bundle of small payloads.
func Bundle(f, e yonder.ID, tasks int) (wire.Bundle, [][]byte) {
	payloads := make([][]byte, tasks)
	for i := range payloads {
		payloads[i] = []byte("Y1p\x00\x03\x0b\x00\x00payload")
	}
	return wire.Bundle{
		ID: yonder.NewBundleID(), Group: yonder.NewID(), Function: f, Endpoint: e,
		Tasks: tasks, Form: wire.FormEach, Codec: "pickle",
	}, payloads
}

// Submit sends a bundle as a frame.
func (s *Service) Submit(tb testing.TB, token string, b wire.Bundle, payloads [][]byte) wire.Submitted {
	tb.Helper()
	frame, err := wire.NewFrame(wire.KindBundle, b, payloads...)
	require.NoError(tb, err)
	status, data := s.Do(tb, token, "POST", "/v1/bundles", frame.Bytes(), wire.TypeFrames)
	require.Equal(tb, http.StatusAccepted, status, "%s", data)
	var out wire.Submitted
	require.NoError(tb, json.Unmarshal(data, &out))
	return out
}
