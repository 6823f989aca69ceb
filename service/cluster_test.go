package service_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

func TestStress(t *testing.T) {
	t.Parallel()
	startstoptest.Stress(t, servicetest.Start(t))
}

// What was accepted is there after a restart, and the endpoint goes on.
func TestARestartLosesNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	running := w.submit(t, 3)
	leases, _ := w.agent.Offered(t)
	w.agent.Accept(t, leases)
	offline := w.Endpoint(t, w.Admin, "offline")
	waiting, payloads := servicetest.Bundle(w.function.ID, offline.ID, 2)
	w.Submit(t, w.Admin, waiting, payloads)
	w.Stop()
	w.agent.Close()

	again := servicetest.StartConfig(t, w.Config)
	require.Equal(t, w.Admin, again.Admin)
	agent := again.Agent(t, w.endpoint)
	agent.Epoch = w.agent.Epoch
	agent.Finish(t, leases, value) // the session outlives the service
	page := servicetest.Call[[]wire.Result](t, again, again.Admin, "GET", "/v1/groups/"+running.Group.String()+"/results?wait=5s", nil)
	require.Len(t, page, 3)
	late := again.Agent(t, offline).Live(t, 10)
	late.Run(t, 2, value)
}

// Two replicas are one service: each does its part for clients and agents of
// the other.
func TestTwoReplicas(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	blobs := t.TempDir()
	replica := func() *servicetest.Service {
		return servicetest.Start(t, func(c *service.Config) {
			c.Database, c.DatabaseRelaxed, c.BlobDir = database, true, blobs
			c.ClusterListen = "127.0.0.1:0"
		})
	}
	a := replica()
	b := replica()
	b.Admin = a.Admin
	f, e := a.Function(t, a.Admin, "f"), b.Endpoint(t, a.Admin, "e")
	agent := a.Agent(t, e).Live(t, 100) // connected to one
	stream := b.Stream(t, a.Admin)      // followed at the other
	for range 20 {
		bundle, payloads := servicetest.Bundle(f.ID, e.ID, 2)
		b.Submit(t, a.Admin, bundle, payloads)
		stream.Subscribe(t, wire.Subscribe{Group: bundle.Group})
		agent.Run(t, 2, value)
		collect(t, stream, map[yonder.ID]int64{}, 2)
	}

	// A credential that one replica revokes is cut off at the other.
	servicetest.Call[map[string]string](t, b, a.Admin, "POST", "/v1/endpoints/"+e.ID.String()+"/credential", nil)
	require.Eventually(t, agent.IsClosed, patience, tick)
	made := servicetest.Call[yonder.Token](t, a, a.Admin, "POST", "/v1/tokens", wire.CreateToken{})
	other := b.Stream(t, made.Secret)
	servicetest.Call[struct{}](t, a, a.Admin, "DELETE", "/v1/tokens/"+made.ID.String(), nil)
	frame, err := other.Frame(t)
	require.NoError(t, err)
	require.Equal(t, wire.KindError, frame.Kind)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s := servicetest.Start(t, func(c *service.Config) { c.TLSCert, c.TLSKey = cert, key })
	require.Contains(t, s.URL(), "https://")
	pool := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(text))
	transport, _ := s.HTTP().Transport.(*http.Transport)
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	f, e := s.Function(t, s.Admin, "f"), s.Endpoint(t, s.Admin, "e")
	agent := s.Agent(t, e).Live(t, 10)
	stream := s.Stream(t, s.Admin)
	b, payloads := servicetest.Bundle(f.ID, e.ID, 2)
	s.Submit(t, s.Admin, b, payloads)
	agent.Run(t, 2, value)
	stream.Subscribe(t, wire.Subscribe{Group: b.Group})
	collect(t, stream, map[yonder.ID]int64{}, 2)
}

// A certificate that is renewed is used from the next connection on; the two
// files cannot change at once, and what does not fit together changes nothing.
func TestACertificateIsRenewed(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s := servicetest.Start(t, func(c *service.Config) { c.TLSCert, c.TLSKey = cert, key })
	address := strings.TrimPrefix(s.URL(), "https://")
	shown := func() []byte {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Raw
	}
	first := shown()
	newCert, newKey := certificate(t)
	require.NoError(t, os.Rename(newCert, cert))
	require.Equal(t, first, shown())
	require.NoError(t, os.Rename(newKey, key))
	require.Eventually(t, func() bool { return !bytes.Equal(first, shown()) }, patience, tick)
	text, err := os.ReadFile(cert)
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	require.Equal(t, block.Bytes, shown())
}

// certificate writes a self-signed one for this machine.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}
