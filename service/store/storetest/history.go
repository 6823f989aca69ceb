package storetest

import (
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

func newBundles(b *bench, tasks ...int) []store.NewBundle {
	var bundles []store.NewBundle
	for _, n := range tasks {
		bundles = append(bundles, b.bundle(yonder.NewID(), n))
	}
	return bundles
}

func (b *bench) explain(task yonder.ID) store.TaskFacts {
	b.Helper()
	facts, err := b.ExplainTask(b.Context(), task)
	require.NoError(b, err)
	require.Equal(b, b.task(task), facts.Task)
	return facts
}

var histories = []behaviour{
	{"count who is ahead in the queue", func(b *bench) {
		theirs := b.bundle(yonder.NewID(), 7)
		theirs.Owner = b.other
		urgent := b.bundle(yonder.NewID(), 1)
		urgent.Priority = 9
		mine := b.bundle(yonder.NewID(), 4)
		b.submit(b.bundle(yonder.NewID(), 5), theirs, mine, urgent)
		facts := b.explain(mine.ID.Task(2))
		require.Equal(b, store.Ahead{Own: 5 + 2 + 1, Others: 7}, facts.Ahead)
		require.Equal(b, b.endpoint, facts.Endpoint.ID)
		require.Nil(b, facts.Endpoint.LastSeen)
		_, err := b.ExplainTask(b.Context(), mine.ID.Task(4))
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.ExplainTask(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"keep every attempt that ended without a result", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		n := b.bundle(yonder.NewID(), 4)
		n.MaxAttempts = 3
		span := spansOf(b.submit(n))[0]
		b.accept(epoch, span)
		began := b.now
		b.report(wire.Report{Epoch: epoch, Started: []wire.Span{span}})
		b.now = b.now.Add(time.Minute)
		lost := span
		lost.Lo, lost.Hi = 1, 3
		b.report(wire.Report{Epoch: epoch, Lost: []wire.Loss{{
			Span: lost, Started: true, Code: yonder.CodeWorkerFailed, Message: "killed by signal 11", Where: "node7/w3",
		}}})
		first := yonder.Attempt{
			Number: 1, Endpoint: b.endpoint, Epoch: epoch, Place: "node7/w3", State: yonder.RangeStarted, Since: began, Ended: b.now,
			Code: yonder.CodeWorkerFailed, Message: "killed by signal 11",
		}
		require.Equal(b, []yonder.Attempt{first}, b.explain(n.ID.Task(2)).Attempts)
		require.Empty(b, b.explain(n.ID.Task(3)).Attempts)
		require.Equal(b, "pickle", b.explain(n.ID.Task(3)).Codec)

		// Returned without having begun: no attempt is spent, and none is kept.
		again := spansOf(b.claim())
		b.accept(epoch, again...)
		b.report(wire.Report{Epoch: epoch, Lost: []wire.Loss{{Span: again[0], Code: yonder.CodeUnavailable}}})
		require.Equal(b, []yonder.Attempt{first}, b.explain(n.ID.Task(2)).Attempts)

		again = spansOf(b.claim())
		b.accept(epoch, again...)
		_, err := b.CancelTasks(b.Context(), store.Cancel{Task: n.ID.Task(2), Why: "enough"})
		require.NoError(b, err)
		facts := b.explain(n.ID.Task(2))
		require.Equal(b, "enough", facts.CancelWhy)
		require.NotNil(b, facts.CancelAsked)
		stop := again[0]
		stop.Lo, stop.Hi = 2, 3
		b.now = b.now.Add(time.Minute)
		b.report(wire.Report{Epoch: epoch, Cancelled: []wire.Stopped{{Span: stop, How: wire.StoppedWaiting}}})
		facts = b.explain(n.ID.Task(2))
		require.Len(b, facts.Attempts, 2)
		require.Equal(b, yonder.CodeTaskCancelled, facts.Attempts[1].Code)
		require.Equal(b, "it was stopped on request; no worker had begun it", facts.Attempts[1].Message)

		e, err := b.ExplainEndpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Len(b, e.Failures, 2)
		require.Equal(b, yonder.CodeTaskCancelled, e.Failures[0].Code, "the newest first")
	}},
	{"keep what a lost attempt wrote beside the result, for as long", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		n := b.bundle(yonder.NewID(), 2)
		n.MaxAttempts = 2
		span := spansOf(b.submit(n))[0]
		b.accept(epoch, span)
		said := wire.Output{Stdout: "one\n", Stderr: strings.Repeat("x", 100<<10) + "end"}
		lose := func(span wire.Span) {
			loss := wire.Loss{Span: span, Started: true, Code: yonder.CodeWorkerFailed, Message: "crashed", Output: said}
			b.report(wire.Report{Epoch: epoch, Lost: []wire.Loss{loss}})
		}
		first := span
		first.Lo, first.Hi = 1, 2
		lose(first)
		a, output, err := b.Attempt(b.Context(), n.ID.Task(1), 1)
		require.NoError(b, err)
		require.Equal(b, "one\n", output.Stdout)
		require.Less(b, len(output.Stderr), wire.MaxLostOutput+1<<10)
		require.Contains(b, output.Stderr, "bytes left out")
		require.Equal(b, []yonder.Attempt{a}, b.explain(n.ID.Task(1)).Attempts)
		require.EqualValues(b, output.Len(), a.Written)
		_, _, err = b.Attempt(b.Context(), n.ID.Task(0), 1)
		requireCode(b, yonder.CodeNotFound, err)

		again := spansOf(b.claim())
		b.accept(epoch, again...)
		lose(again[0])
		_, output, err = b.Attempt(b.Context(), n.ID.Task(1), 2)
		require.NoError(b, err)
		require.Zero(b, output, "it stands with the result")
		entry, _, err := b.TaskResult(b.Context(), n.ID.Task(1))
		require.NoError(b, err)
		require.Equal(b, said.Stdout, entry.Stdout)

		b.later(14 * day)
		b.retire()
		a, output, err = b.Attempt(b.Context(), n.ID.Task(1), 1)
		require.NoError(b, err)
		require.Zero(b, output)
		require.Zero(b, a.Written)
	}},
	{"say where a result came from", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		span := b.started(epoch, yonder.NewID(), 1)
		r, columns := successes(epoch, span)
		r.Results[0].Worker = "node7/w3"
		b.report(r, columns...)
		facts := b.explain(span.Bundle.Task(0))
		require.Equal(b, "node7/w3", facts.Worker)
		require.Equal(b, b.now, *facts.Accepted)
		require.Equal(b, yonder.TaskSucceeded, facts.Task.State)
	}},
	{"of an endpoint are its sessions and whose tasks it has", func(b *bench) {
		b.live(b.endpoint, 1)
		require.NoError(b, b.CloseSession(b.Context(), b.endpoint, 1, b.now.Add(time.Second)))
		for range 25 {
			b.open(b.endpoint, 1)
		}
		b.live(b.endpoint, 3)
		theirs := b.bundle(yonder.NewID(), 4)
		theirs.Owner = b.other
		b.submit(append(newBundles(b, 2), theirs)...)
		e, err := b.ExplainEndpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Len(b, e.Visits, 20)
		require.EqualValues(b, 27, e.Visits[0].Epoch)
		require.Equal(b, []store.Share{
			{Owner: b.other, Name: "bob", Queued: 3, Given: 1}, {Owner: b.owner, Name: "ada", Given: 2},
		}, e.Shares)
		require.Equal(b, wire.Capacity{Tasks: 3, Bytes: 128 << 20}, e.Capacity)
		_, err = b.ExplainEndpoint(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"keep when a session said goodbye", func(b *bench) {
		b.live(b.endpoint, 1)
		later := b.now.Add(time.Second)
		require.NoError(b, b.CloseSession(b.Context(), b.endpoint, 1, later))
		e, err := b.ExplainEndpoint(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.Equal(b, []store.Visit{{Epoch: 1, Opened: b.now, Closed: &later}}, e.Visits)
	}},
}
