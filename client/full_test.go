package client_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

const full = `{"code":"limit_reached","message":"full","field":"queued_tasks","reached":{"limit":"queued_tasks","current":7,"maximum":8}}`

// crowded is full twice, and then has room.
func crowded(t *testing.T, options ...client.Option) (*client.Client, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) <= 2 {
			w.Header().Set("Retry-After", "0")
			answer(w, http.StatusTooManyRequests, full)
			return
		}
		answer(w, http.StatusAccepted, `{"bundles":[{"tasks":1}]}`)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, "secret", append(options, client.WithHTTPClient(server.Client()))...)
	require.NoError(t, err)
	return c, &asked
}

func TestAFullQueueIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	c, asked := crowded(t)
	_, err := c.SubmitCalls(t.Context(), wire.Bundle{}, wire.Call{})
	require.Equal(t, yonder.CodeLimitReached, yonder.CodeOf(err))
	require.Equal(t, &yonder.Reached{Limit: yonder.LimitQueuedTasks, Current: 7, Maximum: 8}, yonder.Public(err).Reached)
	require.EqualValues(t, 1, asked.Load())
}

func TestAFullQueueIsWaitedFor(t *testing.T) {
	t.Parallel()
	told := 0
	c, asked := crowded(t, client.WaitWhenFull(func(reason *yonder.Error) {
		told++
		require.Equal(t, "full", reason.Message)
	}))
	submitted, err := c.SubmitCalls(t.Context(), wire.Bundle{}, wire.Call{})
	require.NoError(t, err)
	require.Len(t, submitted.Bundles, 1)
	require.EqualValues(t, 3, asked.Load())
	require.Equal(t, 1, told, "it says so once")
}

func TestWaitingForRoomEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	c, _ := crowded(t, client.WaitWhenFull(func(*yonder.Error) { cancel(nil) }))
	_, err := c.SubmitCalls(ctx, wire.Bundle{}, wire.Call{})
	require.Equal(t, yonder.CodeLimitReached, yonder.CodeOf(err))
}
