// Package managertest speaks a manager's side of the wire in tests.
package managertest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Client is a connection to an agent.
type Client struct {
	Rendezvous wire.Rendezvous
	Welcome    wire.ManagerWelcome

	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // of writes
}

// Read reads a rendezvous file.
func Read(file string) (wire.Rendezvous, error) {
	var r wire.Rendezvous
	data, err := os.ReadFile(file)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}

// Connect dials the agent of a rendezvous file without saying anything.
func Connect(ctx context.Context, file string) (*Client, error) {
	r, err := Read(file)
	if err != nil {
		return nil, err
	}
	dialer := tls.Dialer{Config: &tls.Config{
		InsecureSkipVerify: true, // the fingerprint is the check
		VerifyPeerCertificate: func(certs [][]byte, _ [][]*x509.Certificate) error {
			if sum := sha256.Sum256(certs[0]); hex.EncodeToString(sum[:]) != r.Fingerprint {
				return errors.New("the certificate is not the one of the rendezvous file")
			}
			return nil
		},
	}}
	conn, err := dialer.DialContext(ctx, "tcp", r.Addresses[0])
	if err != nil {
		return nil, err
	}
	return &Client{Rendezvous: r, conn: conn, in: bufio.NewReader(conn)}, nil
}

// Dial connects and says hello. What the hello leaves open about versions and
// secret is filled in.
func Dial(ctx context.Context, file string, hello wire.ManagerHello) (*Client, error) {
	c, err := Connect(ctx, file)
	if err != nil {
		return nil, err
	}
	hello.WireOldest, hello.WireNewest = wire.Oldest, wire.Version
	if hello.Secret == "" {
		hello.Secret = c.Rendezvous.Secret
	}
	if hello.Epoch == 0 {
		hello.Epoch = c.Rendezvous.Epoch
	}
	return c, c.Hello(hello)
}

// Hello sends the hello and reads the answer.
func (c *Client) Hello(hello wire.ManagerHello) error {
	if err := c.Send(wire.KindManagerHello, hello); err != nil {
		return err
	}
	frame, err := c.Recv()
	if err != nil {
		return err
	}
	if frame.Kind == wire.KindError {
		refused := &yonder.Error{}
		return errors.Join(frame.Decode(wire.KindError, refused), refused)
	}
	return frame.Decode(wire.KindManagerWelcome, &c.Welcome)
}

// Send writes a frame.
func (c *Client) Send(kind wire.Kind, header any, columns ...[]byte) error {
	frame, err := wire.NewFrame(kind, header, columns...)
	if err != nil {
		return err
	}
	return c.Write(frame.Bytes())
}

// Write writes bytes, which need not be a frame.
func (c *Client) Write(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.conn.Write(data)
	return err
}

// Recv reads the next frame.
func (c *Client) Recv() (wire.Frame, error) { return wire.Read(c.in, wire.MaxLocalFrame) }

// Expect reads frames, beats aside, up to the next, which must be of the kind.
func Expect[T any](c *Client, kind wire.Kind) (T, [][]byte, error) {
	var v T
	for {
		frame, err := c.Recv()
		if err != nil {
			return v, nil, fmt.Errorf("waiting for %v: %w", kind, err)
		}
		if frame.Kind == wire.KindBeat {
			continue
		}
		return v, frame.Columns, frame.Decode(kind, &v)
	}
}

// Close ends the connection.
func (c *Client) Close() { c.conn.Close() }
