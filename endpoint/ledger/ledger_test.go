package ledger

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

var bundle = yonder.NewBundleID()

func span(lo, hi int) wire.Span { return wire.Span{Bundle: bundle, Attempt: 1, Lo: lo, Hi: hi} }

// granted is the span as the service knows it.
func granted(lo, hi int) wire.Span {
	s := span(lo, hi)
	s.Grant = 9
	return s
}

func leaseOf(lo, hi int) wire.Lease { return wire.Lease{Span: granted(lo, hi), Form: wire.FormEach} }

func entry(lo, hi int) wire.Entry {
	return wire.Entry{Bundle: bundle, Attempt: 1, Lo: lo, Hi: hi, Outcome: wire.OutcomeOK}
}

func sift(l *Ledger, done wire.Done) Finished {
	finished, _ := l.Sift("m", done, make([][]byte, len(done.Results)))
	return finished
}

// accepted returns a ledger that holds 0..10, kept in record 1.
func accepted(t *testing.T) *Ledger {
	t.Helper()
	l := New()
	require.True(t, l.Offer(leaseOf(0, 10)))
	l.Journalled(granted(0, 10), 1)
	fx := l.Answered([]wire.Span{span(0, 10)}, nil)
	require.Equal(t, []wire.Lease{leaseOf(0, 10)}, fx.Ready)
	return l
}

func TestNothingIsDispatchedBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	l := New()
	require.True(t, l.Offer(leaseOf(0, 10)))
	l.Journalled(granted(0, 10), 1)
	require.Empty(t, l.Dispatch(span(0, 10), "m"))
	fx := l.Answered([]wire.Span{span(0, 10)}, []wire.Span{span(4, 6)})
	require.Equal(t, []wire.Lease{leaseOf(0, 4), leaseOf(6, 10)}, fx.Ready)
	require.Equal(t, []Note{{Lease: 1, Spans: []wire.Span{span(4, 6)}}}, fx.Note)
	require.Empty(t, fx.Drop)
	require.Equal(t, []wire.Span{span(0, 4), span(6, 10)}, l.Dispatch(span(0, 10), "m"))
	require.Empty(t, l.Dispatch(span(0, 10), "n"), "a second time")
}

func TestRepeatedOffersAreIgnored(t *testing.T) {
	t.Parallel()
	l := accepted(t)
	require.False(t, l.Offer(leaseOf(0, 10)))
	require.False(t, l.Offer(leaseOf(5, 15)))
	require.True(t, l.Offer(leaseOf(10, 15)), "the next range of the same bundle")
	l.Return(wire.Loss{})
	require.False(t, l.Offer(leaseOf(0, 10)), "given back, but the service has not answered that")
	l.Reported(l.Batch(10, 1))
	require.True(t, l.Offer(leaseOf(0, 10)))
}

func TestCancelInEveryState(t *testing.T) {
	t.Parallel()
	cancel := []wire.Span{span(2, 4)}

	t.Run("offered", func(t *testing.T) {
		t.Parallel()
		l := New()
		require.True(t, l.Offer(leaseOf(0, 10)))
		l.Journalled(granted(0, 10), 1)
		l.Cancel(cancel)
		fx := l.Answered([]wire.Span{span(0, 10)}, nil)
		require.Equal(t, []wire.Lease{leaseOf(0, 2), leaseOf(4, 10)}, fx.Ready)
		items := l.Batch(10, 1).Items
		require.Len(t, items, 1)
		require.NotNil(t, items[0].Cancel)
	})
	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		l := accepted(t)
		fx := l.Cancel(cancel)
		require.True(t, fx.Report)
		require.Equal(t, []wire.Span{span(0, 2), span(4, 10)}, l.Dispatch(span(0, 10), "m"))
		fx = l.Reported(l.Batch(10, 1))
		require.Equal(t, []Note{{Lease: 1, Spans: cancel}}, fx.Note)
	})
	t.Run("dispatched", func(t *testing.T) {
		t.Parallel()
		l := accepted(t)
		l.Dispatch(span(0, 10), "m")
		require.Equal(t, map[string][]wire.Span{"m": cancel}, l.Cancel(cancel).Stop)
		require.True(t, l.Batch(10, 1).Empty(), "it ends when the manager says so")
		fx := l.Done(sift(l, wire.Done{Cancelled: stopped(cancel...)}), nil, 2)
		require.Equal(t, map[string]int{"m": 2}, fx.Freed)
		fx = l.Reported(l.Batch(10, 1))
		require.Equal(t, []Record{2}, fx.Drop)
		require.Equal(t, []Note{{Lease: 1, Spans: cancel}}, fx.Note)
	})
	t.Run("lost while it was to stop", func(t *testing.T) {
		t.Parallel()
		l := accepted(t)
		l.Dispatch(span(2, 4), "m")
		l.Cancel(cancel)
		l.Lost("m", "gone")
		require.NotNil(t, l.Batch(10, 1).Items[0].Cancel)
	})
	t.Run("ended", func(t *testing.T) {
		t.Parallel()
		l := accepted(t)
		l.Dispatch(span(0, 10), "m")
		l.Done(sift(l, wire.Done{Results: []wire.Entry{entry(0, 10)}}), []int{3}, 2)
		require.Empty(t, l.Cancel(cancel).Stop)
		require.Len(t, l.Batch(10, 1).Items, 1)
	})
}

