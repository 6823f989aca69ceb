package lease_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/lease"
	"github.com/yonder-run/yonder/wire"
)

// span is of the first offer, unheld one of a range that is queued.
func span(attempt, lo, hi int) wire.Span {
	return wire.Span{Attempt: attempt, Lo: lo, Hi: hi, Grant: 1}
}

func unheld(attempt, lo, hi int) wire.Span { return wire.Span{Attempt: attempt, Lo: lo, Hi: hi} }

func bundle(tasks, maxAttempts int) *lease.Bundle {
	return lease.New(yonder.ID{}, tasks, maxAttempts, 1)
}

func states(b *lease.Bundle) map[yonder.State]int {
	out := map[yonder.State]int{}
	for _, r := range b.Ranges {
		out[r.State] += r.Hi - r.Lo
	}
	return out
}

func TestRangesSplitAndJoin(t *testing.T) {
	t.Parallel()
	b := bundle(10, 3)
	require.Equal(t, []wire.Span{span(1, 2, 5)}, b.Offer(1, 1, 2, 5))
	require.Equal(t, []wire.Span{span(1, 0, 2), span(1, 5, 10)}, b.Offer(1, 1, 0, 10))
	require.Len(t, b.Ranges, 1)

	require.Empty(t, b.Accept(1, span(1, 0, 10)))
	require.Equal(t, []wire.Span{span(1, 4, 6)}, b.Result(span(1, 4, 6)))
	require.Len(t, b.Ranges, 2)
	require.Equal(t, 8, b.Remaining())
	require.NoError(t, b.Check())
}

func TestAResultCountsOnce(t *testing.T) {
	t.Parallel()
	b := bundle(4, 3)
	b.Offer(1, 1, 0, 4)
	require.Empty(t, b.Result(span(1, 0, 4)), "nobody has accepted it")
	b.Accept(1, span(1, 0, 4))
	require.Equal(t, []wire.Span{span(1, 1, 3)}, b.Result(span(1, 1, 3)))
	require.Equal(t, []wire.Span{span(1, 0, 1), span(1, 3, 4)}, b.Result(span(1, 0, 4)))
	require.Empty(t, b.Result(span(1, 0, 4)))
	require.Zero(t, b.Remaining())
}

func TestALateResultCountsUntilANewerAttemptIsAccepted(t *testing.T) {
	t.Parallel()
	b := bundle(3, 2)
	b.Offer(1, 1, 0, 3)
	b.Accept(1, span(1, 0, 3))
	require.Equal(t, lease.Ended{
		Attempts: []lease.Attempt{{Span: span(1, 0, 3), State: yonder.RangeAccepted, Since: 1}},
	}, b.Lose(1, span(1, 0, 3), true, yonder.CodeTaskLost))
	require.Equal(t, []wire.Span{span(1, 0, 1)}, b.Result(span(1, 0, 1)), "while queued again")
	b.Offer(1, 1, 1, 3)
	require.Equal(t, []wire.Span{span(1, 1, 2)}, b.Result(span(1, 1, 2)), "while offered again")
	require.Equal(t, []wire.Span{span(2, 1, 2)}, b.Accept(1, span(2, 1, 3)), "its task is done")
	require.Empty(t, b.Result(span(1, 2, 3)), "the second attempt is accepted")
	require.Equal(t, []wire.Span{span(2, 2, 3)}, b.Result(span(2, 2, 3)))
}

func TestTheLastAttemptExhausts(t *testing.T) {
	t.Parallel()
	b := bundle(2, 1)
	b.Offer(1, 1, 0, 2)
	b.Accept(1, span(1, 0, 2))
	require.Equal(t, lease.Ended{}, b.Lose(1, span(1, 0, 1), false, yonder.CodeTaskLost), "it never started: no attempt is spent")
	require.Equal(t, []wire.Span{span(1, 1, 2)}, b.Lose(1, span(1, 1, 2), true, yonder.CodeTaskLost).Exhausted)
	require.Equal(t, map[yonder.State]int{yonder.RangeQueued: 1}, states(b))
}

