package client_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
)

func TestAProbeShowsTheWayAsFarAsItGoes(t *testing.T) {
	t.Parallel()
	var ahead time.Duration // of the server's clock
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte(`{"version":"v1","wire_oldest":1,"wire_newest":1}`))
	}))
	t.Cleanup(server.Close)
	stranger, err := client.New(server.URL, "")
	require.NoError(t, err)
	p, err := stranger.Probe(t.Context())
	require.ErrorContains(t, err, "--ca-file")
	require.Positive(t, p.Connected)
	require.Nil(t, p.Certificate)
	require.Zero(t, p.Answered)

	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	c, err := client.New(server.URL, "", client.WithCA(file))
	require.NoError(t, err)
	p, err = c.Probe(t.Context())
	require.NoError(t, err)
	require.Equal(t, server.Certificate().SerialNumber, p.Certificate.SerialNumber)
	require.Equal(t, "v1", p.Version.Version)
	require.Positive(t, p.Answered)
	require.Zero(t, p.Skew)

	ahead = -time.Minute
	p, err = c.Probe(t.Context())
	require.NoError(t, err)
	require.InDelta(t, time.Minute, p.Skew, float64(3*time.Second))
	ahead = time.Hour
	p, err = c.Probe(t.Context())
	require.NoError(t, err)
	require.InDelta(t, -time.Hour, p.Skew, float64(3*time.Second))
}

func TestAProbeOfSomethingElse(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "")
	require.NoError(t, err)
	_, err = c.Probe(t.Context())
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
	require.ErrorContains(t, err, "did not come from a Yonder service")
}