func TestRecordsAreKeptAsLongAsTheyAreNeeded(t *testing.T) {
	t.Parallel()
	l := accepted(t)
	l.Dispatch(span(0, 10), "m")
	l.Noted(1, 2)
	fx := l.Done(sift(l, wire.Done{Results: []wire.Entry{entry(0, 4)}}), []int{3}, 3)
	require.Empty(t, fx.Drop)
	fx = l.Reported(l.Batch(10, 100))
	require.Equal(t, []Record{3}, fx.Drop)
	require.Equal(t, []Note{{Lease: 1, Spans: []wire.Span{span(0, 4)}}}, fx.Note)
	require.Empty(t, l.Noted(1, 4).Drop)
	fx = l.Done(sift(l, wire.Done{Results: []wire.Entry{entry(4, 10)}}), []int{3}, 5)
	require.Equal(t, []Record{1, 2, 4}, fx.Drop)
	require.Equal(t, []Record{5}, l.Reported(l.Batch(10, 100)).Drop)
	require.Zero(t, l.Held())
	require.Equal(t, []Record{6}, l.Noted(1, 6).Drop, "a note that came too late")
}

func TestLateResultsAreStillReported(t *testing.T) {
	t.Parallel()
	l := New()
	finished := sift(l, wire.Done{Results: []wire.Entry{entry(0, 1)}, Cancelled: stopped(span(1, 2))})
	require.Empty(t, finished.Cancelled)
	require.Empty(t, l.Done(finished, []int{1}, 7).Drop)
	require.Len(t, l.Batch(10, 10).Items, 1)
	require.Equal(t, []Record{8}, l.Done(sift(l, wire.Done{}), nil, 8).Drop)
}

func TestManagerReturns(t *testing.T) {
	t.Parallel()
	l := accepted(t)
	l.Dispatch(span(0, 6), "m")
	l.Dispatch(span(6, 10), "n")
	l.Cancel([]wire.Span{span(1, 2)})
	drop, fx := l.Returned("m", []wire.Holding{
		{Span: span(0, 3), State: yonder.RangeStarted},
		{Span: span(8, 12), State: yonder.RangeAccepted},
	})
	require.Equal(t, []wire.Span{span(8, 12)}, drop)
	require.Equal(t, map[string][]wire.Span{"m": {span(1, 2)}}, fx.Stop, "the stop may not have reached it")
	require.Equal(t, map[string]int{"m": 3}, fx.Freed)
	b := l.Batch(10, 10)
	begins := l.Begins(10)
	require.Equal(t, []wire.Span{granted(0, 3)}, begins.Started)
	require.Len(t, b.Items, 1)
	require.Equal(t, span(3, 6), b.Items[0].Loss.Span)
	require.False(t, b.Items[0].Loss.Started)
	require.Equal(t, map[string]int{"m": 3, "n": 4}, l.Outstanding())
	l.Unreported(b)
	l.Unreported(begins)
	require.Equal(t, b, l.Batch(10, 10))
	require.Equal(t, begins, l.Begins(10))
}

