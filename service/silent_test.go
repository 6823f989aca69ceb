package service_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/servicetest"
)

// Ten times as many strangers as the service takes connections say nothing,
// and clients are served all the same.
func TestSilentConnectionsKeepNobodyOut(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t, func(c *service.Config) { c.Connections = 400 })
	address := strings.TrimPrefix(s.URL(), "http://")
	for range 4000 {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	for range 20 {
		status, data := s.Do(t, s.Admin, "GET", "/v1/whoami", nil)
		require.Equal(t, http.StatusOK, status, "%s", data)
		s.HTTP().CloseIdleConnections() // the next one comes anew
	}
}

// Nonsense at the port is answered or cut off, and concerns nobody else.
func TestNonsenseAtThePort(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	address := strings.TrimPrefix(s.URL(), "http://")
	for _, nonsense := range []string{
		"\x00\x00\x00\x00", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"POST /v1/bundles HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
		"POST /v1/bundles HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET /v1/fabric HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 100_000) + "\r\n",
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		require.NoError(t, err)
		_, _ = io.WriteString(conn, nonsense) // it may hang up before all is said
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}
	status, _ := s.Do(t, s.Admin, "GET", "/v1/whoami", nil)
	require.Equal(t, http.StatusOK, status)
}
