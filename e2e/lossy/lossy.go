// Package lossy is a way between two places on which single packets are late
// and lost, without a kernel that does it and without root: two TCP/IP stacks in
// user space, joined by a link. Programs at its ends see what real ones do on a
// poor network: retransmissions, everything behind a lost packet held up,
// timeouts that double, connections that take seconds to open.
package lossy

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

// Link carries connections from its near end to whatever Dial reaches at its
// far end.
type Link struct {
	dial      func(context.Context) (net.Conn, error)
	near, far *host
	listener  *gonet.TCPListener
	wires     [2]*wire
	quality   atomic.Pointer[Quality]
	life      context.Context //nolint:containedctx // of the link: what it carries ends with it
	end       context.CancelCauseFunc
	running   sync.WaitGroup
}

// New sets up a link. The seed draws which packets are lost; which bytes these
// carry is a matter of time. Dial connects the far end.
func New(seed uint64, q Quality, dial func(context.Context) (net.Conn, error)) (*Link, error) {
	l := &Link{dial: dial}
	l.Set(q)
	var err error
	if l.near, err = newHost([4]byte{192, 0, 2, 1}); err != nil {
		return nil, err
	}
	if l.far, err = newHost([4]byte{192, 0, 2, 2}); err != nil {
		return nil, err
	}
	if l.listener, err = gonet.ListenTCP(l.far.stack, l.far.address, ipv4.ProtocolNumber); err != nil {
		return nil, fmt.Errorf("listening at the far end of a link: %w", err)
	}
	l.life, l.end = context.WithCancelCause(context.Background())
	for i, ends := range [][2]*host{{l.near, l.far}, {l.far, l.near}} {
		l.wires[i] = &wire{
			from: ends[0].port, to: ends[1].port, quality: &l.quality, late: make(chan packet, queue),
			draw: rand.New(rand.NewPCG(seed, uint64(i))),
		}
		l.running.Go(func() { l.wires[i].carry(l.life) })
	}
	l.running.Go(l.accept)
	return l, nil
}

// Set changes the link, for packets that are sent from now on.
func (l *Link) Set(q Quality) { l.quality.Store(&q) }

// Packets is how many packets were carried and lost, both ways.
func (l *Link) Packets() (carried, lost int64) {
	for _, w := range l.wires {
		carried, lost = carried+w.carried.Load(), lost+w.lost.Load()
	}
	return carried, lost
}

// Open opens a connection through the link.
func (l *Link) Open(ctx context.Context) (net.Conn, error) {
	conn, err := l.near.connect(ctx, l.far.address)
	if err != nil {
		return nil, fmt.Errorf("connecting through a link: %w", err)
	}
	return conn, nil
}

// Close aborts all connections and waits until nothing of the link runs.
func (l *Link) Close() {
	l.end(net.ErrClosed)
	l.listener.Close()
	l.near.end()
	l.far.end()
	l.running.Wait()
}

func (l *Link) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.running.Go(func() { l.serve(conn) })
	}
}

// serve joins what has arrived to what it wants to reach.
func (l *Link) serve(here net.Conn) {
	defer here.Close()
	there, err := l.dial(l.life)
	if err != nil {
		return
	}
	defer there.Close()
	stop := context.AfterFunc(l.life, func() {
		here.Close()
		there.Close()
	})
	defer stop()
	var copying sync.WaitGroup
	copying.Go(func() { pour(there, here) })
	copying.Go(func() { pour(here, there) })
	copying.Wait()
}

// pour copies to the end of what comes, and passes the end on.
func pour(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil {
		_ = half.CloseWrite() // the peer may be gone
		return
	}
	to.Close()
	from.Close()
}
