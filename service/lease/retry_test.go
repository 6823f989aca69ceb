package lease_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/lease"
	"github.com/yonder-run/yonder/wire"
)

const second = 1_000_000 // microseconds

// resting is a bundle of one task whose first attempt was lost at 100 s, and
// which rests for 10 s.
func resting(t *testing.T) *lease.Bundle {
	t.Helper()
	b := bundle(1, 3)
	b.Retry, b.Now = yonder.Retry{Backoff: 10}, 100*second
	b.Offer(1, 1, 0, 1)
	b.Accept(1, span(1, 0, 1))
	require.Empty(t, b.Lose(1, span(1, 0, 1), true, yonder.CodeWorkerFailed).Exhausted)
	require.Equal(t, []lease.Range{
		{Lo: 0, Hi: 1, State: yonder.RangeQueued, Attempt: 2, Since: 100 * second, NotBefore: 110 * second},
	}, b.Ranges)
	return b
}

func TestALostTaskRestsBeforeItIsOfferedAgain(t *testing.T) {
	t.Parallel()
	b := resting(t)
	require.Empty(t, b.Offer(1, 1, 0, 1))
	b.Now = 110*second - 1
	b.Wake()
	require.Empty(t, b.Offer(1, 1, 0, 1))
	b.Now = 110 * second
	require.Empty(t, b.Offer(1, 1, 0, 1), "nobody has woken it")
	b.Wake()
	require.Equal(t, []wire.Span{span(2, 0, 1)}, b.Offer(1, 1, 0, 1))
	b.Accept(1, span(2, 0, 1))
	b.Lose(1, span(2, 0, 1), true, yonder.CodeWorkerFailed)
	require.EqualValues(t, 130*second, b.Ranges[0].NotBefore, "twice as long")
}

func TestARestIsNotMadeLongerByAClockThatWasSetBack(t *testing.T) {
	t.Parallel()
	b := resting(t)
	b.Now = 100*second - 3600*second
	b.Wake()
	require.Len(t, b.Offer(1, 1, 0, 1), 1)
}

func TestAnythingMayEndARest(t *testing.T) {
	t.Parallel()
	require.Len(t, resting(t).Result(span(1, 0, 1)), 1, "a late result")
	ended, _, stop := resting(t).Cancel(0, 1)
	require.Len(t, ended, 1)
	require.Empty(t, stop)
	ended, _ = resting(t).Expire(0, 1)
	require.Len(t, ended, 1)
	require.Empty(t, resting(t).Adopt(2, wire.Holding{Span: span(2, 0, 1)})[1:], "nobody can hold it")
}

func TestOnlyTheCausesOfThePolicyAreTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		on    []yonder.Code
		cause yonder.Code
		again bool
	}{
		{nil, yonder.CodeTaskLost, true},
		{nil, yonder.CodeWorkerFailed, true},
		{nil, yonder.CodeWalltimeExceeded, false},
		{[]yonder.Code{yonder.CodeTaskLost}, yonder.CodeWorkerFailed, false},
		{[]yonder.Code{yonder.CodeTaskLost}, yonder.CodeTaskLost, true},
		{[]yonder.Code{yonder.CodeWalltimeExceeded}, yonder.CodeWalltimeExceeded, true},
	} {
		b := bundle(2, 3)
		b.Retry.On = c.on
		b.Offer(1, 1, 0, 2)
		b.Accept(1, span(1, 0, 2))
		ended := b.Lose(1, span(1, 0, 1), true, c.cause)
		require.Equal(t, c.again, len(ended.Exhausted) == 0, "%v %s", c.on, c.cause)
		require.Empty(t, b.Lose(1, span(1, 1, 2), false, c.cause).Exhausted, "what never began is no attempt")
		require.NoError(t, b.Check())
	}
}

// No policy and no order of events starts a task more often than it may, or
// while it rests.
func TestATaskStartsNoMoreOftenThanAllowed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := bundle(3, rapid.IntRange(1, 4).Draw(t, "max"))
		b.Retry = yonder.Retry{
			On:      rapid.SliceOfNDistinct(rapid.SampledFrom(yonder.Causes), 0, 3, rapid.ID).Draw(t, "on"),
			Backoff: float64(rapid.IntRange(0, 3).Draw(t, "backoff")), Factor: 1,
		}
		var starts [3]int
		var rests [3]int64
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			b.Now += int64(rapid.IntRange(0, 2).Draw(t, "pass")) * second
			i := rapid.IntRange(0, 2).Draw(t, "task")
			b.Wake()
			for _, s := range b.Offer(1, 1, i, i+1) {
				require.GreaterOrEqual(t, b.Now, rests[i])
				if len(b.Accept(1, s)) == 0 {
					starts[i]++
				}
				cause := rapid.SampledFrom(yonder.Causes).Draw(t, "cause")
				if rapid.Bool().Draw(t, "lost") {
					b.Lose(1, s, true, cause)
					rests[i] = b.Now + b.Retry.Wait(s.Attempt).Microseconds()
				}
			}
			require.NoError(t, b.Check())
			require.LessOrEqual(t, starts[i], b.MaxAttempts)
		}
	})
}
