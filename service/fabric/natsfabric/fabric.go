// Package natsfabric is the fabric on a NATS server inside this process.
// Agents reach it through WebSockets on the service's own port; replicas'
// servers form a cluster over mutual TLS. Nobody gets in any other way.
//
// There are two accounts, which NATS keeps apart: ENDPOINTS for agents and
// the service's messages to them, REPLICAS for what replicas tell each other.
package natsfabric

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/service/fabric"
	"github.com/yonder-run/yonder/wire"
)

// Config is what a Fabric needs.
type Config struct {
	// Authenticate names the endpoint and the token of an agent's credential.
	Authenticate func(ctx context.Context, secret string) (Agent, error)
	// Recheck says whether a token that was good when its agent connected
	// still is.
	Recheck func(ctx context.Context, token yonder.ID) error
	// Cluster joins this replica to the others; nil: it is the only one.
	Cluster *Cluster
	// Workers bounds the requests handled at once, EndpointWorkers those of
	// one endpoint.
	Workers         int
	EndpointWorkers int
	// RequestTimeout bounds the handling of one request.
	RequestTimeout time.Duration
	Log            *slog.Logger
}

// Agent is who connects: an endpoint's agent, by its credential.
type Agent struct {
	Endpoint yonder.ID
	Token    yonder.ID
}

// Fabric is a fabric.Fabric and a service.
type Fabric struct {
	startstop.Base

	config Config
	secret string // of the service's own connections; lives as long as the process
	agents agents
	live   atomic.Pointer[live]
}

var _ fabric.Fabric = (*Fabric)(nil)

// live is what exists only while the fabric runs.
type live struct {
	server    *server.Server
	endpoints *nats.Conn // in account ENDPOINTS
	replicas  *nats.Conn // in account REPLICAS
	questions questions
}

// New returns a fabric that does not run yet.
func New(config Config) *Fabric {
	f := &Fabric{config: config, secret: rand.Text()}
	f.agents.init(config.Log)
	return f
}

// Start starts the server and connects the service to it.
func (f *Fabric) Start(ctx context.Context) error { return f.Base.Start(ctx, f.run) }

func (f *Fabric) run(ctx context.Context, ready func()) error {
	l, err := f.open(ctx)
	if err != nil {
		return err
	}
	f.live.Store(l)
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return f.recheckAll(ctx) })
	if f.config.Cluster != nil {
		tasks.Go(func() error { return f.config.Cluster.stay(ctx) })
	}
	ready()
	err = tasks.Wait()
	f.live.Store(nil)
	f.agents.closeAll()
	l.close()
	return err
}

func (f *Fabric) open(ctx context.Context) (*live, error) {
	options := f.options()
	if f.config.Cluster != nil {
		if err := f.config.Cluster.join(ctx, options); err != nil {
			return nil, fmt.Errorf("joining the cluster: %w", err)
		}
	}
	auth := &authenticator{fabric: f}
	options.CustomClientAuthentication = auth
	natsServer, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("making the fabric's server: %w", err)
	}
	auth.server = natsServer
	natsServer.SetLoggerV2(natsLog{f.config.Log}, false, false, false)
	natsServer.Start()
	l := &live{server: natsServer}
	if err := f.connect(l); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (f *Fabric) options() *server.Options {
	return &server.Options{
		ServerName:      "yonder-" + yonder.NewID().String(),
		DontListen:      true,
		NoSigs:          true,
		NoSystemAccount: true,
		// A slow agent must not hold up the service: what does not fit is dropped.
		NoFastProducerStall: true,
		Accounts:            []*server.Account{server.NewAccount(accountEndpoints), server.NewAccount(accountReplicas)},
		AlwaysEnableNonce:   true, // names the connection to the authenticator
		MaxPayload:          maxPayload,
		MaxPending:          maxPending,
		MaxSubs:             maxSubs,
		MaxControlLine:      4096,
		WriteDeadline:       writeDeadline,
		PingInterval:        pingInterval,
		MaxPingsOut:         2,
		AuthTimeout:         authTimeout.Seconds(),
	}
}

