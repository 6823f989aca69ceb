// Package route is a TCP proxy whose way can be cut, be made to swallow bytes,
// be slow, or lose packets: what a network does to programs that talk over it.
package route

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yonder-run/yonder/e2e/lossy"
)

// Way is what the route does to its connections.
type Way struct {
	Cut   bool          // connections are reset, new ones too
	Hole  bool          // bytes wait without a word, as on a way without an answer
	Delay time.Duration // of every byte, each way
	Reset time.Duration // about how often a connection is reset; 0: never
	Loss  float64       // share of packets that are lost, each way; only of a route of ListenLossy
}

// Route forwards connections to the first of its targets that answers,
// beginning with another one each time, as a load balancer does.
type Route struct {
	listener net.Listener
	link     *lossy.Link // nil: bytes are passed on by themselves
	targets  []string
	next     atomic.Uint64
	serving  sync.WaitGroup

	mu     sync.Mutex
	way    Way
	change chan struct{} // closed when the way changes
	conns  map[*net.TCPConn]bool
	closed bool
}

// Listen opens a route at a free port of loopback. A target is host:port, or
// the path of a Unix socket.
func Listen(ctx context.Context, targets ...string) (*Route, error) {
	r, err := listen(ctx, "127.0.0.1:0", targets)
	if err != nil {
		return nil, err
	}
	r.serving.Go(r.accept)
	return r, nil
}

// ListenLossy opens a route at an address whose connections go through a link
// that delays and loses single packets, which the seed draws. In a hole all of
// them are lost.
func ListenLossy(ctx context.Context, address string, seed uint64, targets ...string) (*Route, error) {
	r, err := listen(ctx, address, targets)
	if err != nil {
		return nil, err
	}
	if r.link, err = lossy.New(seed, lossy.Quality{}, r.reach); err != nil {
		r.listener.Close()
		return nil, fmt.Errorf("opening a route: %w", err)
	}
	r.serving.Go(r.accept)
	return r, nil
}

func listen(ctx context.Context, address string, targets []string) (*Route, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("opening a route: %w", err)
	}
	r := &Route{listener: listener, targets: targets, change: make(chan struct{}), conns: map[*net.TCPConn]bool{}}
	r.next.Store(rand.Uint64N(uint64(len(targets)))) // or all routes would begin with the same target
	return r, nil
}

// Addr is where the route is entered.
func (r *Route) Addr() string { return r.listener.Addr().String() }

// Close resets all connections and waits for their end.
func (r *Route) Close() {
	r.listener.Close()
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.Set(Way{Cut: true})
	if r.link != nil {
		r.link.Close()
	}
	r.serving.Wait()
}

// Set changes the way, for connections that are open too.
func (r *Route) Set(w Way) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.link != nil {
		r.link.Set(quality(w))
		w.Hole, w.Delay = false, 0
	}
	r.way = w
	close(r.change)
	r.change = make(chan struct{})
	if w.Cut {
		for conn := range r.conns {
			reset(conn)
		}
	}
}

// Packets is how many packets a route of ListenLossy has carried and lost.
func (r *Route) Packets() (carried, lost int64) { return r.link.Packets() }

// quality is what a link does to packets of the way.
func quality(w Way) lossy.Quality {
	if w.Hole {
		return lossy.Quality{Loss: 1}
	}
	return lossy.Quality{Delay: w.Delay, Loss: w.Loss}
}

// now returns the way and what is closed when it changes.
func (r *Route) now() (Way, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.way, r.change
}

// reset makes the peer see an error, not an orderly end.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	conn.Close()
}

func (r *Route) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		here, ok := conn.(*net.TCPConn)
		if !ok || !r.enter(here) {
			conn.Close()
			continue
		}
		r.serving.Go(func() {
			defer r.leave(here)
			r.serve(here)
		})
	}
}

func (r *Route) enter(conn *net.TCPConn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.way.Cut || r.closed {
		reset(conn)
		return false
	}
	r.conns[conn] = true
	return true
}

func (r *Route) leave(conn *net.TCPConn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
	reset(conn)
}

func (r *Route) serve(here *net.TCPConn) {
	life, end := context.WithCancelCause(context.Background())
	defer end(nil)
	there, err := r.dial(life)
	if err != nil {
		return
	}
	defer there.Close()
	var copying sync.WaitGroup
	for _, pair := range [][2]net.Conn{{here, there}, {there, here}} {
		copying.Go(func() {
			r.copy(life, pair[1], pair[0])
			end(net.ErrClosed)
			here.Close()
			there.Close()
		})
	}
	copying.Go(func() { r.resets(life, here) })
	copying.Wait()
}

// dial opens the way onwards.
func (r *Route) dial(ctx context.Context) (net.Conn, error) {
	if r.link != nil {
		return r.link.Open(ctx)
	}
	return r.reach(ctx)
}

// reach connects to the first target that answers.
func (r *Route) reach(ctx context.Context) (conn net.Conn, err error) {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	first := r.next.Add(1)
	for i := range r.targets {
		target := r.targets[(first+uint64(i))%uint64(len(r.targets))]
		network := "tcp"
		if target[0] == '/' {
			network = "unix"
		}
		if conn, err = dialer.DialContext(ctx, network, target); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// piece is bytes on their way.
type piece struct {
	data []byte
	read time.Time
}

// window is how many pieces are on the way at most, so that a sender is held
// back as by a real network.
const (
	window    = 64
	pieceSize = 32 << 10
)

func (r *Route) copy(life context.Context, to, from net.Conn) {
	pieces := make(chan piece, window)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer from.Close()
	reading.Go(func() {
		defer close(pieces)
		for {
			buffer := make([]byte, pieceSize)
			n, err := from.Read(buffer)
			if n > 0 {
				select {
				case pieces <- piece{buffer[:n], time.Now()}:
				case <-life.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	for p := range pieces {
		if !r.pass(life, p) {
			return
		}
		if _, err := to.Write(p.data); err != nil {
			return
		}
	}
}

// pass waits until the piece may go on.
func (r *Route) pass(life context.Context, p piece) bool {
	for {
		way, changed := r.now()
		var after <-chan time.Time
		if !way.Hole {
			wait := time.Until(p.read.Add(way.Delay))
			if wait <= 0 {
				return true
			}
			after = time.After(wait)
		}
		select {
		case <-after:
			return true
		case <-changed:
		case <-life.Done():
			return false
		}
	}
}

// resets breaks the connection from time to time while the way says so.
func (r *Route) resets(life context.Context, conn *net.TCPConn) {
	for {
		way, changed := r.now()
		var after <-chan time.Time
		if way.Reset > 0 {
			after = time.After(way.Reset/2 + rand.N(way.Reset))
		}
		select {
		case <-after:
			reset(conn)
			return
		case <-changed:
		case <-life.Done():
			return
		}
	}
}
