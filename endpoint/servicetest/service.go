// Package servicetest is a service for tests of the endpoint's side: a real
// NATS server behind a real WebSocket over TLS, with handlers that the test
// writes.
package servicetest

import (
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Handler answers a request of the agent.
type Handler func(request wire.Frame) (wire.Kind, any)

// Service is a running service. Its fields are set before anything connects.
type Service struct {
	URL        string
	CAFile     string
	Endpoint   yonder.ID
	Credential string

	tb     testing.TB
	nats   *server.Server
	client *nats.Conn
	web    *httptest.Server
	mux    *http.ServeMux

	mu       sync.Mutex
	handlers map[string]Handler
	bodies   map[string]http.HandlerFunc
	conns    map[io.Closer]bool
	away     bool
}

// New starts a service for one endpoint; it ends with the test.
func New(tb testing.TB) *Service {
	tb.Helper()
	s := &Service{
		tb: tb, Endpoint: yonder.NewID(), Credential: "ya_test_credential", mux: http.NewServeMux(),
		handlers: map[string]Handler{}, bodies: map[string]http.HandlerFunc{}, conns: map[io.Closer]bool{},
	}
	s.startNATS()
	s.mux.HandleFunc("GET /v1/fabric", s.fabric)
	s.mux.HandleFunc("/v1/agent/", s.body)
	s.web = httptest.NewTLSServer(s.mux)
	s.URL = s.web.URL
	tb.Cleanup(s.stop)
	s.CAFile = filepath.Join(tb.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.web.Certificate().Raw}
	require.NoError(tb, os.WriteFile(s.CAFile, pem.EncodeToMemory(block), 0o600))
	return s
}

func (s *Service) startNATS() {
	ns, err := server.NewServer(&server.Options{
		DontListen: true, NoLog: true, NoSigs: true, CustomClientAuthentication: s,
	})
	require.NoError(s.tb, err)
	s.nats = ns
	ns.Start()
	require.True(s.tb, ns.ReadyForConnections(10*time.Second))
	s.client, err = nats.Connect("", nats.InProcessServer(ns), nats.Token("inside"))
	require.NoError(s.tb, err)
	_, err = s.client.Subscribe("svc."+s.Endpoint.String()+".*", s.request)
	require.NoError(s.tb, err)
	require.NoError(s.tb, s.client.Flush())
}

func (s *Service) stop() {
	s.Break()
	s.web.Close()
	s.client.Close()
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

// Check lets the agent use its own subjects only.
func (s *Service) Check(c server.ClientAuthentication) bool {
	switch c.GetOpts().Token {
	case "inside":
		c.RegisterUser(&server.User{})
		return true
	case s.Credential:
		id := s.Endpoint.String()
		c.RegisterUser(&server.User{Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"svc." + id + ".>"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"ep." + id + ".>", "_INBOX_" + id + ".>"}},
		}})
		return true
	}
	return false
}

// Handle sets what answers requests of the verb.
func (s *Service) Handle(verb string, h Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handlers[verb] = h
}

// HandleBody sets what answers HTTP requests whose path ends so.
func (s *Service) HandleBody(suffix string, h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies[suffix] = h
}

// Hint sends a message unasked.
func (s *Service) Hint(verb string, kind wire.Kind, header any, columns ...[]byte) {
	frame, err := wire.NewFrame(kind, header, columns...)
	require.NoError(s.tb, err)
	_ = s.client.Publish("ep."+s.Endpoint.String()+"."+verb, frame.Bytes()) // a hint may be lost, as at the test's end
}

// Ask asks the agent something and waits for its answer.
func (s *Service) Ask(verb string, kind wire.Kind, header any) wire.Frame {
	frame, err := wire.NewFrame(kind, header)
	require.NoError(s.tb, err)
	id := s.Endpoint.String()
	reply := "svc." + id + ".answer." + nats.NewInbox()
	answers, err := s.client.SubscribeSync(reply)
	require.NoError(s.tb, err)
	defer func() { _ = answers.Unsubscribe() }()
	var msg *nats.Msg
	require.Eventually(s.tb, func() bool {
		require.NoError(s.tb, s.client.PublishRequest("ep."+id+"."+verb, reply, frame.Bytes()))
		msg, err = answers.NextMsg(20 * time.Second)
		return !errors.Is(err, nats.ErrNoResponders) // it has just connected
	}, 20*time.Second, time.Millisecond)
	require.NoError(s.tb, err)
	answer, err := wire.Parse(msg.Data)
	require.NoError(s.tb, err)
	return answer
}

// Break ends all connections.
func (s *Service) Break() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

// Away makes the service refuse connections, and breaks those there are, or
// lets it answer again.
func (s *Service) Away(away bool) {
	s.mu.Lock()
	s.away = away
	s.mu.Unlock()
	if away {
		s.Break()
	}
}

func (s *Service) request(msg *nats.Msg) {
	verb := msg.Subject[strings.LastIndexByte(msg.Subject, '.')+1:]
	s.mu.Lock()
	h := s.handlers[verb]
	s.mu.Unlock()
	frame, err := wire.Parse(msg.Data)
	if err != nil || h == nil {
		return // no answer: the agent tries again
	}
	kind, header := h(frame)
	if kind == 0 {
		return
	}
	var columns [][]byte
	if body, ok := header.(WithColumns); ok {
		header, columns = body.Header, body.Columns
	}
	answer, err := wire.NewFrame(kind, header, columns...)
	if err == nil {
		_ = msg.Respond(answer.Bytes())
	}
}

// WithColumns is an answer's header with columns.
type WithColumns struct {
	Header  any
	Columns [][]byte
}

func (s *Service) authorized(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	away := s.away
	s.mu.Unlock()
	if away {
		w.WriteHeader(http.StatusServiceUnavailable)
		return false
	}
	if r.Header.Get("Authorization") != "Bearer "+s.Credential {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"code":"unauthenticated","message":"who are you"}`))
		return false
	}
	return true
}

func (s *Service) body(w http.ResponseWriter, r *http.Request) {
	if !s.authorized(w, r) {
		return
	}
	s.handler(r.URL.Path)(w, r)
}

func (s *Service) handler(path string) http.HandlerFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	for suffix, h := range s.bodies {
		if strings.HasSuffix(path, suffix) {
			return h
		}
	}
	return http.NotFound
}

// fabric carries the NATS protocol between a WebSocket and the server.
func (s *Service) fabric(w http.ResponseWriter, r *http.Request) {
	if !s.authorized(w, r) {
		return
	}
	ws, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	outside := websocket.NetConn(r.Context(), ws, websocket.MessageBinary)
	inside, err := s.nats.InProcessConn()
	if err != nil {
		outside.Close()
		return
	}
	s.track(outside, inside)
	var both sync.WaitGroup
	both.Go(func() { pump(inside, outside) })
	both.Go(func() { pump(outside, inside) })
	both.Wait()
}

func (s *Service) track(conns ...io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range conns {
		s.conns[conn] = true
	}
}

func pump(to io.WriteCloser, from io.ReadCloser) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
}