// Bounds of the fabric. A connection that does not take its messages within
// the deadline, or has this many bytes waiting, is closed; its agent connects
// again and asks for what it missed.
const (
	maxPayload    = 1 << 20
	maxPending    = 16 << 20
	maxSubs       = 64
	writeDeadline = 10 * time.Second
	pingInterval  = 20 * time.Second
	authTimeout   = 10 * time.Second
	startTimeout  = 10 * time.Second
)

func (f *Fabric) connect(l *live) error {
	if !l.server.ReadyForConnections(startTimeout) {
		return yonder.Errorf(yonder.CodeUnavailable, "the fabric did not start within %s", startTimeout)
	}
	var err error
	if l.endpoints, err = f.dial(l.server, userEndpoints); err != nil {
		return err
	}
	if err := l.questions.listen(l.endpoints); err != nil {
		return err
	}
	l.replicas, err = f.dial(l.server, userReplicas, nats.NoEcho())
	return err
}

func (f *Fabric) dial(s *server.Server, user string, more ...nats.Option) (*nats.Conn, error) {
	options := append([]nats.Option{
		nats.Name(user), nats.InProcessServer(inProcess{s}), nats.UserInfo(user, f.secret),
		nats.MaxReconnects(-1), nats.ReconnectWait(10 * time.Millisecond), nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			f.config.Log.Warn("fabric connection", "subject", subjectOf(s), "error", err)
		}),
	}, more...)
	conn, err := nats.Connect("", options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to the fabric as %s: %w", user, err)
	}
	return conn, nil
}

// inProcess keeps the client from seeing the server's other methods.
type inProcess struct{ server *server.Server }

func (p inProcess) InProcessConn() (net.Conn, error) {
	return p.server.InProcessConn() //nolint:wrapcheck // stands in for the server
}

func subjectOf(s *nats.Subscription) string {
	if s == nil {
		return ""
	}
	return s.Subject
}

func (l *live) close() {
	for _, conn := range []*nats.Conn{l.endpoints, l.replicas} {
		if conn != nil {
			conn.Close()
		}
	}
	l.server.Shutdown()
	l.server.WaitForShutdown()
}

// current returns the running parts.
func (f *Fabric) current() (*live, error) {
	if l := f.live.Load(); l != nil {
		return l, nil
	}
	return nil, errNotRunning
}

var errNotRunning = yonder.Errorf(yonder.CodeUnavailable, "the fabric does not run: the service is starting or stopping, try again")

// Ready says whether messages can flow now.
func (f *Fabric) Ready() error {
	l, err := f.current()
	if err != nil {
		return err
	}
	if !l.endpoints.IsConnected() || !l.replicas.IsConnected() {
		return errNotRunning
	}
	return nil
}

// Publish implements fabric.Fabric.
func (f *Fabric) Publish(endpoint yonder.ID, verb string, frame wire.Frame) error {
	l, err := f.current()
	if err != nil {
		return err
	}
	return publish(l.endpoints, "ep."+endpoint.String()+"."+verb, frame.Bytes())
}

// Broadcast implements fabric.Fabric.
func (f *Fabric) Broadcast(topic string, data []byte) error {
	l, err := f.current()
	if err != nil {
		return err
	}
	if f.config.Cluster == nil {
		return nil // nobody would hear it
	}
	return publish(l.replicas, "replica."+topic, data)
}

func publish(conn *nats.Conn, subject string, data []byte) error {
	err := conn.Publish(subject, data)
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrReconnectBufExceeded) {
		return errNotRunning
	}
	if err != nil {
		return fmt.Errorf("publishing %d bytes to %s: %w", len(data), subject, err)
	}
	return nil
}

// Subscribe implements fabric.Fabric.
func (f *Fabric) Subscribe(topic string, hear func(data []byte)) (func(), error) {
	l, err := f.current()
	if err != nil {
		return nil, err
	}
	subscription, err := l.replicas.Subscribe("replica."+topic, func(m *nats.Msg) { hear(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribing to %s: %w", topic, err)
	}
	return func() { _ = subscription.Unsubscribe() }, nil
}

// Routes is how many other replicas this one is connected to.
func (f *Fabric) Routes() int {
	l, err := f.current()
	if err != nil {
		return 0
	}
	seen := map[string]struct{}{}
	routes, err := l.server.Routez(nil)
	if err != nil {
		return 0
	}
	for _, r := range routes.Routes {
		seen[r.RemoteID] = struct{}{}
	}
	return len(seen)
}
