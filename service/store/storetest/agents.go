package storetest

import (
	"encoding/json"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var accepts = []behaviour{
	{"may be repeated", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		spans := spansOf(b.submit(b.bundle(yonder.NewID(), 4)))
		b.accept(epoch, spans...)
		b.accept(epoch, spans...)
		require.Equal(b, yonder.RangeAccepted, b.task(spans[0].Bundle.Task(3)).State)
	}},
	{"of what was not offered are refused", func(b *bench) {
		epoch := b.live(b.endpoint, 2)
		n := b.bundle(yonder.NewID(), 4)
		all := spansOf(b.submit(n))[0]
		all.Hi = 4
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 2, Hi: 4}}, b.refused(epoch, all))
		for _, span := range []wire.Span{
			{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 2, Grant: all.Grant + 1},
			{Bundle: n.ID, Attempt: 2, Lo: 0, Hi: 2, Grant: all.Grant},
			{Bundle: yonder.NewBundleID(), Attempt: 1, Lo: 0, Hi: 1},
			{Bundle: n.ID, Attempt: 1, Lo: 3, Hi: 2},
			{Bundle: n.ID, Attempt: 1, Lo: -1, Hi: 2},
			{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 70_000},
		} {
			b.same([]wire.Span{span}, b.refused(epoch, span))
		}
	}},
	{"of another endpoint's tasks are refused", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		spans := spansOf(b.submit(b.bundle(yonder.NewID(), 1)))
		thief := b.newEndpoint("thief")
		require.Equal(b, epoch, b.live(thief, 10), "the epoch alone does not tell")
		refused, err := b.Accept(b.Context(), thief, wire.Accept{Epoch: epoch, Spans: spans, Declined: spans}, b.now)
		require.NoError(b, err)
		b.same(spans, refused)
		r, columns := successes(epoch, spans...)
		r.Lost, r.Cancelled, r.Started = []wire.Loss{{Span: spans[0], Started: true}}, stopped(spans...), spans
		refused, _, err = b.Report(b.Context(), thief, r, columns, b.now)
		require.NoError(b, err)
		b.same(spans, refused)
		require.Equal(b, yonder.RangeOffered, b.task(spans[0].Bundle.Task(0)).State)
	}},
	{"may decline, and no attempt is spent", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		spans := spansOf(b.submit(b.bundle(yonder.NewID(), 4)))
		_, err := b.Accept(b.Context(), b.endpoint, wire.Accept{Epoch: epoch, Declined: spans}, b.now)
		require.NoError(b, err)
		b.same(spans, spansOf(b.claim()))
	}},
	{"under an older epoch are fenced, like all requests", func(b *bench) {
		old := b.live(b.endpoint, 10)
		require.Equal(b, old+1, b.live(b.endpoint, 10))
		_, err := b.Accept(b.Context(), b.endpoint, wire.Accept{Epoch: old}, b.now)
		requireCode(b, yonder.CodeSessionFenced, err)
		_, _, err = b.Report(b.Context(), b.endpoint, wire.Report{Epoch: old}, nil, b.now)
		requireCode(b, yonder.CodeSessionFenced, err)
		_, _, err = b.Reconcile(b.Context(), b.endpoint, wire.Reconcile{Epoch: old, Last: true}, b.now)
		requireCode(b, yonder.CodeSessionFenced, err)
		_, _, err = b.Heartbeat(b.Context(), b.endpoint, wire.Heartbeat{Epoch: old}, b.now)
		requireCode(b, yonder.CodeSessionFenced, err)
		requireCode(b, yonder.CodeSessionFenced, b.CloseSession(b.Context(), b.endpoint, old, b.now))
		_, err = b.Accept(b.Context(), yonder.NewID(), wire.Accept{}, b.now)
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"give the task to the endpoint", func(b *bench) {
		epoch := b.live(b.endpoint, 1)
		n := b.bundle(yonder.NewID(), 2)
		spans := spansOf(b.submit(n))
		b.accept(epoch, spans...)
		holds := func(endpoint, task yonder.ID) (int, bool) {
			attempt, held, err := b.EndpointHolds(b.Context(), endpoint, task)
			require.NoError(b, err)
			return attempt, held
		}
		attempt, held := holds(b.endpoint, n.ID.Task(0))
		require.True(b, held)
		require.Equal(b, 1, attempt)
		_, held = holds(b.endpoint, n.ID.Task(1))
		require.False(b, held, "it is queued")
		_, held = holds(b.newEndpoint("elsewhere"), n.ID.Task(0))
		require.False(b, held)
		b.succeed(epoch, spans...)
		_, held = holds(b.endpoint, n.ID.Task(0))
		require.False(b, held, "it is done")
	}},
}

