package service_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// A bundle in more pieces than an answer can name: an accept or a
// reconciliation of all of it is refused, and half of it, or a quarter, is not.
// A report is answered in any case.
func TestABundleInThousandsOfPieces(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const tasks, page = 23_000, 3000
	w.agent.Live(t, tasks)
	b := w.submit(t, tasks)
	var leases []wire.Lease
	for got := 0; got < tasks; {
		more, _ := w.agent.Offered(t)
		w.agent.Accept(t, more)
		for _, l := range more {
			got += l.Tasks()
		}
		leases = append(leases, more...)
	}
	report := wire.Report{Epoch: w.agent.Epoch}
	var columns [][]byte
	for i := 1; i < tasks; i += 2 {
		report.Results = append(report.Results, wire.Entry{
			Bundle: b.ID, Attempt: 1, Lo: i, Hi: i + 1, Outcome: wire.OutcomeOK, Form: wire.FormEach,
		})
		columns = append(columns, value)
		if len(columns) == page || i == tasks-1 {
			servicetest.Ask[wire.Spans](t, w.agent, "report", wire.KindReport, report, wire.KindSpans, columns...)
			report.Results, columns = nil, nil
		}
	}

	span := wire.Span{Bundle: b.ID, Attempt: 1, Lo: 0, Hi: tasks, Grant: leases[0].Grant}
	for _, l := range leases {
		require.Equal(t, span.Grant, l.Grant, "one offer, in several messages")
	}
	w.agent.Refused(t, yonder.CodeTooLarge, "accept", wire.KindAccept, wire.Accept{Epoch: w.agent.Epoch, Spans: []wire.Span{span}})
	whole := wire.Reconcile{Epoch: w.agent.Epoch, Held: []wire.Holding{{Span: span, State: yonder.RangeAccepted}}, Last: true}
	w.agent.Refused(t, yonder.CodeTooLarge, "reconcile", wire.KindReconcile, whole)
	refused := 0
	for lo := 0; lo < tasks; lo += tasks / 4 {
		part := span
		part.Lo, part.Hi = lo, lo+tasks/4
		answer := servicetest.Ask[wire.Spans](t, w.agent, "accept", wire.KindAccept,
			wire.Accept{Epoch: w.agent.Epoch, Spans: []wire.Span{part}}, wire.KindSpans)
		refused += len(answer.Spans)
	}
	require.Equal(t, tasks/2, refused)

	const few = 4000
	all := wire.Entry{Bundle: b.ID, Attempt: 1, Lo: 0, Hi: few, Outcome: wire.OutcomeFailed, Form: wire.FormChunk}
	answer := servicetest.Ask[wire.Spans](t, w.agent, "report", wire.KindReport,
		wire.Report{Epoch: w.agent.Epoch, Results: []wire.Entry{all}}, wire.KindSpans, []byte(`{"code":"worker_failed","message":"it ended"}`))
	require.Len(t, answer.Spans, 1000, "the first of them")
	group := servicetest.Call[yonder.Group](t, w.Service, w.Admin, "GET", "/v1/groups/"+b.Group.String(), nil)
	require.EqualValues(t, tasks/2+few/2, group.Done, "each has one result")
	require.EqualValues(t, few/2, group.Failed)
}
