package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

// proxiedHost is a name that only the proxy knows: who reaches it went through.
const proxiedHost = "yonder.test"

// An endpoint behind an HTTPS proxy dials out through it, over TLS, and runs
// tasks whose payloads are too large for messages.
func TestAnEndpointBehindAProxy(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	key := certify(t, s)
	s.StartService("--tls-cert", s.CAFile, "--tls-key", key)
	s.Login()
	s.ConfigureEndpoint("local")
	_, port, err := net.SplitHostPort(s.Address)
	require.NoError(t, err)
	pointTo(t, s, "https://"+net.JoinHostPort(proxiedHost, port))

	var tunnels atomic.Int64
	proxy := httptest.NewServer(connectTo(t, s.Address, &tunnels))
	t.Cleanup(proxy.Close)
	s.Env = []string{"HTTPS_PROXY=" + proxy.URL}
	s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	s.Env = nil
	before := tunnels.Load()
	require.Positive(t, before)

	c := s.Python("large.py")
	c.Await("done")
	c.Wait()
	require.Greater(t, tunnels.Load(), before, "large bodies have connections of their own")
}

// certify makes a certificate for loopback and for the proxied name, which is
// its own authority.
func certify(t *testing.T, s *system.System) (keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: proxiedHost}, DNSNames: []string{proxiedHost},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	s.CAFile = filepath.Join(s.Home, "cert.pem")
	keyFile = filepath.Join(s.Home, "key.pem")
	require.NoError(t, os.WriteFile(s.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return keyFile
}

// pointTo changes the service's address in the endpoint's configuration.
func pointTo(t *testing.T, s *system.System, url string) {
	t.Helper()
	path := filepath.Join(s.Home, "endpoints", "local", "endpoint.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	changed := strings.Replace(string(text), "service: "+s.URL(), "service: "+url, 1)
	require.NotEqual(t, string(text), changed)
	require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
}

// connectTo is a proxy that tunnels the one host it knows to the address.
func connectTo(t *testing.T, address string, tunnels *atomic.Int64) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.Host)
		if r.Method != http.MethodConnect || host != proxiedHost {
			http.Error(w, "only CONNECT to "+proxiedHost, http.StatusForbidden)
			return
		}
		there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		tunnels.Add(1)
		_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		done := make(chan struct{}, 2)
		for from, to := range map[net.Conn]net.Conn{here: there, there: here} {
			go func() {
				_, _ = io.Copy(to, from)
				done <- struct{}{}
			}()
		}
		<-done
	})
}