var reports = []behaviour{
	{"count once", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		group := yonder.NewID()
		span := b.started(epoch, group, 4)
		r, columns := successes(epoch, span)
		refused, woken, err := b.Report(b.Context(), b.endpoint, r, columns, b.now)
		require.NoError(b, err)
		require.Empty(b, refused)
		require.Equal(b, store.Woken{group}, woken)
		refused, woken, err = b.Report(b.Context(), b.endpoint, r, columns, b.now)
		require.NoError(b, err)
		b.same([]wire.Span{span}, refused)
		require.Empty(b, woken)
		entries, _ := b.results(group)
		require.Len(b, entries, 1)
	}},
	{"twice in one request count once", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		span := b.started(epoch, yonder.NewID(), 1)
		b.same([]wire.Span{span}, b.succeed(epoch, span, span))
	}},
	{"keep all that is said of a result", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		group := yonder.NewID()
		span := b.started(epoch, group, 1)
		b = b.at(time.Second)
		entry := wire.Entry{
			Bundle: span.Bundle, Attempt: 1, Lo: 0, Hi: 1, Outcome: wire.OutcomeOK, Form: wire.FormEach,
			Stdout: "out \x00 here", Stderr: "err", Started: 11, Finished: 22, Worker: "node1/7",
			Blob: &wire.Blob{ID: nextID(), Size: 5, SHA256: "ff"},
		}
		b.report(wire.Report{Epoch: epoch, Results: []wire.Entry{entry}}, nil)
		entries, columns := b.results(group)
		require.Equal(b, []wire.ResultEntry{{
			Entry: entry, Cursor: 1, Endpoint: b.endpoint, Submitted: clock.UnixMicro(), Accepted: b.now.UnixMicro(),
		}}, entries)
		require.Empty(b, columns[0])
	}},
	{"of a chunk count in part", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		group := yonder.NewID()
		span := b.started(epoch, group, 6)
		part := func(lo, hi int) wire.Span { return wire.Span{Bundle: span.Bundle, Attempt: 1, Lo: lo, Hi: hi} }
		require.Empty(b, b.succeed(epoch, part(2, 3)))
		b.same([]wire.Span{part(2, 3)}, b.succeed(epoch, part(0, 6)))
		entries, columns := b.results(group)
		type row struct{ lo, hi, skip int }
		var got []row
		for _, e := range entries {
			got = append(got, row{e.Lo, e.Hi, e.Skip})
		}
		require.Equal(b, []row{{2, 3, 0}, {0, 2, 0}, {3, 6, 3}}, got)
		require.Equal(b, columns[1], columns[2])
	}},
	{"of exceptions and failures say so", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		group := yonder.NewID()
		span := b.started(epoch, group, 3)
		one := func(i int, outcome wire.Outcome) wire.Entry {
			return wire.Entry{Bundle: span.Bundle, Attempt: 1, Lo: i, Hi: i + 1, Outcome: outcome, Form: wire.FormEach}
		}
		failure, err := json.Marshal(wire.TaskError{Code: yonder.CodeWalltimeExceeded, Message: "ran for 2 s\x00"})
		require.NoError(b, err)
		b.report(wire.Report{Epoch: epoch, Results: []wire.Entry{
			one(0, wire.OutcomeException), one(1, wire.OutcomeFailed), one(2, wire.OutcomeFailed),
		}}, []byte("traceback"), failure, []byte("not json"))
		require.Equal(b, yonder.CodeFunctionFailed, b.task(span.Bundle.Task(0)).Code)
		task := b.task(span.Bundle.Task(1))
		require.Equal(b, yonder.TaskFailed, task.State)
		require.Equal(b, yonder.CodeWalltimeExceeded, task.Code)
		require.Equal(b, "ran for 2 s\uFFFD", task.Message)
		require.Equal(b, yonder.TaskFailed, b.task(span.Bundle.Task(2)).State)
		g, err := b.Group(b.Context(), group)
		require.NoError(b, err)
		require.Equal(b, []int64{3, 3, 3}, []int64{g.Done, g.Failed, g.Cursor})
	}},
	{"of a lost attempt bring another", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		span := b.started(epoch, yonder.NewID(), 2)
		b.report(wire.Report{Epoch: epoch, Lost: []wire.Loss{{Span: span, Started: true}}})
		span.Attempt = 2
		b.same([]wire.Span{span}, spansOf(b.claim()))
	}},
	{"of the last attempt's loss fail the task", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		group := yonder.NewID()
		n := b.bundle(group, 2)
		n.MaxAttempts = 1
		spans := spansOf(b.submit(n))
		b.accept(epoch, spans...)
		one, two := spans[0], spans[0]
		one.Hi, two.Lo = 1, 1
		_, woken, err := b.Report(b.Context(), b.endpoint, wire.Report{Epoch: epoch, Lost: []wire.Loss{
			{
				Span: one, Started: true, Code: yonder.CodeWorkerFailed, Message: "killed by signal 9", Where: "node7/w3",
				Output: wire.Output{Stdout: "step 1\n", Stderr: "oh"},
			}, {Span: two, Started: true},
		}}, nil, b.now)
		require.NoError(b, err)
		require.Equal(b, store.Woken{group}, woken)
		task := b.task(n.ID.Task(0))
		require.Equal(b, yonder.CodeWorkerFailed, task.Code)
		require.Equal(b, "killed by signal 9 (attempt 1 of 1)", task.Message)
		require.Equal(b, yonder.CodeTaskLost, b.task(n.ID.Task(1)).Code)
		entries, columns := b.results(group)
		require.Len(b, entries, 2)
		require.Equal(b, wire.OutcomeFailed, entries[0].Outcome)
		require.Equal(b, []string{"step 1\n", "oh", "node7/w3"}, []string{entries[0].Stdout, entries[0].Stderr, entries[0].Worker})
		require.Empty(b, entries[1].Stdout)
		require.JSONEq(b, `{"code":"worker_failed","message":"killed by signal 9 (attempt 1 of 1)"}`, string(columns[0]))
	}},
	{"of a loss before the start spend no attempt", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		spans := spansOf(b.submit(b.bundle(yonder.NewID(), 2)))
		b.accept(epoch, spans...)
		b.report(wire.Report{Epoch: epoch, Lost: []wire.Loss{{Span: spans[0]}}})
		b.same(spans, spansOf(b.claim()))
	}},
	{"of a late result count until a newer attempt is accepted", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		span := b.started(epoch, yonder.NewID(), 3)
		b.report(wire.Report{Epoch: epoch, Lost: []wire.Loss{{Span: span, Started: true}}})
		part := func(attempt, lo int) wire.Span {
			return wire.Span{Bundle: span.Bundle, Attempt: attempt, Lo: lo, Hi: lo + 1}
		}
		require.Empty(b, b.succeed(epoch, part(1, 0)), "queued again")
		again := spansOf(b.claim())[0]
		require.Empty(b, b.succeed(epoch, part(1, 1)), "offered again")
		again.Lo = 2
		b.accept(epoch, again)
		b.same([]wire.Span{part(1, 2)}, b.succeed(epoch, part(1, 2)), "accepted again")
		require.Empty(b, b.succeed(epoch, part(2, 2)))
		require.Equal(b, 1, b.task(span.Bundle.Task(1)).Attempt)
	}},
	{"that make no sense are refused", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		span := b.started(epoch, yonder.NewID(), 2)
		r, columns := successes(epoch, span)
		_, _, err := b.Report(b.Context(), b.endpoint, r, nil, b.now)
		requireCode(b, yonder.CodeMalformedFrame, err)
		r.Results[0].Form = wire.FormEach
		_, _, err = b.Report(b.Context(), b.endpoint, r, columns, b.now)
		requireCode(b, yonder.CodeInvalidRequest, err)
		r.Results[0].Outcome = "maybe"
		_, _, err = b.Report(b.Context(), b.endpoint, r, columns, b.now)
		requireCode(b, yonder.CodeInvalidRequest, err)
	}},
	{"of blobs tie them to the bundle", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		span := b.started(epoch, yonder.NewID(), 2)
		mine, theirs := b.upload(b.owner), b.upload(b.other)
		first, second := span, span
		first.Hi, second.Lo = 1, 1
		r, columns := successes(epoch, first, second)
		r.Results[0].Blob, r.Results[1].Blob = &mine.Blob, &theirs.Blob
		b.report(r, columns...)
		record, err := b.Blob(b.Context(), mine.ID)
		require.NoError(b, err)
		require.Equal(b, span.Bundle, record.Bundle)
		record, err = b.Blob(b.Context(), theirs.ID)
		require.NoError(b, err)
		require.True(b, record.Bundle.IsZero(), "naming somebody's upload does not open it")
	}},
}
