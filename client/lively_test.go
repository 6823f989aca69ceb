package client

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func TestAStreamLeavesAConnectionThatSaysNothing(t *testing.T) {
	t.Parallel()
	group, connections := yonder.NewID(), 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer ws.CloseNow()
		connections++
		if _, _, err := ws.Read(r.Context()); err != nil { // the group that is followed
			return
		}
		if connections == 2 {
			page := wire.ResultPage{Group: group, Cursor: 1, Entries: []wire.ResultEntry{{Cursor: 1}}}
			frame, err := wire.NewFrame(wire.KindResult, page, []byte("value"))
			if err != nil || ws.Write(r.Context(), websocket.MessageBinary, frame.Bytes()) != nil {
				return
			}
		}
		_, _, _ = ws.Read(r.Context()) // until the client goes
	}))
	t.Cleanup(server.Close)
	c, err := New(server.URL, "token")
	require.NoError(t, err)
	c.silence = 50 * time.Millisecond
	s := c.Stream()
	t.Cleanup(s.Close)
	require.NoError(t, s.Follow(t.Context(), group, 0))
	page, err := s.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("value")}, page.Payloads)
}
