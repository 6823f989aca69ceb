package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// defaultSilence is how long the connection of a stream may say nothing before
// it counts as dead: the service sends a ping at least every 40 s, and a network
// that forgets a connection tells nobody.
const defaultSilence = 90 * time.Second

// streaming is the HTTP client for connections that last: one of somebody
// else's that dials in its own way stays as it is.
func (c *Client) streaming() *http.Client {
	transport, ok := c.http.Transport.(*http.Transport)
	if !ok || transport.DialContext != nil {
		return c.http
	}
	transport = transport.Clone()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err //nolint:wrapcheck // whoever connects says what it means
		}
		return lively{conn, c.silence}, nil
	}
	once := *c.http
	once.Transport = transport
	return &once
}

// lively is a connection whose reads fail after a silence. A large message over
// a slow link is none: each of its pieces counts.
type lively struct {
	net.Conn

	silence time.Duration
}

func (l lively) Read(b []byte) (int, error) {
	if err := l.SetReadDeadline(time.Now().Add(l.silence)); err != nil {
		return 0, fmt.Errorf("limiting the silence of a stream: %w", err)
	}
	return l.Conn.Read(b) //nolint:wrapcheck // a connection's own error
}
