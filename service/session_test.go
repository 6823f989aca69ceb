package service_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// An offer that nobody answers is sent again; accepting it twice is harmless.
func TestALostOfferIsSentAgain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.submit(t, 3)
	first, _ := w.agent.Offered(t)
	again, columns := w.agent.Offered(t)
	require.Equal(t, first, again)
	require.Len(t, columns, 3)
	w.agent.Accept(t, again)
	w.agent.Accept(t, first)
	w.agent.Finish(t, first, value)
	repeated := servicetest.Ask[wire.Spans](t, w.agent, "report", wire.KindReport, wire.Report{Epoch: w.agent.Epoch, Results: []wire.Entry{
		{Bundle: b.ID, Attempt: 1, Lo: 0, Hi: 3, Outcome: wire.OutcomeOK, Form: wire.FormChunk},
	}}, wire.KindSpans, value)
	span := first[0].Span
	span.Grant = 0 // a result names no offer
	require.Equal(t, []wire.Span{span}, repeated.Spans, "one result is accepted, however many arrive")
	group := servicetest.Call[yonder.Group](t, w.Service, w.Admin, "GET", "/v1/groups/"+b.Group.String(), nil)
	require.EqualValues(t, 3, group.Done)
	require.EqualValues(t, 3, group.Cursor)
}

func TestANewSessionFencesTheOld(t *testing.T) {
	t.Parallel()
	w := setup(t)
	old := *w.agent
	w.agent.Live(t, 10)
	frame := old.Hint(t, "fence")
	var fence wire.Fence
	require.NoError(t, frame.Decode(wire.KindFence, &fence))
	for verb, c := range map[string]struct {
		kind   wire.Kind
		header any
	}{
		"reconcile": {wire.KindReconcile, wire.Reconcile{Epoch: old.Epoch, Last: true}},
		"accept":    {wire.KindAccept, wire.Accept{Epoch: old.Epoch}},
		"report":    {wire.KindReport, wire.Report{Epoch: old.Epoch}},
		"heartbeat": {wire.KindHeartbeat, wire.Heartbeat{Epoch: old.Epoch}},
		"close":     {wire.KindSessionClose, wire.Spans{Epoch: old.Epoch}},
	} {
		old.Refused(t, yonder.CodeSessionFenced, verb, c.kind, c.header)
	}
}

// Whatever an agent sends, it gets an answer that says what is wrong.
func TestMalformedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	span := wire.Span{Bundle: yonder.NewBundleID(), Attempt: 1, Lo: 5, Hi: 1}
	for name, c := range map[string]struct {
		verb   string
		kind   wire.Kind
		header any
		code   yonder.Code
	}{
		"unknown verb":    {"dance", wire.KindReport, wire.Report{}, yonder.CodeInvalidRequest},
		"wrong kind":      {"report", wire.KindAccept, wire.Accept{}, yonder.CodeMalformedFrame},
		"wrong header":    {"report", wire.KindReport, "text", yonder.CodeMalformedFrame},
		"old wire":        {"open", wire.KindSessionOpen, wire.SessionOpen{WireOldest: 90, WireNewest: 99}, yonder.CodeUnsupportedWire},
		"no journal":      {"open", wire.KindSessionOpen, wire.SessionOpen{WireOldest: 1, WireNewest: 1}, yonder.CodeInvalidRequest},
		"accept no span":  {"accept", wire.KindAccept, wire.Accept{Epoch: 1, Spans: []wire.Span{span}}, yonder.CodeInvalidRequest},
		"decline no span": {"accept", wire.KindAccept, wire.Accept{Epoch: 1, Declined: []wire.Span{span}}, yonder.CodeInvalidRequest},
		"hold no span": {
			"reconcile", wire.KindReconcile, wire.Reconcile{Epoch: 1, Held: []wire.Holding{{Span: span}}}, yonder.CodeInvalidRequest,
		},
		"hold too much":     {"reconcile", wire.KindReconcile, wire.Reconcile{Epoch: 1, Held: make([]wire.Holding, 2001)}, yonder.CodeInvalidRequest},
		"result of no task": {"report", wire.KindReport, wire.Report{Epoch: 1, Results: []wire.Entry{{}}}, yonder.CodeMalformedFrame},
		"negative capacity": {
			"heartbeat", wire.KindHeartbeat, wire.Heartbeat{Epoch: 1, Capacity: wire.Capacity{Tasks: -1}}, yonder.CodeInvalidRequest,
		},
		"unknown function": {"function", wire.KindFunctionGet, wire.FunctionGet{Epoch: 1, Hash: "x"}, yonder.CodeNotFound},
	} {
		t.Log(name)
		w.agent.Refused(t, c.code, c.verb, c.kind, c.header)
	}
	w.agent.Live(t, 1)
}

