package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// resting is a task that rests for a minute after its first attempt.
func (b *bench) resting(epoch int64) yonder.ID {
	b.Helper()
	n := b.bundle(yonder.NewID(), 1)
	n.MaxAttempts, n.Retry = 3, yonder.Retry{Backoff: 60}
	spans := spansOf(b.submit(n))
	b.accept(epoch, spans...)
	b.report(wire.Report{Epoch: epoch, Lost: []wire.Loss{{Span: spans[0], Started: true, Code: yonder.CodeWorkerFailed}}})
	return n.ID.Task(0)
}

var retries = []behaviour{
	{"rest in the queue without being in its way", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		id := b.resting(epoch)
		task := b.task(id)
		require.Equal(b, yonder.RangeQueued, task.State)
		require.Equal(b, 2, task.Attempt)
		require.Equal(b, b.now.Add(time.Minute), *task.NotBefore)
		require.Empty(b, b.claim())
		claimable, err := b.Claimable(b.Context(), 10)
		require.NoError(b, err)
		require.Empty(b, claimable)
		require.Len(b, b.submit(b.bundle(yonder.NewID(), 1)), 1, "others are offered at once")
		e, err := b.Endpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, 1, e.Queued)
	}},
	{"wake in time", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		id := b.resting(epoch)
		wake := func(at time.Time) int {
			n, err := b.WakeTasks(b.Context(), at, 10)
			require.NoError(b, err)
			return n
		}
		require.Zero(b, wake(b.now.Add(time.Minute-time.Microsecond)))
		require.Empty(b, b.claim())
		require.Equal(b, 1, wake(b.now.Add(time.Minute)))
		require.Zero(b, wake(b.now.Add(time.Minute)))
		require.Nil(b, b.task(id).NotBefore)
		claimable, err := b.Claimable(b.Context(), 10)
		require.NoError(b, err)
		require.Equal(b, []yonder.ID{b.endpoint}, claimable)
		require.Equal(b, []wire.Span{{Bundle: id.Bundle(), Attempt: 2, Lo: 0, Hi: 1, Grant: 2}}, spansOf(b.claim()))
	}},
	{"wake when the clock was set back", func(b *bench) {
		b.resting(b.live(b.endpoint, 10))
		n, err := b.WakeTasks(b.Context(), b.now.Add(-time.Hour), 10)
		require.NoError(b, err)
		require.Equal(b, 1, n)
		require.Len(b, b.claim(), 1)
	}},
	{"leave no trace when they are cancelled", func(b *bench) {
		id := b.resting(b.live(b.endpoint, 10))
		answer, _, _, err := b.CancelTask(b.Context(), id)
		require.NoError(b, err)
		require.Equal(b, wire.Cancelled{Cancelled: 1}, answer)
		require.Len(b, b.submit(b.bundle(yonder.NewID(), 1)), 1, "the counters are right")
	}},
	{"follow the causes that the policy names", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		n := b.bundle(yonder.NewID(), 1)
		n.MaxAttempts, n.Retry = 3, yonder.Retry{On: []yonder.Code{yonder.CodeTaskLost}}
		spans := spansOf(b.submit(n))
		b.accept(epoch, spans...)
		b.report(wire.Report{Epoch: epoch, Lost: []wire.Loss{{
			Span: spans[0], Started: true, Code: yonder.CodeWorkerFailed, Message: "killed by signal 11",
		}}})
		task := b.task(n.ID.Task(0))
		require.Equal(b, yonder.CodeWorkerFailed, task.Code)
		require.Equal(b, "killed by signal 11 (attempt 1 of 3; its retry policy does not try again after worker_failed)", task.Message)
	}},
	{"are kept with the function", func(b *bench) {
		f := b.function
		f.ID, f.Retry = yonder.NewID(), yonder.Retry{MaxAttempts: 7, On: []yonder.Code{yonder.CodeWalltimeExceeded}, Backoff: 1.5}
		put, err := b.PutFunction(b.Context(), f, []byte("body of f"))
		require.NoError(b, err)
		require.Equal(b, b.function.ID, put.ID)
		require.Equal(b, f.Retry, put.Retry)
		again := f
		again.Retry = yonder.Retry{}
		put, err = b.PutFunction(b.Context(), again, []byte("body of f"))
		require.NoError(b, err)
		require.Equal(b, f.Retry, put.Retry, "a registration that says nothing changes nothing")
	}},
}
