package natsfabric_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/fabric"
	"github.com/yonder-run/yonder/service/fabric/fabrictest"
	"github.com/yonder-run/yonder/service/fabric/natsfabric"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var discard = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is the directory and the tokens of a cluster under test. A secret is
// the endpoint's id.
type memory struct {
	mu       sync.Mutex
	replicas map[yonder.ID]store.Replica
	settings map[string][]byte
	revoked  map[yonder.ID]bool
}

func newMemory() *memory {
	return &memory{replicas: map[yonder.ID]store.Replica{}, settings: map[string][]byte{}, revoked: map[yonder.ID]bool{}}
}

func (m *memory) PutReplica(_ context.Context, r store.Replica) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replicas[r.ID] = r
	return nil
}

func (m *memory) DeleteReplica(_ context.Context, id yonder.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.replicas, id)
	return nil
}

func (m *memory) ListReplicas(_ context.Context, after time.Time) ([]store.Replica, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []store.Replica
	for _, r := range m.replicas {
		if r.Seen.After(after) {
			list = append(list, r)
		}
	}
	return list, nil
}

func (m *memory) Setting(_ context.Context, key string, value []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.settings[key]; !known {
		m.settings[key] = value
	}
	return m.settings[key], nil
}

func (m *memory) authenticate(ctx context.Context, secret string) (natsfabric.Agent, error) {
	id, err := yonder.ParseID(secret)
	if err != nil {
		return natsfabric.Agent{}, yonder.Errorf(yonder.CodeUnauthenticated, "no")
	}
	return natsfabric.Agent{Endpoint: id, Token: id}, m.recheck(ctx, id)
}

func (m *memory) recheck(_ context.Context, token yonder.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revoked[token] {
		return yonder.Errorf(yonder.CodeTokenRevoked, "revoked")
	}
	return nil
}

func (m *memory) revoke(token yonder.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.revoked[token] = true
}

// replica is a fabric behind an HTTP server.
type replica struct {
	*natsfabric.Fabric
	*httptest.Server
}

func start(t *testing.T, m *memory, clustered bool) *replica {
	t.Helper()
	config := natsfabric.Config{
		Authenticate: m.authenticate, Recheck: m.recheck, Workers: 8, EndpointWorkers: 4,
		RequestTimeout: 10 * time.Second, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	if clustered {
		config.Cluster = &natsfabric.Cluster{Listen: "127.0.0.1:0", Directory: m, Now: time.Now, Log: config.Log}
	}
	f := natsfabric.New(config)
	require.NoError(t, f.Start(context.WithoutCancel(t.Context())))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		agent, err := m.authenticate(r.Context(), r.Header.Get("Authorization"))
		if err == nil {
			err = f.Accept(w, r, agent)
		}
		if err != nil {
			http.Error(w, err.Error(), yonder.CodeOf(err).Info().HTTP)
			return
		}
	}))
	t.Cleanup(func() { f.Stop(); server.Close() })
	return &replica{f, server}
}

// cluster starts replicas that have found each other.
func cluster(t *testing.T, n int) (*memory, []*replica) {
	t.Helper()
	m := newMemory()
	var all []*replica
	for range n {
		all = append(all, start(t, m, n > 1))
	}
	for i := range all {
		require.Eventually(t, func() bool { return all[i].Routes() >= n-1 }, 20*time.Second, 5*time.Millisecond)
	}
	return m, all
}

// dial connects to the fabric: bearer opens the WebSocket, token goes into
// the CONNECT.
func (r *replica) dial(bearer, token string, options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append([]nats.Option{
		nats.InProcessServer(dialer{r, bearer}), nats.Token(token), nats.NoReconnect(), nats.CustomInboxPrefix("_INBOX_" + token),
	}, options...)...)
}

type dialer struct {
	replica *replica
	bearer  string
}

func (d dialer) InProcessConn() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, d.replica.URL, &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		HTTPClient: d.replica.Client(), HTTPHeader: http.Header{"Authorization": {d.bearer}},
	})
	if err != nil {
		return nil, err
	}
	return websocket.NetConn(context.Background(), ws, websocket.MessageBinary), nil
}

// peer is an agent for the conformance suite.
type peer struct {
	conn     *nats.Conn
	endpoint string
	hints    chan fabrictest.Hint
	answer   atomic.Pointer[func(wire.Frame) *wire.Frame]
}

func (r *replica) connect(t *testing.T, endpoint yonder.ID) *peer {
	t.Helper()
	conn, err := r.dial(endpoint.String(), endpoint.String())
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	p := &peer{conn: conn, endpoint: endpoint.String(), hints: make(chan fabrictest.Hint, 1000)}
	_, err = conn.Subscribe("ep."+p.endpoint+".>", func(m *nats.Msg) {
		frame, err := wire.Parse(m.Data)
		if answer := p.answer.Load(); err == nil && answer != nil {
			if said := (*answer)(frame); said != nil {
				_ = m.Respond(said.Bytes())
			}
			return
		}
		if err == nil {
			p.hints <- fabrictest.Hint{
				Verb: m.Subject[strings.LastIndex(m.Subject, ".")+1:], Frame: frame,
				Answer: func(f wire.Frame) { _ = m.Respond(f.Bytes()) },
			}
		}
	})
	require.NoError(t, err)
	require.NoError(t, conn.Flush())
	return p
}

func (p *peer) Ask(verb string, frame wire.Frame) (wire.Frame, error) {
	for {
		answer, err := p.conn.Request("svc."+p.endpoint+"."+verb, frame.Bytes(), 10*time.Second)
		if errors.Is(err, nats.ErrNoResponders) { // other replicas' interest takes a moment to be known
			continue
		}
		if err != nil {
			return wire.Frame{}, err
		}
		return wire.Parse(answer.Data)
	}
}

func (p *peer) Answer(answer func(wire.Frame) *wire.Frame) { p.answer.Store(&answer) }

func (p *peer) Hear() <-chan fabrictest.Hint { return p.hints }

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]int{"Alone": 1, "TwoReplicas": 2, "ThreeReplicas": 3} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fabrictest.Run(t, func(t *testing.T) fabrictest.Replicas {
				t.Helper()
				_, all := cluster(t, n)
				replicas := fabrictest.Replicas{Connect: func(t *testing.T, i int, endpoint yonder.ID) fabrictest.Peer {
					t.Helper()
					p := all[i].connect(t, endpoint)
					awaitInterest(t, all, p)
					return p
				}}
				for _, r := range all {
					replicas.Fabrics = append(replicas.Fabrics, r.Fabric)
				}
				return replicas
			})
		})
	}
}

// awaitInterest returns when every replica knows that the peer listens.
func awaitInterest(t *testing.T, all []*replica, p *peer) {
	t.Helper()
	id, err := yonder.ParseID(p.endpoint)
	require.NoError(t, err)
	probe, err := wire.NewFrame(wire.KindFence, wire.Fence{})
	require.NoError(t, err)
	for _, r := range all {
		require.Eventually(t, func() bool {
			require.NoError(t, fabric.Fabric(r).Publish(id, "probe", probe))
			select {
			case <-p.hints:
				return true
			case <-time.After(20 * time.Millisecond):
				return false
			}
		}, 20*time.Second, time.Millisecond)
	}
	require.NoError(t, p.conn.Flush())
	for {
		select {
		case <-p.hints:
		case <-time.After(100 * time.Millisecond):
			return
		}
	}
}
