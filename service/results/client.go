package results

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/fabric"
	"github.com/yonder-run/yonder/wire"
)

// client is one client's stream. One goroutine owns everything but the
// connection: send.
type client struct {
	streams    *Streams
	ws         *websocket.Conn
	conn       context.Context //nolint:containedctx // of the connection: ending it cuts the line
	session    *session
	access     Access
	subscribes chan wire.Subscribe
	watch      *Watch
	writing    atomic.Bool // a frame is being sent
	busy       atomic.Bool // a frame was sent since the last ping
	cursors    map[yonder.ID]int64
	found      bool // results, since the last look without a hint
}

func newClient(s *Streams, ws *websocket.Conn, one *session, access Access) *client {
	return &client{
		streams: s, ws: ws, session: one, access: access,
		subscribes: make(chan wire.Subscribe, subscribeRoom),
		watch:      s.Hub.Watch(),
		cursors:    map[yonder.ID]int64{},
	}
}

// errBye ends a stream that the client has closed.
var errBye = errors.New("the client closed the stream")

// listen hands on what the client sends.
func (c *client) listen(ctx context.Context) error {
	for {
		_, data, err := c.ws.Read(c.conn)
		if err != nil {
			return errors.Join(errBye, err)
		}
		var subscribe wire.Subscribe
		if err := json.Unmarshal(data, &subscribe); err != nil || subscribe.Group.IsZero() || subscribe.Cursor < 0 {
			return yonder.Errorf(yonder.CodeInvalidRequest, `the stream takes messages like {"group": "<id>", "cursor": 0}`)
		}
		select {
		case c.subscribes <- subscribe:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ping looks for clients that are gone where nothing is sent that would show
// it. Beside a frame that a slow client takes its time for, a ping would not
// get through and fail.
func (c *client) ping(ctx context.Context) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if c.busy.Swap(c.writing.Load()) {
				continue
			}
			limited, cancel := context.WithTimeout(c.conn, writeTimeout)
			err := c.ws.Ping(limited)
			cancel()
			if err != nil {
				return errors.Join(errBye, err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// send waits for a reason to look: the client asked for a group (subscribes),
// results came (watch), a hint may be lost (poll), the token may have ended
// (check and recheck), the stream is over (ctx).
func (c *client) send(ctx context.Context) error {
	poll := newPoll()
	defer poll.Stop()
	recheck := time.NewTicker(recheckEvery)
	defer recheck.Stop()
	for {
		var err error
		select {
		case subscribe := <-c.subscribes:
			err = c.subscribe(ctx, subscribe)
		case <-c.watch.C:
			err = c.look(ctx)
		case <-poll.C:
			poll.next(c.found)
			c.found = false
			c.watch.MarkAll()
		case <-c.session.check:
			err = c.access.Still(ctx)
		case <-recheck.C:
			err = c.access.Still(ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (c *client) subscribe(ctx context.Context, s wire.Subscribe) error {
	if s.Stop {
		c.watch.Remove(s.Group)
		delete(c.cursors, s.Group)
		return nil
	}
	_, known := c.cursors[s.Group]
	if !known && len(c.cursors) >= c.streams.MaxGroups {
		return c.refuse(s.Group, yonder.Errorf(yonder.CodeLimitReached, "a stream follows at most %d groups", c.streams.MaxGroups))
	}
	if err := c.access.Group(ctx, s.Group); err != nil {
		return c.refuse(s.Group, err)
	}
	c.cursors[s.Group] = s.Cursor
	c.watch.Add(s.Group)
	return nil
}

// refuse says that a group cannot be followed; the stream goes on.
func (c *client) refuse(group yonder.ID, err error) error {
	public := *yonder.Public(err)
	public.Field = group.String()
	return c.write(fabric.ErrorFrame(&public))
}

// look sends a page of each group that has news, in turns, so that a group
// with many results does not hold up the others.
func (c *client) look(ctx context.Context) error {
	for marks := c.watch.take(); len(marks) > 0; marks = marks[1:] {
		if err := c.session.still(ctx, c.access); err != nil {
			return err
		}
		group := marks[0].group
		cursor, known := c.cursors[group]
		if !known {
			continue
		}
		page, columns, err := c.streams.next(ctx, marks[0], cursor)
		if yonder.CodeOf(err) == yonder.CodeResultExpired {
			c.watch.Remove(group)
			delete(c.cursors, group)
			if err := c.refuse(group, err); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if len(page.Entries) == 0 {
			continue
		}
		frame, err := wire.NewFrame(wire.KindResult, page, columns...)
		if err != nil {
			return err
		}
		if err := c.write(frame); err != nil {
			return err
		}
		c.cursors[group] = page.Cursor
		c.found = true
		marks = append(marks, marks[0])
	}
	return nil
}

func (c *client) write(frame wire.Frame) error {
	ctx, cancel := context.WithTimeoutCause(c.conn, writeTimeout, errors.New("the client does not read"))
	defer cancel()
	c.writing.Store(true)
	c.busy.Store(true)
	defer c.writing.Store(false)
	if err := c.ws.Write(ctx, websocket.MessageBinary, frame.Bytes()); err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return nil
}

// finish tells the client why the stream ends, and so whether it is of use to
// connect again.
func (c *client) finish(cause error) {
	public := yonder.Public(cause)
	switch {
	case errors.Is(cause, errBye):
		_ = c.ws.CloseNow()
	case errors.Is(cause, errStopping):
		_ = c.ws.Close(websocket.StatusServiceRestart, public.Message)
	case public.Code.Info().HTTP < http.StatusInternalServerError:
		_ = c.write(fabric.ErrorFrame(public))
		_ = c.ws.Close(websocket.StatusPolicyViolation, string(public.Code))
	default:
		c.streams.Log.WarnContext(c.conn, "stream failed", "error", cause)
		_ = c.ws.Close(websocket.StatusTryAgainLater, string(public.Code))
	}
}
