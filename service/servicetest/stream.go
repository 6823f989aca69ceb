package servicetest

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/wire"
)

// Stream is a client's stream of results.
type Stream struct{ *websocket.Conn }

// Stream opens one.
func (s *Service) Stream(tb testing.TB, token string) *Stream {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ws, answer, err := websocket.Dial(ctx, s.URL()+"/v1/stream", &websocket.DialOptions{
		HTTPClient: s.HTTP(), HTTPHeader: http.Header{"Authorization": {"Bearer " + token}},
	})
	require.NoError(tb, err)
	if answer.Body != nil {
		defer answer.Body.Close()
	}
	ws.SetReadLimit(-1)
	tb.Cleanup(func() { _ = ws.CloseNow() })
	return &Stream{ws}
}

// Subscribe sends a message.
func (s *Stream) Subscribe(tb testing.TB, message wire.Subscribe) {
	tb.Helper()
	data, err := json.Marshal(message)
	require.NoError(tb, err)
	require.NoError(tb, s.Write(context.Background(), websocket.MessageText, data))
}

// Frame returns the next frame.
func (s *Stream) Frame(tb testing.TB) (wire.Frame, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, data, err := s.Read(ctx)
	if err != nil {
		return wire.Frame{}, err
	}
	return wire.Parse(data)
}

// Next returns the next page of results.
func (s *Stream) Next(tb testing.TB) (wire.ResultPage, [][]byte) {
	tb.Helper()
	frame, err := s.Frame(tb)
	require.NoError(tb, err)
	var page wire.ResultPage
	require.NoError(tb, frame.Decode(wire.KindResult, &page), "%s", frame.Header)
	return page, frame.Columns
}
