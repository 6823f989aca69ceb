package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func (b *bench) pause(p *yonder.Pause) wire.Turn {
	b.Helper()
	turn, err := b.PauseEndpoint(b.Context(), b.endpoint, p, b.now)
	require.NoError(b, err)
	return turn
}

var pauses = []behaviour{
	{"gives nothing out until it ends", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		running := b.started(epoch, yonder.NewID(), 1)
		offered := spansOf(b.submit(b.bundle(yonder.NewID(), 2)))
		pause := &yonder.Pause{Drain: true, Exit: true, Reason: "a new disk", Since: b.now}
		require.Equal(b, wire.Turn{Number: 1, Paused: pause}, b.pause(pause))
		require.Equal(b, offered, b.refused(epoch, offered...), "what was only offered is back in the queue")

		submitted, err := b.Submit(b.Context(), newBundles(b, 1))
		require.NoError(b, err)
		require.Empty(b, submitted.Offered)
		require.Equal(b, pause, submitted.Bundles[0].Paused)
		require.Empty(b, b.claim())
		claimable, err := b.Claimable(b.Context(), 10)
		require.NoError(b, err)
		require.Empty(b, claimable)
		require.Empty(b, b.succeed(epoch, running), "what runs goes on")

		require.Equal(b, wire.Turn{Number: 2}, b.pause(nil))
		require.Len(b, b.claim(), 2)
	}},
	{"is told to agents, those that come later too", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		pause := &yonder.Pause{Reason: "a new disk", Since: b.now}
		b.pause(pause)
		reply, _, err := b.Heartbeat(b.Context(), b.endpoint, wire.Heartbeat{Epoch: epoch}, b.now)
		require.NoError(b, err)
		require.Equal(b, wire.Turn{Number: 1, Paused: pause}, reply.Turn)
		epoch = b.open(b.endpoint, 10)
		answer, _, err := b.Reconcile(b.Context(), b.endpoint, wire.Reconcile{Epoch: epoch, Last: true}, b.now)
		require.NoError(b, err)
		require.Equal(b, wire.Turn{Number: 1, Paused: pause}, answer.Turn)
		e, err := b.Endpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, pause, e.Paused)
	}},
	{"of an endpoint that is not there fails", func(b *bench) {
		_, err := b.PauseEndpoint(b.Context(), yonder.NewID(), nil, time.Now())
		requireCode(b, yonder.CodeNotFound, err)
	}},
}
