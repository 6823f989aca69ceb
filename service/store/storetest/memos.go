package storetest

import (
	"bytes"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// memoized is a bundle of a function with a memo.
func (b *bench) memoized(group yonder.ID, tasks int, scope string) store.NewBundle {
	n := b.bundle(group, tasks)
	n.Memo = yonder.Memo{Scope: scope}
	return n
}

// run submits the bundle, has its first tasks succeed, and returns what was offered.
func (b *bench) run(epoch int64, n store.NewBundle) []wire.Span {
	b.Helper()
	spans := spansOf(b.submit(n))
	b.accept(epoch, spans...)
	for _, s := range spans {
		for i := s.Lo; i < s.Hi; i++ {
			b.succeed(epoch, wire.Span{Bundle: s.Bundle, Attempt: 1, Lo: i, Hi: i + 1})
		}
	}
	return spans
}

func (b *bench) memo() wire.MemoReport {
	b.Helper()
	m, err := b.Memo(b.Context(), b.function.ID)
	require.NoError(b, err)
	return m
}

var memos = []behaviour{
	{"answer equal calls at once", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		first := b.memoized(yonder.NewID(), 2, yonder.MemoPrivate)
		require.Len(b, b.run(epoch, first), 1)
		_, values := b.results(first.Group)

		again := b.memoized(yonder.NewID(), 2, yonder.MemoPrivate)
		submitted, err := b.Submit(b.Context(), []store.NewBundle{again})
		require.NoError(b, err)
		require.Equal(b, 2, submitted.Bundles[0].Tasks)
		require.Empty(b, submitted.Offered)
		require.Equal(b, store.Woken{again.Group}, submitted.Woken)
		entries, recalled := b.results(again.Group)
		require.Equal(b, values, recalled)
		source := first.ID.Task(1)
		require.Equal(b, &source, entries[1].Memo)
		require.Zero(b, entries[1].Attempt)
		task := b.task(again.ID.Task(1))
		require.Equal(b, yonder.TaskSucceeded, task.State)
		require.Equal(b, &source, task.Memo)
		group, err := b.Group(b.Context(), again.Group)
		require.NoError(b, err)
		require.EqualValues(b, 2, group.Done)
		m := b.memo()
		require.Equal(b, []int64{2, 2, 2}, []int64{m.Hits, m.Misses, m.Results})
	}},
	{"leave the rest of a bundle to workers", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		b.run(epoch, b.memoized(yonder.NewID(), 1, yonder.MemoPrivate))
		n := b.memoized(yonder.NewID(), 5, yonder.MemoPrivate)
		n.Payloads[3] = n.Payloads[0]
		spans := b.run(epoch, n)
		require.Equal(b, [][2]int{{1, 3}, {4, 5}}, [][2]int{{spans[0].Lo, spans[0].Hi}, {spans[1].Lo, spans[1].Hi}})
		entries, _ := b.results(n.Group)
		require.Len(b, entries, 5)
		require.EqualValues(b, 4, b.memo().Results)
	}},
	{"answer for an endpoint that is away, within what waits", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		b.run(epoch, b.memoized(yonder.NewID(), 1, yonder.MemoPrivate))
		require.NoError(b, b.CloseSession(b.Context(), b.endpoint, epoch, b.now))
		n := b.memoized(yonder.NewID(), 2, yonder.MemoPrivate)
		b.submit(n)
		require.Equal(b, yonder.TaskSucceeded, b.task(n.ID.Task(0)).State)
		require.Equal(b, yonder.RangeQueued, b.task(n.ID.Task(1)).State)
		e, err := b.Endpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, 1, e.Queued)
	}},
	{"keep callers apart unless they are shared", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		for scope, answered := range map[string]bool{yonder.MemoPrivate: false, yonder.MemoShared: true} {
			b.run(epoch, b.memoized(yonder.NewID(), 1, scope))
			n := b.memoized(yonder.NewID(), 1, scope)
			n.Owner = b.other
			require.Equal(b, answered, len(b.submit(n)) == 0, scope)
		}
	}},
	{"tell calls apart by code, codec and arguments", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		b.run(epoch, b.memoized(yonder.NewID(), 1, yonder.MemoShared))
		for name, change := range map[string]func(*store.NewBundle){
			"code": func(n *store.NewBundle) { n.Hash = "another" }, "codec": func(n *store.NewBundle) { n.Codec = "json" },
			"arguments": func(n *store.NewBundle) { n.Payloads[0] = []byte("others") },
			"function":  func(n *store.NewBundle) { n.Function = b.newFunction("g", "body of f").ID },
			"fresh":     func(n *store.NewBundle) { n.Fresh = true },
			"no memo":   func(n *store.NewBundle) { n.Memo = yonder.Memo{} },
		} {
			n := b.memoized(yonder.NewID(), 1, yonder.MemoShared)
			change(&n)
			require.Len(b, b.submit(n), 1, name)
		}
	}},
	{"keep neither failures nor what is large, in chunks or elsewhere", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		n := b.memoized(yonder.NewID(), 2, yonder.MemoShared)
		spans := spansOf(b.submit(n))
		b.accept(epoch, spans...)
		entry := wire.Entry{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 1, Outcome: wire.OutcomeException, Form: wire.FormEach}
		b.report(wire.Report{Epoch: epoch, Results: []wire.Entry{entry}}, []byte("error"))
		entry.Lo, entry.Hi, entry.Outcome = 1, 2, wire.OutcomeOK
		b.report(wire.Report{Epoch: epoch, Results: []wire.Entry{entry}}, bytes.Repeat([]byte("x"), 64<<10+1))
		chunk := b.chunk(yonder.NewID(), 3)
		chunk.Memo = n.Memo
		b.run(epoch, chunk)
		require.Zero(b, b.memo().Results)
	}},
	{"are forgotten when asked", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		n := b.memoized(yonder.NewID(), 1, yonder.MemoShared)
		spans := spansOf(b.submit(n))
		b.accept(epoch, spans...)
		require.NoError(b, b.ForgetMemo(b.Context(), b.function.ID))
		b.succeed(epoch, spans...) // began before: nobody is answered with it
		f, err := b.Function(b.Context(), b.function.ID, 0)
		require.NoError(b, err)
		require.Zero(b, f.Memo, "it has none of its own")
		require.NoError(b, b.SetMemo(b.Context(), f.ID, yonder.MemoShared))
		f, err = b.Function(b.Context(), b.function.ID, 0)
		require.NoError(b, err)
		require.Equal(b, yonder.Memo{Scope: yonder.MemoShared, Generation: 1}, f.Memo)
		next := b.bundle(yonder.NewID(), 1)
		next.Memo = f.Memo
		require.Len(b, b.run(epoch, next), 1)
		require.NoError(b, b.ForgetMemo(b.Context(), b.function.ID))
		require.Zero(b, b.memo().Results)
		require.Equal(b, yonder.CodeNotFound, yonder.CodeOf(b.ForgetMemo(b.Context(), yonder.NewID())))
		require.Equal(b, yonder.CodeNotFound, yonder.CodeOf(b.SetMemo(b.Context(), yonder.NewID(), "")))
	}},
	{"are bounded in age and size", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		n := b.memoized(yonder.NewID(), 10, yonder.MemoShared)
		b.run(epoch, n)
		trim := func(before time.Time, bytes int64) int {
			trimmed, err := b.TrimMemos(b.Context(), before, bytes, 100)
			require.NoError(b, err)
			return trimmed
		}
		size := b.memo().Bytes
		require.Zero(b, trim(b.now, size))
		require.Equal(b, 1, trim(b.now, size-1))
		b.now = b.now.Add(time.Hour)
		used := b.memoized(yonder.NewID(), 10, yonder.MemoShared)
		used.Submitted = b.now
		used.Payloads = used.Payloads[8:]
		used.Tasks = 2
		b.submit(used)
		require.Equal(b, 7, trim(b.now, size), "what was used stays")
	}},
}
