package service

import (
	"net"
	"net/netip"
	"sync"
)

// addressLimit lets each address have a bounded number of connections, so that
// one cannot take all that there are before anybody has said who it is. What
// is over the bound is closed at once. This machine's own connections, a proxy
// on it among them, are not bounded here.
type addressLimit struct {
	net.Listener

	most int

	mu   sync.Mutex
	open map[netip.Addr]int
}

func limitAddresses(l net.Listener, most int) net.Listener {
	return &addressLimit{Listener: l, most: most, open: map[netip.Addr]int{}}
}

// Accept returns the next connection that is within its address's bound.
func (l *addressLimit) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err //nolint:wrapcheck // stands in for the listener
		}
		from, err := netip.ParseAddrPort(conn.RemoteAddr().String())
		if address := from.Addr().Unmap().WithZone(""); err == nil && !address.IsLoopback() {
			if !l.enter(address) {
				_ = conn.Close()
				continue
			}
			return &countedConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(address) })}, nil
		}
		return conn, nil
	}
}

func (l *addressLimit) enter(address netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[address] >= l.most {
		return false
	}
	l.open[address]++
	return true
}

func (l *addressLimit) leave(address netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[address]--; l.open[address] == 0 {
		delete(l.open, address)
	}
}

type countedConn struct {
	net.Conn

	leave func()
}

// Close gives the place back.
func (c *countedConn) Close() error {
	defer c.leave()
	return c.Conn.Close() //nolint:wrapcheck // stands in for the connection
}
