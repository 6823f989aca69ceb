package service

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// pipe is a connection that comes from an address of its own choice.
type pipe struct {
	net.Conn

	from net.Addr
}

func (p pipe) RemoteAddr() net.Addr { return p.from }

type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) { return <-p, nil }
func (p pipes) Close() error              { return nil }
func (p pipes) Addr() net.Addr            { return nil }

func TestAnAddressHasABoundedNumberOfConnections(t *testing.T) {
	t.Parallel()
	incoming := make(pipes, 10)
	l := limitAddresses(incoming, 2)
	dial := func(ip string) net.Conn {
		ours, theirs := net.Pipe()
		incoming <- pipe{Conn: theirs, from: &net.TCPAddr{IP: net.ParseIP(ip), Port: 1}}
		return ours
	}
	accept := func() net.Conn {
		c, err := l.Accept()
		require.NoError(t, err)
		return c
	}
	dial("192.0.2.1")
	first := accept()
	dial("::ffff:192.0.2.1")
	accept()
	refused := dial("192.0.2.1")
	dial("192.0.2.2")
	require.Equal(t, "192.0.2.2:1", accept().RemoteAddr().String(), "others have places of their own")
	_, err := refused.Read(make([]byte, 1))
	require.Error(t, err, "what is over the bound is closed")
	for range 4 {
		dial("127.0.0.1")
		accept()
	}
	require.NoError(t, first.Close())
	_ = first.Close()
	dial("192.0.2.1")
	require.Equal(t, "192.0.2.1:1", accept().RemoteAddr().String(), "a place that is given back is used again")
	dial("192.0.2.1")
	dial("192.0.2.2")
	require.Equal(t, "192.0.2.2:1", accept().RemoteAddr().String(), "closing twice gives back once")
}
