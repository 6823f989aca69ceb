package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/coder/websocket"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Page is a run of results of one group; Payloads[i] belongs to Entries[i].
type Page struct {
	wire.ResultPage
	Payloads [][]byte
}

// Stream follows the results of any number of groups over one connection,
// which it makes again whenever it breaks: nothing is missed or repeated.
type Stream struct {
	client *Client
	mu     sync.Mutex
	conn   *websocket.Conn
	groups map[yonder.ID]int64 // cursor of the last entry given to the caller
}

// Stream returns a stream that follows no group yet.
func (c *Client) Stream() *Stream { return &Stream{client: c, groups: map[yonder.ID]int64{}} }

// Follow adds a group, from after the cursor on.
func (s *Stream) Follow(ctx context.Context, group yonder.ID, cursor int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[group] = cursor
	if s.conn == nil {
		return nil // the next connection subscribes to all
	}
	return subscribe(ctx, s.conn, wire.Subscribe{Group: group, Cursor: cursor})
}

// Next returns the next page, however long that takes; it ends with the
// context or with an error that the service gave. One caller at a time.
func (s *Stream) Next(ctx context.Context) (Page, error) {
	return backoff.Retry(ctx, func() (Page, error) { //nolint:wrapcheck // a *yonder.Error or the context's
		page, err := s.read(ctx)
		var refusal *yonder.Error
		if err != nil && (ctx.Err() != nil || errors.As(err, &refusal) && refusal.Code != yonder.CodeUnavailable) {
			return page, backoff.Permanent(err)
		}
		return page, err
	}, backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 50 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 5 * time.Second,
	}))
}

// Close ends the stream's connection; Next would make another one.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(s.conn)
}

func (s *Stream) read(ctx context.Context) (Page, error) {
	conn, err := s.connect(ctx)
	if err != nil {
		return Page{}, err
	}
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			s.mu.Lock()
			s.drop(conn)
			s.mu.Unlock()
			return Page{}, yonder.Errorf(yonder.CodeUnavailable, "the stream of results broke: %w", err)
		}
		page, err := decodePage(data)
		if err != nil || s.advance(&page) {
			return page, err
		}
	}
}

// advance moves the group's cursor, and says whether the page has news.
func (s *Stream) advance(page *Page) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, followed := s.groups[page.Group]
	for len(page.Entries) > 0 && page.Entries[0].Cursor <= last {
		page.Entries, page.Payloads = page.Entries[1:], page.Payloads[1:]
	}
	if !followed || len(page.Entries) == 0 {
		return false
	}
	s.groups[page.Group] = page.Cursor
	return true
}

// TryStream opens a WebSocket and closes it again: whether one gets through,
// which an agent needs too.
func (c *Client) TryStream(ctx context.Context) error {
	s := c.Stream()
	conn, err := s.connect(ctx)
	if err == nil {
		s.drop(conn)
	}
	return err
}

func (s *Stream) connect(ctx context.Context) (*websocket.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return s.conn, nil
	}
	header := http.Header{}
	s.client.authorise(header)
	conn, resp, err := websocket.Dial(ctx, s.client.base.JoinPath("/v1/stream").String(), //nolint:bodyclose // closed by the library
		&websocket.DialOptions{HTTPClient: s.client.streaming(), HTTPHeader: header})
	if err != nil {
		if resp != nil && resp.StatusCode >= http.StatusBadRequest && resp.Body != nil {
			return nil, answerError(s.client.base, resp)
		}
		if resp != nil {
			return nil, yonder.Errorf(yonder.CodeUnavailable,
				"a WebSocket to %s cannot be opened, the answer was %q: a proxy in between has to let WebSockets through", s.client.base, resp.Status)
		}
		return nil, Unreachable(s.client.base, err)
	}
	conn.SetReadLimit(wire.MaxLocalFrame)
	for group, cursor := range s.groups {
		if err := subscribe(ctx, conn, wire.Subscribe{Group: group, Cursor: cursor}); err != nil {
			s.drop(conn)
			return nil, err
		}
	}
	s.conn = conn
	return conn, nil
}

// drop forgets the connection; s.mu is held.
func (s *Stream) drop(conn *websocket.Conn) {
	if conn != nil {
		_ = conn.CloseNow()
	}
	if s.conn == conn {
		s.conn = nil
	}
}

func subscribe(ctx context.Context, conn *websocket.Conn, sub wire.Subscribe) error {
	data, err := json.Marshal(sub)
	if err != nil {
		return fmt.Errorf("encoding subscription: %w", err)
	}
	if err := conn.Write(ctx, websocket.MessageText, data); err != nil {
		return yonder.Errorf(yonder.CodeUnavailable, "subscribing to results: %w", err)
	}
	return nil
}

func decodePage(data []byte) (Page, error) {
	frame, err := wire.Parse(data)
	if err != nil {
		return Page{}, fmt.Errorf("reading results: %w", err)
	}
	if frame.Kind == wire.KindError {
		var e yonder.Error
		if err := frame.Decode(wire.KindError, &e); err != nil {
			return Page{}, fmt.Errorf("reading an error: %w", err)
		}
		return Page{}, &e
	}
	page := Page{Payloads: frame.Columns}
	if err := frame.Decode(wire.KindResult, &page.ResultPage); err != nil {
		return Page{}, fmt.Errorf("reading results: %w", err)
	}
	if len(page.Entries) != len(page.Payloads) {
		return Page{}, yonder.Errorf(yonder.CodeMalformedFrame, "%d results with %d payloads", len(page.Entries), len(page.Payloads))
	}
	return page, nil
}
