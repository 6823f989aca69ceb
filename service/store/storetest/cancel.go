package storetest

import (
	"encoding/json"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// inEveryState makes a group with one task in each state of a range, and one
// that is done. It returns them by state.
func (b *bench) inEveryState(epoch int64, group yonder.ID) map[yonder.State]yonder.ID {
	b.Helper()
	ids := map[yonder.State]yonder.ID{}
	done := b.started(epoch, group, 1)
	b.succeed(epoch, done)
	ids[yonder.TaskSucceeded] = done.Bundle.Task(0)
	ids[yonder.RangeStarted] = b.started(epoch, group, 1).Bundle.Task(0)
	accepted := spansOf(b.submit(b.bundle(group, 1)))
	b.accept(epoch, accepted...)
	ids[yonder.RangeAccepted] = accepted[0].Bundle.Task(0)
	ids[yonder.RangeOffered] = spansOf(b.submit(b.bundle(group, 1)))[0].Bundle.Task(0)
	queued := b.bundle(group, 1)
	require.Empty(b, b.submit(queued))
	ids[yonder.RangeQueued] = queued.ID.Task(0)
	for state, id := range ids {
		require.Equal(b, state, b.task(id).State)
	}
	return ids
}

var cancels = []behaviour{
	{"of a task depend on its state", func(b *bench) {
		epoch := b.live(b.endpoint, 3)
		group := yonder.NewID()
		ids := b.inEveryState(epoch, group)
		for _, c := range []struct {
			state  yonder.State
			answer wire.Cancelled
			after  yonder.State
			stops  bool
		}{
			{yonder.RangeQueued, wire.Cancelled{Cancelled: 1}, yonder.TaskCancelled, false},
			{yonder.RangeOffered, wire.Cancelled{Cancelled: 1}, yonder.TaskCancelled, true},
			{yonder.RangeAccepted, wire.Cancelled{Stopping: 1}, yonder.RangeAccepted, true},
			{yonder.RangeStarted, wire.Cancelled{Stopping: 1}, yonder.RangeStarted, true},
			{yonder.TaskSucceeded, wire.Cancelled{Done: 1}, yonder.TaskSucceeded, false},
		} {
			answer, stops, woken, err := b.CancelTask(b.Context(), ids[c.state])
			require.NoError(b, err)
			require.Equal(b, c.answer, answer, c.state)
			task := b.task(ids[c.state])
			require.Equal(b, c.after, task.State)
			require.Equal(b, c.answer.Stopping == 1, task.Cancel)
			require.Equal(b, c.answer.Cancelled == 1, len(woken) == 1)
			if !c.stops {
				require.Empty(b, stops)
				continue
			}
			span := wire.Span{Bundle: task.ID.Bundle(), Attempt: 1, Lo: 0, Hi: 1}
			require.Len(b, stops, 1)
			require.Equal(b, []any{b.endpoint, epoch}, []any{stops[0].Endpoint, stops[0].Epoch})
			b.same([]wire.Span{span}, stops[0].Spans)
		}
		_, _, _, err := b.CancelTask(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
		_, _, _, err = b.CancelTask(b.Context(), ids[yonder.RangeStarted].Task(1))
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"of a group reach all of its tasks", func(b *bench) {
		epoch := b.live(b.endpoint, 3)
		group := yonder.NewID()
		ids := b.inEveryState(epoch, group)
		bystander := b.bundle(yonder.NewID(), 1)
		b.submit(bystander)
		answer, stops, woken, err := b.CancelGroup(b.Context(), group)
		require.NoError(b, err)
		require.Equal(b, wire.Cancelled{Cancelled: 2, Stopping: 2, Done: 1}, answer)
		require.Equal(b, store.Woken{group}, woken)
		require.Len(b, stops, 1)
		require.Len(b, stops[0].Spans, 3)
		require.Equal(b, yonder.CodeTaskCancelled, b.task(ids[yonder.RangeQueued]).Code)
		require.Equal(b, yonder.RangeQueued, b.task(bystander.ID.Task(0)).State)

		answer, _, woken, err = b.CancelGroup(b.Context(), group)
		require.NoError(b, err)
		require.Equal(b, wire.Cancelled{Stopping: 2, Done: 3}, answer)
		require.Empty(b, woken)
		_, _, _, err = b.CancelGroup(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"of a group of very many bundles reach them all", func(b *bench) {
		group := yonder.NewID()
		bundles := make([]store.NewBundle, 501)
		for i := range bundles {
			bundles[i] = b.bundle(group, 2)
		}
		b.submit(bundles...)
		answer, _, woken, err := b.CancelGroup(b.Context(), group)
		require.NoError(b, err)
		require.Equal(b, wire.Cancelled{Cancelled: 1002}, answer)
		require.Equal(b, store.Woken{group}, woken)
	}},
	{"of a bundle reach all of its tasks", func(b *bench) {
		epoch := b.live(b.endpoint, 4)
		n := b.bundle(yonder.NewID(), 6)
		spans := spansOf(b.submit(n))
		b.accept(epoch, spans...)
		done := spans[0]
		done.Hi = 1
		b.succeed(epoch, done)
		c, err := b.CancelTasks(b.Context(), store.Cancel{Bundle: n.ID})
		require.NoError(b, err)
		require.Equal(b, wire.Cancelled{Cancelled: 2, Stopping: 3, Done: 1}, c.Cancelled)
		_, err = b.CancelTasks(b.Context(), store.Cancel{Bundle: yonder.NewBundleID()})
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"of an endpoint or an owner reach those tasks and no others", func(b *bench) {
		elsewhere := b.newEndpoint("elsewhere")
		submit := func(owner, endpoint yonder.ID) yonder.ID {
			n := b.bundle(yonder.NewID(), 2)
			n.Owner, n.Endpoint = owner, endpoint
			b.submit(n)
			return n.ID
		}
		for _, c := range []struct {
			cancel store.Cancel
			ends   []string
		}{
			{store.Cancel{Endpoint: b.endpoint}, []string{"mine here", "theirs here"}},
			{store.Cancel{Owner: b.owner}, []string{"mine here", "mine there"}},
			{store.Cancel{Endpoint: elsewhere, Owner: b.other}, []string{"theirs there"}},
		} {
			tasks := map[string]yonder.ID{
				"mine here": submit(b.owner, b.endpoint), "mine there": submit(b.owner, elsewhere),
				"theirs here": submit(b.other, b.endpoint), "theirs there": submit(b.other, elsewhere),
			}
			total, _, _, err := b.cancelAll(b.Context(), c.cancel)
			require.NoError(b, err)
			require.Equal(b, wire.Cancelled{Cancelled: 2 * len(c.ends)}, total)
			var ended []string
			for name, id := range tasks {
				if b.task(id).State == yonder.TaskCancelled {
					ended = append(ended, name)
				}
			}
			require.ElementsMatch(b, c.ends, ended)
			for _, owner := range []yonder.ID{b.owner, b.other} { // so that the next case begins anew
				_, _, _, err = b.cancelAll(b.Context(), store.Cancel{Owner: owner})
				require.NoError(b, err)
			}
		}
	}},
	{"tell in the task's record why, and what became of it", func(b *bench) {
		epoch := b.live(b.endpoint, 4)
		why := "the task was cancelled: wrong input"
		spans := make([]wire.Span, 3)
		for i := range spans {
			spans[i] = b.started(epoch, yonder.NewID(), 1)
		}
		queued := b.bundle(yonder.NewID(), 4) // one of them is offered
		b.submit(queued)
		for _, span := range spans {
			_, err := b.CancelTasks(b.Context(), store.Cancel{Task: span.Bundle.Task(0), Why: why})
			require.NoError(b, err)
		}
		_, err := b.CancelTasks(b.Context(), store.Cancel{Task: queued.ID.Task(3), Why: why})
		require.NoError(b, err)
		b.report(wire.Report{Epoch: epoch, Cancelled: []wire.Stopped{
			{Span: spans[0], How: wire.StoppedTerminated, Seconds: 0.34, Output: wire.Output{Stdout: "step 1\n"}},
			{Span: spans[1], How: wire.StoppedKilled, Seconds: 5.01},
			{Span: spans[2]},
		}})
		for task, message := range map[yonder.ID]string{
			spans[0].Bundle.Task(0): why + "; it ended 0.3 s after SIGTERM",
			spans[1].Bundle.Task(0): why + "; it ignored SIGTERM and was killed 5 s later",
			spans[2].Bundle.Task(0): why,
			queued.ID.Task(3):       why + "; no worker had begun it",
		} {
			require.Equal(b, message, b.task(task).Message)
			entry, payload, err := b.TaskResult(b.Context(), task)
			require.NoError(b, err)
			require.Equal(b, task == spans[0].Bundle.Task(0), entry.Stdout == "step 1\n")
			var failure wire.TaskError
			require.NoError(b, json.Unmarshal(payload, &failure))
			require.Equal(b, wire.TaskError{Code: yonder.CodeTaskCancelled, Message: message}, failure)
		}
	}},
	{"are repeated with heartbeats until the agent has stopped the task", func(b *bench) {
		epoch := b.live(b.endpoint, 3)
		span := b.started(epoch, yonder.NewID(), 1)
		_, _, _, err := b.CancelTask(b.Context(), span.Bundle.Task(0))
		require.NoError(b, err)
		beat := func() []wire.Span {
			reply, _, err := b.Heartbeat(b.Context(), b.endpoint, wire.Heartbeat{Epoch: epoch}, b.now)
			require.NoError(b, err)
			return reply.Cancel
		}
		b.same([]wire.Span{span}, beat())
		b.report(wire.Report{Epoch: epoch, Cancelled: stopped(span)})
		require.Empty(b, beat())
		task := b.task(span.Bundle.Task(0))
		require.Equal(b, yonder.TaskCancelled, task.State)
		require.Equal(b, yonder.CodeTaskCancelled, task.Code)
	}},
	{"that come too late leave the result", func(b *bench) {
		epoch := b.live(b.endpoint, 3)
		span := b.started(epoch, yonder.NewID(), 1)
		_, _, _, err := b.CancelTask(b.Context(), span.Bundle.Task(0))
		require.NoError(b, err)
		require.Empty(b, b.succeed(epoch, span))
		require.Equal(b, yonder.TaskSucceeded, b.task(span.Bundle.Task(0)).State)
	}},
	{"of an offered task keep its accept from counting", func(b *bench) {
		epoch := b.live(b.endpoint, 3)
		spans := spansOf(b.submit(b.bundle(yonder.NewID(), 1)))
		_, _, _, err := b.CancelTask(b.Context(), spans[0].Bundle.Task(0))
		require.NoError(b, err)
		b.same(spans, b.refused(epoch, spans...))
	}},
	{"by time end tasks in every state", func(b *bench) {
		epoch := b.live(b.endpoint, 3)
		group := yonder.NewID()
		giveUp := b.now.Add(time.Minute)
		var bundles []store.NewBundle
		for range 4 {
			n := b.bundle(group, 1)
			n.GiveUpAt = &giveUp
			bundles = append(bundles, n)
		}
		patient := b.bundle(group, 1)
		spans := spansOf(b.submit(append(bundles, patient)...))
		b.accept(epoch, spans[:2]...)
		b.report(wire.Report{Epoch: epoch, Started: spans[:1]})

		n, _, _, err := b.ExpireTasks(b.Context(), giveUp, 100)
		require.NoError(b, err)
		require.Zero(b, n, "not yet")
		n, stops, woken, err := b.ExpireTasks(b.Context(), giveUp.Add(time.Second), 100)
		require.NoError(b, err)
		require.Equal(b, 4, n)
		require.Equal(b, store.Woken{group}, woken)
		require.Equal(b, []store.Stop{{Endpoint: b.endpoint, Epoch: epoch, Spans: spans}}, stops)
		for _, bundle := range bundles {
			require.Equal(b, yonder.CodeTaskExpired, b.task(bundle.ID.Task(0)).Code)
		}
		require.Equal(b, yonder.RangeQueued, b.task(patient.ID.Task(0)).State)
		b.same(spans[:1], b.succeed(epoch, spans[0]), "a result after that does not count")
		n, _, _, err = b.ExpireTasks(b.Context(), giveUp.Add(time.Second), 100)
		require.NoError(b, err)
		require.Zero(b, n)
	}},
	{"of a million queued tasks write a row for each bundle", func(b *bench) {
		const bundles, million = 16, 16 * yonder.MaxBundleTasks
		group := yonder.NewID()
		for range bundles {
			require.Empty(b, b.submit(b.chunk(group, yonder.MaxBundleTasks)))
		}
		answer, stops, _, err := b.CancelGroup(b.Context(), group)
		require.NoError(b, err)
		require.Empty(b, stops)
		require.Equal(b, wire.Cancelled{Cancelled: million}, answer)
		g, err := b.Group(b.Context(), group)
		require.NoError(b, err)
		require.EqualValues(b, million, g.Done)
		require.EqualValues(b, million, g.Failed)
		entries, columns := b.results(group)
		require.Len(b, entries, bundles)
		size := 0
		for _, column := range columns {
			size += len(column)
		}
		require.Less(b, size, bundles<<10, "what is said of all is said once")
	}},
	{"by time do a bounded amount", func(b *bench) {
		past := b.now.Add(-time.Second)
		for range 3 {
			n := b.bundle(yonder.NewID(), 2)
			n.GiveUpAt = &past
			b.submit(n)
		}
		n, _, _, err := b.ExpireTasks(b.Context(), b.now, 2)
		require.NoError(b, err)
		require.Equal(b, 4, n)
	}},
}
