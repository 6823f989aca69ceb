package service_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
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
	strangers(t, s, 4000, "")
	served(t, s)
}

// Ten thousand strangers at a service as it is configured by default: some say
// nothing, some begin to ask for the fabric and say no more. Clients are served,
// and a stranger costs no more memory than its connection.
func TestTenThousandSilentConnections(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	before := memory()
	const most = 64 << 10 // of memory for each, with the race detector
	for range 2 {
		strangers(t, s, 2500, "")
		strangers(t, s, 2500, "GET /v1/fabric HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
	}
	served(t, s)
	require.Less(t, memory()-before, int64(10_000*most))
}

// memory is what this process has in use, in bytes.
func memory() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

func served(t *testing.T, s *servicetest.Service) {
	t.Helper()
	for range 20 {
		status, data := s.Do(t, s.Admin, "GET", "/v1/whoami", nil)
		require.Equal(t, http.StatusOK, status, "%s", data)
		s.HTTP().CloseIdleConnections() // the next one comes anew
	}
}

const envStrangers = "YONDER_TEST_STRANGERS"

// strangers connects from a process of its own, since both ends would not fit
// the descriptors of one, and stays until the test ends.
func strangers(t *testing.T, s *servicetest.Service, count int, say string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], strings.TrimPrefix(s.URL(), "http://"), strconv.Itoa(count), say)
	cmd.Env = append(os.Environ(), envStrangers+"=yes")
	cmd.Stderr = os.Stderr
	stay, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = stay.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "connected\n", line)
}

// beStrangers is the main program of such a process.
func beStrangers(address, count, say string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	all := make([]net.Conn, 0, n)
	for range n {
		conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
		if err != nil {
			return err
		}
		all = append(all, conn)
		_, _ = io.WriteString(conn, say) // it may have been shown the door
	}
	_, _ = fmt.Fprintln(os.Stdout, "connected")
	_, err = io.Copy(io.Discard, os.Stdin)
	runtime.KeepAlive(all) // or the collector closes them
	return err
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
