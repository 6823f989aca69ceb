package live_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/wire"
)

var (
	bundle = yonder.NewBundleID()
	begun  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

// world is a book with one worker, whose place is what the test says.
type world struct {
	*live.Book

	t        *testing.T
	place    live.Place
	progress *yonder.Progress
	now      time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Book: live.NewBook(live.Config{OutputBytes: 100, ValueBytes: 1000, Kept: 2, KeptFor: time.Minute}), t: t, now: begun}
	w.Begin("w1", live.Run{ID: 7, Span: wire.Span{Bundle: bundle, Attempt: 2, Lo: 3, Hi: 6}})
	w.place = live.Place{Run: 7, Index: 3}
	return w
}

func (w *world) write(text string) {
	w.Wrote("w1", w.place, wire.StreamStdout, []byte(text))
}

func (w *world) read(index int, after wire.Mark) (live.Answer, bool) {
	after.Attempt = 2
	tail := wire.Tail{Seq: 9, Task: bundle.Task(index), After: after, Bytes: 1000, Output: true, Values: true}
	return w.Read(w.now, tail, w.source)
}

func (w *world) source(string) (live.Place, *yonder.Progress) { return w.place, w.progress }

func (w *world) reads(index int, state wire.TailState, text string) {
	w.t.Helper()
	a, here := w.read(index, wire.Mark{})
	require.True(w.t, here)
	require.Equal(w.t, state, a.State)
	require.Equal(w.t, text, string(bytes.Join(a.Columns, nil)))
	require.Equal(w.t, int64(9), a.Seq)
}

func TestOutputIsThatOfTheCallWhereTheWorkerIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("three")
	w.reads(3, wire.TailRunning, "three")
	_, here := w.read(4, wire.Mark{})
	require.False(t, here, "it has not begun")

	w.place.Index = 4
	w.write("four")
	w.reads(3, wire.TailEnded, "three")
	w.reads(4, wire.TailRunning, "four")

	w.place.Index = 5
	w.reads(4, wire.TailEnded, "four")
	w.reads(5, wire.TailRunning, "")
	w.End("w1", w.source)
	w.reads(5, wire.TailEnded, "")
}

func TestOtherAttemptsAndRunsAreNotMixedIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tail := wire.Tail{Task: bundle.Task(3), After: wire.Mark{Attempt: 1}, Output: true, Bytes: 10}
	_, here := w.Read(w.now, tail, func(string) (live.Place, *yonder.Progress) { return w.place, nil })
	require.False(t, here)
	w.Wrote("w1", live.Place{Run: 6, Index: 3}, wire.StreamStdout, []byte("of the run before"))
	w.Wrote("w9", w.place, wire.StreamStdout, []byte("of nobody"))
	w.Yielded("w1", wire.Yield{Run: 6, Index: 3}, [][]byte{[]byte("x")})
	w.reads(3, wire.TailRunning, "")
}

// What nobody has asked about is in the result; what somebody has is kept for
// a while, within the bound.
func TestTheEndIsKeptForItsReaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write("three")
	w.End("w1", w.source)
	_, here := w.read(3, wire.Mark{})
	require.False(t, here)

	for index := 3; index < 6; index++ {
		w.Begin("w1", live.Run{ID: 7, Span: wire.Span{Bundle: bundle, Attempt: 2, Lo: index, Hi: index + 1}})
		w.place.Index = index
		w.now = w.now.Add(time.Second)
		w.reads(index, wire.TailRunning, "")
	}
	w.End("w1", w.source)
	_, here = w.read(3, wire.Mark{})
	require.False(t, here, "two are kept")
	w.reads(5, wire.TailEnded, "")
}

// A task that begins and ends between two looks is kept for who waited for it.
func TestWhoAsksTooEarlyMissesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, here := w.read(4, wire.Mark{})
	require.False(t, here)
	w.place.Index = 4
	w.write("four")
	w.End("w1", w.source)
	w.reads(4, wire.TailEnded, "four")
}

func TestProgressIsNewsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.progress = &yonder.Progress{Done: 1, Calls: 4}
	a, _ := w.read(3, wire.Mark{})
	require.True(t, a.News)
	require.Equal(t, w.progress, a.Progress)
	a, _ = w.read(3, a.Next)
	require.False(t, a.News)
	require.Nil(t, a.Progress)

	w.progress = &yonder.Progress{Done: 2, Calls: 5}
	w.End("w1", w.source)
	a, _ = w.read(3, a.Next)
	require.Equal(t, w.progress, a.Progress, "the last word before the end")
}

func TestValuesComeWithTheirNumbers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Yielded("w1", wire.Yield{Run: 7, Index: 3}, [][]byte{[]byte("a"), []byte("b")})
	w.Yielded("w1", wire.Yield{Run: 7, Index: 3, First: 3}, [][]byte{[]byte("d")})
	a, _ := w.read(3, wire.Mark{Values: 1})
	require.Equal(t, []wire.Piece{
		{Stream: wire.StreamValue, At: 1}, {Stream: wire.StreamValue, At: 2, Skipped: 1}, {Stream: wire.StreamValue, At: 3},
	}, a.Pieces)
	require.Equal(t, int64(4), a.Next.Values)
}

// The answers of one task that ends with more to say than fits one answer.
func TestItHasEndedWhenAllIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.reads(3, wire.TailRunning, "")
	w.write("abcdef")
	w.End("w1", w.source)
	tail := wire.Tail{Task: bundle.Task(3), After: wire.Mark{Attempt: 2}, Bytes: 4, Output: true}
	var states []wire.TailState
	for len(states) == 0 || states[len(states)-1] != wire.TailEnded {
		a, here := w.Read(w.now, tail, nil)
		require.True(t, here)
		states = append(states, a.State)
		tail.After = a.Next
	}
	require.Equal(t, []wire.TailState{wire.TailRunning, wire.TailEnded}, states)
}
