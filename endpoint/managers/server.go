// Package managers is where an endpoint's managers connect: a TLS listener
// whose certificate the rendezvous file pins, and one connection per manager
// that carries frames both ways.
package managers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/lobby"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/wire"
)

// Peer is a connected manager.
type Peer interface {
	// Send queues a frame and returns at once. It is false when the manager
	// does not take what it is sent; its connection then ends.
	Send(kind wire.Kind, header any, columns ...[]byte) bool
	// Close ends the connection; the manager may come back.
	Close(cause error)
}

// Desk decides about what managers say. Calls about one manager come one at a
// time: Hello, any number of others, Gone.
type Desk interface {
	// Hello answers by sending the welcome to the peer before anything else.
	// An error is sent to the manager and ends the connection.
	Hello(peer Peer, hello wire.ManagerHello) error
	Begun(manager string, spans []wire.Span)
	// Done returns once what the manager finished is in the journal. After an
	// error the connection ends, and the manager will tell it again.
	Done(manager string, done wire.Done, columns [][]byte) error
	Beat(manager string, beat wire.Beat)
	Gone(manager string, cause error)
}

// Viewer is a Desk that asks managers about tasks.
type Viewer interface {
	TaskView(manager string, view wire.TaskView)
}

// Config of a Server.
type Config struct {
	Listen    string // host:port
	Advertise []string
	File      string // the rendezvous file
	Secret    string
	Slots     int
	Pythons   []wire.Interpreter
	Kinds     []string // of functions
	Beat      time.Duration
	// CancelGrace is for the rendezvous file, as Slots and Pythons are.
	CancelGrace time.Duration
	// Failures, Probe and WorkerBytes are settings for the nodes; see wire.Rendezvous.
	Failures    int
	Probe       time.Duration
	WorkerBytes int64
	// Tailed takes what a manager says of a running task that it was asked
	// about. After an error its connection ends.
	Tailed func(manager string, told wire.Tailed, columns [][]byte) error
	Logger *slog.Logger
}

const (
	// handshakes bounds how many connections may be before their hello at once.
	handshakes = 256
	// acceptAgain is the pause after a connection could not be taken, most
	// likely for want of descriptors.
	acceptAgain = 100 * time.Millisecond
)

// Server listens for managers.
type Server struct {
	startstop.Base

	cfg    Config
	desk   Desk
	bodies Bodies

	mu       sync.Mutex
	epoch    int64
	identity identity
	addrs    []string
	conns    map[string]*conn
}

// New makes a server; nothing listens before Start.
func New(cfg Config, desk Desk, bodies Bodies) *Server {
	if cfg.Beat == 0 {
		cfg.Beat = 5 * time.Second
	}
	return &Server{cfg: cfg, desk: desk, bodies: bodies, conns: map[string]*conn{}}
}

// Start listens and writes the rendezvous file.
func (s *Server) Start(ctx context.Context) error { return s.Base.Start(ctx, s.run) }

func (s *Server) run(ctx context.Context, ready func()) error {
	identity, err := newIdentity()
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		return yonder.Errorf(yonder.CodePortInUse, "cannot listen for managers on %s: %w", s.cfg.Listen, err)
	}
	s.mu.Lock()
	s.identity = identity
	s.addrs = advertised(s.cfg.Advertise, listener.Addr())
	s.mu.Unlock()
	if err := s.publish(); err != nil {
		listener.Close()
		return err
	}
	ready()
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	return s.accept(ctx, listener)
}

// accept serves connections until ctx ends, and waits for all of them.
func (s *Server) accept(ctx context.Context, listener net.Listener) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	defer listener.Close()
	early := &lobby.Lobby{Limit: handshakes}
	for {
		raw, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("listening for managers: %w", err)
			}
			s.cfg.Logger.Warn("could not take a manager's connection", slog.Any("error", err))
			select {
			case <-ctx.Done():
			case <-time.After(acceptAgain):
			}
			continue
		}
		early.Enter(raw)
		serving.Go(func() { s.serve(ctx, raw, func() { early.Leave(raw) }) })
	}
}

// serve handles one connection from its handshake to its end.
func (s *Server) serve(ctx context.Context, raw net.Conn, admitted func()) {
	c := newConn(ctx, raw, s.cfg)
	defer c.Close(errEnded)
	hello, err := s.handshake(c)
	admitted()
	if err != nil {
		s.cfg.Logger.Info("refused a connection", slog.String("from", raw.RemoteAddr().String()), slog.Any("error", err))
		c.refuse(err)
		return
	}
	s.replace(hello.Manager, c)
	defer s.remove(hello.Manager, c)
	var writing sync.WaitGroup
	defer writing.Wait()
	defer c.Close(errEnded)
	if err := s.desk.Hello(c, hello); err != nil {
		c.refuse(err)
		return
	}
	writing.Go(c.write)
	err = c.read(s, hello.Manager)
	c.Close(err)
	s.desk.Gone(hello.Manager, context.Cause(c.ctx))
}

// handshake reads the hello and checks it.
func (s *Server) handshake(c *conn) (wire.ManagerHello, error) {
	var hello wire.ManagerHello
	if err := c.handshake(s.certificate()); err != nil {
		return hello, err
	}
	frame, err := wire.Read(c.in, maxHello)
	if err != nil {
		return hello, err
	}
	// First only who it is: a stranger's list of what it holds is not decoded,
	// which would take many times its bytes.
	var who struct {
		Secret string `json:"secret"`
	}
	if err := frame.Decode(wire.KindManagerHello, &who); err != nil {
		return hello, err
	}
	if err := s.admit(who.Secret); err != nil {
		return hello, err
	}
	if err := frame.Decode(wire.KindManagerHello, &hello); err != nil {
		return hello, err
	}
	return hello, s.check(hello)
}

// replace makes c the manager's connection, after the end of an older one.
func (s *Server) replace(manager string, c *conn) {
	for {
		s.mu.Lock()
		old := s.conns[manager]
		if old == nil {
			s.conns[manager] = c
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		old.Close(errReplaced)
		<-old.gone
	}
}

func (s *Server) remove(manager string, c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, manager)
	close(c.gone)
}

// Flush waits until all that was sent is on its way, or ctx ends.
func (s *Server) Flush(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.unsent() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) unsent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.ctx.Err() == nil && c.unsent.Load() > 0 {
			return true
		}
	}
	return false
}

func (s *Server) certificate() tls.Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity.certificate
}

var (
	errEnded    = errors.New("the connection has ended")
	errReplaced = errors.New("the manager has connected anew")
)