// An endpoint reports on its own tasks only, and asks for functions of its
// own leases only.
func TestAnEndpointKnowsNothingOfOthers(t *testing.T) {
	t.Parallel()
	w := setup(t)
	other := w.Endpoint(t, w.Admin, "other")
	thief := w.Agent(t, other).Live(t, 10)
	b := w.submit(t, 1)
	leases, _ := w.agent.Offered(t)
	w.agent.Accept(t, leases)

	span := leases[0].Span
	entry := wire.Entry{Bundle: span.Bundle, Attempt: 1, Lo: 0, Hi: 1, Outcome: wire.OutcomeOK, Form: wire.FormEach}
	refused := servicetest.Ask[wire.Spans](t, thief, "report", wire.KindReport,
		wire.Report{Epoch: thief.Epoch, Results: []wire.Entry{entry}}, wire.KindSpans, value)
	bare := span
	bare.Grant = 0 // a result names no offer
	require.Equal(t, []wire.Span{bare}, refused.Spans)
	refused = servicetest.Ask[wire.Spans](t, thief, "accept", wire.KindAccept,
		wire.Accept{Epoch: thief.Epoch, Spans: []wire.Span{span}}, wire.KindSpans)
	require.Equal(t, []wire.Span{span}, refused.Spans)
	servicetest.Ask[wire.Spans](t, thief, "report", wire.KindReport, wire.Report{
		Epoch: thief.Epoch, Lost: []wire.Loss{{Span: span, Started: true}}, Cancelled: []wire.Stopped{{Span: span}},
	}, wire.KindSpans)
	thief.Refused(t, yonder.CodeNotFound, "function", wire.KindFunctionGet, wire.FunctionGet{Epoch: thief.Epoch, Hash: leases[0].Hash})

	w.agent.Finish(t, leases, value)
	result := servicetest.Call[wire.Result](t, w.Service, w.Admin, "GET", "/v1/tasks/"+b.ID.String()+"/result?wait=5s", nil)
	require.Equal(t, wire.OutcomeOK, result.Outcome)
}

// Credit bounds what is offered, and finishing makes room at once.
func TestCreditIsKept(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.agent.Live(t, 4)
	w.submit(t, 10)
	for _, n := range []int{4, 4, 2} {
		leases, _ := w.agent.Offered(t)
		total := 0
		for _, l := range leases {
			total += l.Tasks()
		}
		require.Equal(t, n, total)
		w.agent.Accept(t, leases)
		w.agent.Finish(t, leases, value)
	}
}

// Offers are cut to frames that the fabric carries.
func TestLargeBundlesTravelInFrames(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b, _ := servicetest.Bundle(w.function.ID, w.endpoint.ID, 40)
	payloads := make([][]byte, 40)
	for i := range payloads {
		payloads[i] = make([]byte, 100<<10)
		payloads[i][0] = byte(i)
	}
	w.Submit(t, w.Admin, b, payloads)
	for next := 0; next < 40; {
		leases, columns := w.agent.Offered(t)
		for _, l := range leases {
			require.Equal(t, next, l.Lo)
			for i := range l.Columns {
				require.Equal(t, byte(next+i), columns[i][0])
			}
			columns = columns[l.Columns:]
			next = l.Hi
		}
		require.Empty(t, columns)
		w.agent.Accept(t, leases)
	}
}

func TestLargeFunctionsTravelOverHTTP(t *testing.T) {
	t.Parallel()
	w := setup(t)
	body := make([]byte, 700<<10)
	w.function = servicetest.Call[yonder.Function](t, w.Service, w.Admin, "POST", "/v1/functions", wire.RegisterFunction{Name: "large", Body: body})
	w.submit(t, 1)
	leases, _ := w.agent.Offered(t)
	answer := servicetest.Ask[wire.FunctionBody](t, w.agent, "function", wire.KindFunctionGet,
		wire.FunctionGet{Epoch: w.agent.Epoch, Hash: leases[0].Hash}, wire.KindFunction)
	require.EqualValues(t, len(body), answer.Blob.Size)
	_, got := w.Do(t, w.endpoint.Credential, "GET", "/v1/agent/functions/"+leases[0].Hash, nil)
	require.Equal(t, body, got)
}

func TestSilenceIsNoticedAndHeard(t *testing.T) {
	t.Parallel()
	w := setup(t, func(c *service.Config) { c.Heartbeat, c.Silence = 50*time.Millisecond, 200*time.Millisecond })
	path := "/v1/endpoints/" + w.endpoint.ID.String()
	require.Eventually(t, func() bool {
		return !servicetest.Call[yonder.Endpoint](t, w.Service, w.Admin, "GET", path, nil).Online
	}, patience, tick)
	b := w.submit(t, 1)
	servicetest.Ask[wire.HeartbeatReply](t, w.agent, "heartbeat", wire.KindHeartbeat,
		wire.Heartbeat{Epoch: w.agent.Epoch, Capacity: wire.Capacity{Tasks: 5, Bytes: 1 << 20}}, wire.KindHeartbeatReply)
	leases, _ := w.agent.Offered(t)
	require.Equal(t, b.ID, leases[0].Bundle, "a heartbeat after silence brings what has waited")
}

func TestTasksExpire(t *testing.T) {
	t.Parallel()
	w := setup(t)
	offline := w.Endpoint(t, w.Admin, "offline")
	b, payloads := servicetest.Bundle(w.function.ID, offline.ID, 2)
	soon := time.Now().Add(time.Second) // after the submission has come in, on any machine
	b.GiveUpAt = &soon
	w.Submit(t, w.Admin, b, payloads)
	result := servicetest.Call[wire.Result](t, w.Service, w.Admin, "GET", "/v1/tasks/"+b.ID.Task(1).String()+"/result?wait=20s", nil)
	require.Equal(t, yonder.CodeTaskExpired, result.Error.Code)
}

func TestClosingReturnsWhatWasOffered(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.submit(t, 2)
	w.agent.Offered(t)
	servicetest.Ask[wire.Spans](t, w.agent, "close", wire.KindSessionClose, wire.Spans{Epoch: w.agent.Epoch}, wire.KindSpans)
	task := servicetest.Call[yonder.Task](t, w.Service, w.Admin, "GET", "/v1/tasks/"+b.ID.String(), nil)
	require.Equal(t, yonder.RangeQueued, task.State)
	w.agent.Live(t, 10)
	leases, _ := w.agent.Offered(t)
	require.Equal(t, 1, leases[0].Attempt, "no attempt was spent")
}
