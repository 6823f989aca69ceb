package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// hold is what an agent's journal says of spans.
func hold(state yonder.State, spans ...wire.Span) []wire.Holding {
	var held []wire.Holding
	for _, s := range spans {
		held = append(held, wire.Holding{Span: s, State: state})
	}
	return held
}

func (b *bench) reconcile(r wire.Reconcile) ([]wire.Span, store.Woken) {
	b.Helper()
	answer, woken, err := b.Reconcile(b.Context(), b.endpoint, r, b.now)
	require.NoError(b, err)
	return answer.Drop, woken
}

// assertNoError is for goroutines, which must not end the test.
func assertNoError(b *bench, err error) {
	b.Helper()
	if err != nil {
		b.Error(err)
	}
}

var sessions = []behaviour{
	{"opened again by the same instance keep their epoch", func(b *bench) {
		open := wire.SessionOpen{Instance: yonder.NewID(), Capacity: wire.Capacity{Tasks: 5, Bytes: 1 << 20}}
		epochs := make([]int64, 4)
		for i := range epochs {
			var err error
			epochs[i], err = b.OpenSession(b.Context(), b.endpoint, open, b.now)
			require.NoError(b, err)
			switch i {
			case 1:
				b.reconcile(wire.Reconcile{Epoch: epochs[i], Last: true})
			case 2:
				e, err := b.Endpoint(b.Context(), b.endpoint)
				require.NoError(b, err)
				require.True(b, e.Online)
				require.NoError(b, b.CloseSession(b.Context(), b.endpoint, epochs[i], b.now))
			}
		}
		require.Equal(b, []int64{1, 1, 1, 2}, epochs, "after closing it is a new session")
	}},
	{"adopt what their agent holds", func(b *bench) {
		old := b.live(b.endpoint, 20)
		group := yonder.NewID()
		running := b.started(old, group, 2)
		offered := spansOf(b.submit(b.bundle(group, 2)))
		accepted := spansOf(b.submit(b.bundle(group, 2)))
		b.accept(old, accepted...)
		epoch := b.open(b.endpoint, 20)
		drop, woken := b.reconcile(wire.Reconcile{Epoch: epoch, Held: hold(yonder.RangeStarted, running)})
		require.Empty(b, drop)
		require.Empty(b, woken)
		drop, _ = b.reconcile(wire.Reconcile{
			Epoch: epoch, Last: true,
			Held: append(hold(yonder.RangeAccepted, accepted...), hold(yonder.RangeStarted, offered...)...),
		})
		require.Empty(b, drop)
		require.Equal(b, yonder.RangeAccepted, b.task(accepted[0].Bundle.Task(0)).State)
		require.Equal(b, yonder.RangeStarted, b.task(offered[0].Bundle.Task(1)).State)
		require.Empty(b, b.succeed(epoch, running, offered[0], accepted[0]))
	}},
	{"are renewed by heartbeats of many at once, each by its own", func(b *bench) {
		const endpoints = 40
		later := b.now.Add(7 * time.Second)
		var beating sync.WaitGroup
		for i := range endpoints {
			endpoint := b.newEndpoint(fmt.Sprintf("many-%d", i))
			epoch := b.live(endpoint, 5)
			beating.Go(func() {
				for slots := range i + 1 { // the last one counts
					_, _, err := b.Heartbeat(b.Context(), endpoint, wire.Heartbeat{
						Epoch: epoch, Capacity: wire.Capacity{Tasks: 5 + i}, Status: wire.Status{Slots: slots},
					}, later)
					assertNoError(b, err)
				}
				e, err := b.Endpoint(b.Context(), endpoint) // it is there as soon as the heartbeat is answered
				assertNoError(b, err)
				if e.Status == nil || e.Status.Slots != i || !e.LastSeen.Equal(later) {
					b.Errorf("endpoint %d: %+v, seen %s", i, e.Status, e.LastSeen)
				}
			})
		}
		beating.Wait()
		_, _, err := b.Heartbeat(b.Context(), b.endpoint, wire.Heartbeat{Epoch: 99}, later)
		requireCode(b, yonder.CodeSessionFenced, err)
		_, _, err = b.Heartbeat(b.Context(), nextID(), wire.Heartbeat{Epoch: 1}, later)
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"know whether tasks wait", func(b *bench) {
		waits := func() bool {
			waits, err := b.Waits(b.Context(), b.endpoint)
			require.NoError(b, err)
			return waits
		}
		require.False(b, waits())
		b.submit(b.bundle(nextID(), 3))
		require.True(b, waits(), "nobody is there to take them")
		b.live(b.endpoint, 20)
		require.Len(b, b.claim(), 1)
		require.False(b, waits())
		_, err := b.Waits(b.Context(), nextID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"lose what their agent does not hold", func(b *bench) {
		old := b.live(b.endpoint, 20)
		group := yonder.NewID()
		running := b.started(old, group, 1)
		offered := spansOf(b.submit(b.bundle(group, 1)))
		last := b.bundle(group, 1)
		last.MaxAttempts = 1
		b.accept(old, spansOf(b.submit(last))...)
		epoch := b.open(b.endpoint, 20)
		_, woken := b.reconcile(wire.Reconcile{Epoch: epoch, Last: true})
		require.Equal(b, store.Woken{group}, woken)
		require.Equal(b, yonder.CodeTaskLost, b.task(last.ID.Task(0)).Code)
		again := spansOf(b.claim())
		running.Attempt = 2
		require.ElementsMatch(b, ungranted(running, offered[0]), ungranted(again...))
	}},
	{"tell their agent what to drop", func(b *bench) {
		old := b.live(b.endpoint, 20)
		done := b.started(old, yonder.NewID(), 1)
		b.succeed(old, done)
		held := b.started(old, yonder.NewID(), 1)
		foreign := wire.Span{Bundle: yonder.NewBundleID(), Attempt: 1, Lo: 0, Hi: 1}
		wrongGrant := b.started(old, yonder.NewID(), 1)
		wrongGrant.Grant += 9
		epoch := b.open(b.endpoint, 20)
		drop, _ := b.reconcile(wire.Reconcile{Epoch: epoch, Last: true, Held: append(
			hold(yonder.RangeStarted, done, held, foreign), hold(yonder.RangeStarted, wrongGrant)...)})
		b.same([]wire.Span{done, foreign, wrongGrant}, drop)
	}},
	{"may reconcile twice", func(b *bench) {
		old := b.live(b.endpoint, 20)
		running := b.started(old, yonder.NewID(), 1)
		epoch := b.open(b.endpoint, 20)
		r := wire.Reconcile{Epoch: epoch, Last: true, Held: hold(yonder.RangeStarted, running)}
		b.reconcile(r)
		drop, woken := b.reconcile(r)
		require.Empty(b, drop)
		require.Empty(b, woken)
		require.Equal(b, yonder.RangeStarted, b.task(running.Bundle.Task(0)).State)
	}},
	{"take results while they reconcile", func(b *bench) {
		old := b.live(b.endpoint, 20)
		running := b.started(old, yonder.NewID(), 1)
		epoch := b.open(b.endpoint, 20)
		require.Empty(b, b.succeed(epoch, running))
	}},
	{"go silent and are heard again", func(b *bench) {
		epoch := b.live(b.endpoint, 20)
		running := b.started(epoch, yonder.NewID(), 1)
		n, err := b.Silence(b.Context(), b.now, 0)
		require.NoError(b, err)
		require.Zero(b, n)
		n, err = b.Silence(b.Context(), b.now.Add(time.Second), 0)
		require.NoError(b, err)
		require.Equal(b, 1, n)
		e, err := b.Endpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, yonder.SessionSilent, e.Session)
		require.False(b, e.Online)
		require.Empty(b, b.submit(b.bundle(yonder.NewID(), 1)), "nothing is offered to a silent session")
		require.Empty(b, b.claim())
		require.Equal(b, yonder.RangeStarted, b.task(running.Bundle.Task(0)).State, "silence ends nothing")

		_, _, err = b.Heartbeat(b.Context(), b.endpoint, wire.Heartbeat{Epoch: epoch, Capacity: wire.Capacity{Tasks: 20, Bytes: 1 << 20}}, b.now)
		require.NoError(b, err)
		require.Len(b, b.claim(), 1)
	}},
	{"close with their offers returned and the rest kept", func(b *bench) {
		epoch := b.live(b.endpoint, 20)
		running := b.started(epoch, yonder.NewID(), 1)
		offered := spansOf(b.submit(b.bundle(yonder.NewID(), 2)))
		require.NoError(b, b.CloseSession(b.Context(), b.endpoint, epoch, b.now))
		require.NoError(b, b.CloseSession(b.Context(), b.endpoint, epoch, b.now), "goodbye may be said twice")
		require.Equal(b, yonder.RangeQueued, b.task(offered[0].Bundle.Task(0)).State)
		require.Equal(b, yonder.RangeStarted, b.task(running.Bundle.Task(0)).State)
		require.Empty(b, b.claim())
		_, _, err := b.Heartbeat(b.Context(), b.endpoint, wire.Heartbeat{Epoch: epoch}, b.now)
		requireCode(b, yonder.CodeSessionFenced, err)

		next := b.open(b.endpoint, 20)
		drop, _ := b.reconcile(wire.Reconcile{Epoch: next, Last: true, Held: hold(yonder.RangeStarted, running)})
		require.Empty(b, drop)
		require.Empty(b, b.succeed(next, running))
	}},
	{"go silent after the clock was set back", func(b *bench) {
		epoch := b.live(b.endpoint, 20)
		b.now = b.now.Add(-time.Hour)
		silence := func() int {
			n, err := b.Silence(b.Context(), b.now, time.Minute)
			require.NoError(b, err)
			return n
		}
		require.Zero(b, silence(), "it was heard of just now")
		e, err := b.Endpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, b.now, e.LastSeen.UTC())
		_, _, err = b.Heartbeat(b.Context(), b.endpoint, wire.Heartbeat{Epoch: epoch, Capacity: wire.Capacity{Tasks: 20, Bytes: 64 << 20}}, b.now)
		require.NoError(b, err)
		b.now = b.now.Add(2 * time.Minute)
		require.Equal(b, 1, silence())
	}},
	{"that are silent can close", func(b *bench) {
		epoch := b.live(b.endpoint, 20)
		_, err := b.Silence(b.Context(), b.now.Add(time.Second), 0)
		require.NoError(b, err)
		require.NoError(b, b.CloseSession(b.Context(), b.endpoint, epoch, b.now))
	}},
}