func TestUncertainRestoreForgetsWhatMayYetBeDispatched(t *testing.T) {
	t.Parallel()
	for sure, held := range map[bool]int{true: 10, false: 4} {
		l := New()
		l.RestoreLease(leaseOf(0, 10), sure, 1)
		require.Empty(t, l.RestoreDispatch("m", Note{1, []wire.Span{span(0, 4)}}, sure, 2).Drop)
		l.Restored()
		require.Equal(t, held, l.Held())
		for _, h := range l.Holdings() {
			require.EqualValues(t, 9, h.Grant)
		}
		_, fx := l.Returned("m", nil)
		require.True(t, fx.Report)
		require.Equal(t, !sure, l.Batch(1, 1).Items[0].Loss.Started)
	}
}

func TestHoldingsNameTheGrant(t *testing.T) {
	t.Parallel()
	l := accepted(t)
	l.Dispatch(span(0, 6), "m")
	finished := sift(l, wire.Done{Results: []wire.Entry{entry(0, 4), entry(20, 21)}})
	require.Equal(t, []int64{9, 0}, finished.Grants)
	l.Done(finished, []int{1, 1}, 2)
	want := []wire.Holding{
		{Span: granted(0, 4), State: yonder.RangeStarted},
		{Span: granted(4, 6), State: yonder.RangeStarted},
		{Span: granted(6, 10), State: yonder.RangeAccepted},
	}
	require.ElementsMatch(t, want, l.Holdings())

	again := New()
	again.Done(finished, []int{1, 1}, 2)
	require.Equal(t, want[:1], again.Holdings(), "the record alone is enough")
}

func TestResultsThatAreToldAgainAreOldNews(t *testing.T) {
	t.Parallel()
	l := accepted(t)
	l.Dispatch(span(0, 10), "m")
	done := wire.Done{Results: []wire.Entry{entry(0, 1), entry(1, 2)}}
	l.Done(sift(l, done), []int{1, 1}, 2)
	l.Lost("m", "gone")

	done.Results = append(done.Results, entry(2, 3))
	again, columns := l.Sift("m", done, [][]byte{{0}, {1}, {2}})
	require.Equal(t, []wire.Entry{entry(2, 3)}, again.Results, "this one was given up, the others are on their way")
	require.Equal(t, [][]byte{{2}}, columns)
	require.Equal(t, []int64{9}, again.Grants)
	l.Done(again, []int{1}, 3)
	for i := range 10 {
		require.True(t, slices.ContainsFunc(l.Holdings(), func(h wire.Holding) bool {
			return h.Lo <= i && i < h.Hi && h.Grant == 9
		}), "task %d", i)
	}
}

func TestAManagerSpeaksForWhatItHas(t *testing.T) {
	t.Parallel()
	l := accepted(t)
	l.Dispatch(span(0, 5), "m")
	l.Dispatch(span(5, 8), "n")
	said := wire.Done{Lost: []wire.Loss{{Span: span(3, 10)}}, Cancelled: stopped(span(0, 6))}
	finished, _ := l.Sift("n", said, nil)
	require.Equal(t, []wire.Loss{{Span: span(5, 8)}}, finished.Lost, "0..5 is m's by now, 8..10 nobody's")
	require.Equal(t, stopped(span(5, 6)), finished.Cancelled)
}

func TestLargeResultsGoAlone(t *testing.T) {
	t.Parallel()
	l := New()
	blob := entry(1, 2)
	blob.Blob = &wire.Blob{}
	l.Done(sift(l, wire.Done{Results: []wire.Entry{entry(0, 1), blob, entry(2, 3)}}), []int{LargePayload + 1, 0, 1}, 7)
	require.Equal(t, 3, l.Unanswered())
	require.Len(t, l.Batch(10, 1<<30).Items, 1)
	first := l.Large()
	require.Equal(t, 0, first.Items[0].Span.Lo)
	l.Unreported(first)
	require.Equal(t, first, l.Large())
	require.Equal(t, 1, l.Large().Items[0].Span.Lo)
	require.True(t, l.Large().Empty())
}

func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	l := New()
	l.Done(sift(l, wire.Done{Results: []wire.Entry{entry(0, 1), entry(1, 2), entry(2, 3)}}), []int{10, 10, 1}, 7)
	require.Len(t, l.Batch(10, 5).Items, 1, "one always fits")
	require.Len(t, l.Batch(1, 50).Items, 1)
	require.Len(t, l.Batch(10, 50).Items, 1)
	require.True(t, l.Batch(10, 50).Empty())
}

func stopped(spans ...wire.Span) []wire.Stopped {
	var all []wire.Stopped
	for _, s := range spans {
		all = append(all, wire.Stopped{Span: s, How: wire.StoppedTerminated})
	}
	return all
}
