package managers

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

const (
	helloTimeout = 15 * time.Second
	// maxHello bounds what a stranger can make us allocate; a hello lists all
	// that a manager holds.
	maxHello = 16 << 20
	// maxQueue bounds frames on their way to one manager. Work is bounded by
	// what it may be given ahead, so a full queue means that nobody reads.
	maxQueue = 1024
	// maxServing bounds bodies that one manager is sent at the same time.
	maxServing   = 4
	writeTimeout = time.Minute
	// readBuffer is for the heads of frames: what follows goes past it, and TLS
	// has a buffer of its own. Thousands of managers that say little have one each.
	readBuffer = 4 << 10
)

// outgoing is a frame to be sent, and where its column goes when it is.
type outgoing struct {
	wire.Frame

	column []byte
	back   chan<- []byte // has room for it
}

// conn is one manager's connection. One goroutine reads and one writes.
type conn struct {
	ctx    context.Context //nolint:containedctx // the connection's life, with the cause of its end
	cancel context.CancelCauseFunc
	raw    net.Conn
	in     *bufio.Reader
	out    chan *outgoing
	unsent atomic.Int64  // frames queued and not written yet
	gone   chan struct{} // closed after the desk was told
	cfg    Config
	bodies *semaphore.Weighted
}

func newConn(ctx context.Context, raw net.Conn, cfg Config) *conn {
	c := &conn{
		raw: raw, out: make(chan *outgoing, maxQueue), gone: make(chan struct{}), cfg: cfg,
		bodies: semaphore.NewWeighted(maxServing),
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

func (c *conn) handshake(certificate tls.Certificate) error {
	if err := c.raw.SetDeadline(time.Now().Add(helloTimeout)); err != nil {
		return fmt.Errorf("limiting the handshake: %w", err)
	}
	secure := tls.Server(c.raw, &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13,
	})
	if err := secure.HandshakeContext(c.ctx); err != nil {
		return fmt.Errorf("greeting a manager: %w", err)
	}
	c.raw = secure
	c.in = bufio.NewReaderSize(secure, readBuffer)
	context.AfterFunc(c.ctx, func() { secure.NetConn().Close() })
	return nil
}

// Send queues a frame.
func (c *conn) Send(kind wire.Kind, header any, columns ...[]byte) bool {
	frame, err := wire.NewFrame(kind, header, columns...)
	if err == nil && frame.Size() > wire.MaxLocalFrame {
		err = fmt.Errorf("a %v message of %d bytes is too large", kind, frame.Size())
	}
	if err != nil {
		c.cfg.Logger.Error("could not send to a manager", slog.Any("error", err))
		return false
	}
	c.unsent.Add(1)
	select {
	case <-c.ctx.Done():
		return false
	case c.out <- &outgoing{Frame: frame}:
		return true
	default:
		c.Close(yonder.Errorf(yonder.CodeTimeout, "the manager does not read what it is sent"))
		return false
	}
}

// stream is Send for bodies: it waits until there is room.
func (c *conn) stream(kind wire.Kind, header any, columns ...[]byte) error {
	frame, err := wire.NewFrame(kind, header, columns...)
	if err != nil {
		return err
	}
	return c.await(&outgoing{Frame: frame})
}

func (c *conn) await(next *outgoing) error {
	c.unsent.Add(1)
	select {
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	case c.out <- next:
		return nil
	}
}

// Close ends the connection; the first cause counts.
func (c *conn) Close(cause error) {
	c.cancel(cause)
	c.raw.Close()
}

// refuse tells why and closes. There is no writer yet.
func (c *conn) refuse(why error) {
	var told *yonder.Error
	if !errors.As(why, &told) || c.in == nil {
		return
	}
	if frame, err := wire.NewFrame(wire.KindError, told); err == nil {
		_, _ = c.raw.Write(frame.Bytes())
	}
}

// write sends what is queued, and a beat when nothing else was sent for long.
func (c *conn) write() {
	beat := time.NewTicker(c.cfg.Beat)
	defer beat.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case frame := <-c.out:
			if err := c.put(&frame.Frame); err != nil {
				c.Close(err)
				return
			}
			if frame.back != nil {
				frame.back <- frame.column
			}
			c.unsent.Add(-1)
		case <-beat.C:
			c.Send(wire.KindBeat, wire.Beat{})
		}
	}
}

func (c *conn) put(frame *wire.Frame) error {
	if err := c.raw.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("limiting a write: %w", err)
	}
	if _, err := frame.WriteTo(c.raw); err != nil {
		return fmt.Errorf("writing to a manager: %w", err)
	}
	return nil
}

// read handles frames until the connection ends or brings nonsense.
func (c *conn) read(s *Server, manager string) error {
	if err := c.raw.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("ending the handshake: %w", err)
	}
	serving := newServing(c, s.bodies)
	defer serving.wait()
	frames := wire.NewReader(c.in, wire.MaxLocalFrame)
	for {
		if err := c.raw.SetReadDeadline(time.Now().Add(3*c.cfg.Beat + time.Second)); err != nil {
			return fmt.Errorf("limiting a read: %w", err)
		}
		frame, err := frames.Next()
		if err != nil {
			c.Close(err)
			return err
		}
		if err := c.handle(s.desk, serving, manager, frame); err != nil {
			c.Close(err)
			return err
		}
	}
}

func (c *conn) handle(desk Desk, serving *serving, manager string, frame wire.Frame) error {
	switch frame.Kind {
	case wire.KindBeat:
		return with(frame, func(beat wire.Beat) error { desk.Beat(manager, beat); return nil })
	case wire.KindBegun:
		return with(frame, func(begun wire.Spans) error { desk.Begun(manager, begun.Spans); return nil })
	case wire.KindDone:
		return with(frame, func(done wire.Done) error { return c.done(desk, serving, manager, done, frame.Columns) })
	case wire.KindTailed:
		return with(frame, func(told wire.Tailed) error { return c.cfg.Tailed(manager, told, frame.Columns) })
	case wire.KindTaskView:
		return with(frame, func(view wire.TaskView) error {
			if viewer, ok := desk.(Viewer); ok {
				viewer.TaskView(manager, view)
			}
			return nil
		})
	case wire.KindNeed:
		return with(frame, serving.need)
	case wire.KindBlobChunk:
		return with(frame, func(chunk wire.BlobChunk) error { return serving.keep(chunk, frame.Columns) })
	default:
		return yonder.Errorf(yonder.CodeMalformedFrame, "a manager does not send %v messages", frame.Kind)
	}
}

func with[T any](frame wire.Frame, f func(T) error) error {
	var v T
	if err := frame.Decode(frame.Kind, &v); err != nil {
		return err
	}
	return f(v)
}

func (c *conn) done(desk Desk, serving *serving, manager string, done wire.Done, columns [][]byte) error {
	if len(columns) != len(done.Results) {
		return yonder.Errorf(yonder.CodeMalformedFrame, "%d payloads for %d results", len(columns), len(done.Results))
	}
	done, columns = serving.kept(done, columns)
	if err := desk.Done(manager, done, columns); err != nil {
		return err
	}
	if !c.Send(wire.KindDoneAck, wire.DoneAck{Seq: done.Seq}) {
		return context.Cause(c.ctx)
	}
	return nil
}