func TestCancelInEveryState(t *testing.T) {
	t.Parallel()
	b := bundle(4, 3)
	b.Offer(1, 1, 1, 4)
	b.Accept(1, span(1, 2, 4))
	b.Start(1, span(1, 3, 4))
	ended, marked, stop := b.Cancel(0, 4)
	require.Equal(t, []wire.Span{unheld(1, 0, 1), span(1, 1, 2)}, ended)
	require.Equal(t, []wire.Span{span(1, 2, 3), span(1, 3, 4)}, marked)
	require.Equal(t, []wire.Span{span(1, 1, 2), span(1, 2, 3), span(1, 3, 4)}, stop)
	require.Equal(t, []wire.Span{span(1, 1, 2)}, b.Accept(1, span(1, 1, 2)), "an offer that was cancelled")

	require.Equal(t, []wire.Span{span(1, 2, 3)}, b.Lose(1, span(1, 2, 3), true, yonder.CodeTaskLost).Cancelled)
	require.Equal(t, []wire.Span{span(1, 3, 4)}, b.Result(span(1, 3, 4)), "it finished first")
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	held := func(grant int64, attempt, lo, hi int, state yonder.State) wire.Holding {
		return wire.Holding{Span: wire.Span{Attempt: attempt, Lo: lo, Hi: hi, Grant: grant}, State: state}
	}
	b := bundle(6, 1)
	b.Offer(1, 1, 0, 5)
	b.Accept(1, span(1, 1, 5))

	require.Equal(t, []wire.Span{span(1, 5, 6)}, b.Adopt(2, held(1, 1, 4, 6, yonder.RangeStarted)), "queued is nobody's")
	others := held(7, 1, 3, 4, yonder.RangeAccepted)
	require.Equal(t, []wire.Span{others.Span}, b.Adopt(2, others), "another offer's")
	require.Empty(t, b.Adopt(2, held(1, 1, 2, 3, yonder.RangeAccepted)))
	require.Equal(t, []wire.Span{span(1, 1, 2), span(1, 3, 4)}, b.Orphan(2).Exhausted)
	require.Equal(t, map[yonder.State]int{
		yonder.RangeQueued: 2, yonder.RangeAccepted: 1, yonder.RangeStarted: 1,
	}, states(b))
	require.NotEmpty(t, b.Accept(1, span(1, 2, 3)), "the old session is fenced")
	require.NoError(t, b.Check())
}

func TestExpireAndRelease(t *testing.T) {
	t.Parallel()
	b := bundle(3, 2)
	b.Offer(1, 1, 0, 2)
	b.Accept(1, span(1, 0, 1))
	b.Release(1)
	require.Equal(t, map[yonder.State]int{yonder.RangeQueued: 2, yonder.RangeAccepted: 1}, states(b))
	ended, stop := b.Expire(0, 3)
	require.Len(t, ended, 2)
	require.Equal(t, []wire.Span{span(1, 0, 1)}, stop)
	require.Zero(t, b.Remaining())
}

func TestEndedSpansCarryTheirAttempt(t *testing.T) {
	t.Parallel()
	b := bundle(1, 3)
	b.Offer(1, 1, 0, 1)
	b.Accept(1, span(1, 0, 1))
	b.Lose(1, span(1, 0, 1), true, yonder.CodeTaskLost)
	ended, _, _ := b.Cancel(0, 1)
	require.Equal(t, []wire.Span{unheld(2, 0, 1)}, ended)
}

func TestNewsOfAnEarlierOfferAreOld(t *testing.T) {
	t.Parallel()
	b := bundle(1, 1)
	first, second := span(1, 0, 1), span(1, 0, 1)
	second.Grant = 2
	b.Offer(1, 1, 0, 1)
	require.Empty(t, b.Accept(1, first))
	b.Lose(1, first, false, yonder.CodeTaskLost)
	require.Equal(t, []wire.Span{second}, b.Offer(1, 2, 0, 1), "the same attempt, to the same session")

	require.Equal(t, []wire.Span{first}, b.Accept(1, first), "a late accept")
	require.Equal(t, map[yonder.State]int{yonder.RangeOffered: 1}, states(b))
	require.Empty(t, b.Accept(1, second))
	b.Lose(1, first, false, yonder.CodeTaskLost)
	b.Decline(1, first)
	b.Start(1, first)
	require.Equal(t, map[yonder.State]int{yonder.RangeAccepted: 1}, states(b))
	require.Equal(t, []wire.Span{first}, b.Adopt(2, wire.Holding{Span: first, State: yonder.RangeStarted}))
	require.Empty(t, b.Adopt(2, wire.Holding{Span: second, State: yonder.RangeStarted}))
}

// A bundle in tens of thousands of pieces must not make each step as dear as
// all of them: this takes minutes if it does.
func TestManyPieces(t *testing.T) {
	t.Parallel()
	const tasks = 16_384
	b := bundle(tasks, 1)
	b.Offer(1, 1, 0, tasks)
	require.Empty(t, b.Accept(1, span(1, 0, tasks)))
	for i := 0; i < tasks; i += 2 {
		b.Start(1, span(1, i, i+1))
	}
	require.Len(t, b.Ranges, tasks)
	for i := 0; i < tasks; i += 2 {
		require.Len(t, b.Result(span(1, i, i+1)), 1)
	}
	require.Equal(t, tasks/2, b.Remaining())
	require.NoError(t, b.Check())
}
