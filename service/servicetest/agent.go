package servicetest

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Agent plays an endpoint's agent: it speaks the fabric's protocol over a real
// WebSocket, and does what the test tells it.
type Agent struct {
	*nats.Conn

	Endpoint yonder.ID
	Epoch    int64
	Isolated bool           // its runtime keeps users apart, says Live
	Hints    chan *nats.Msg // all that the service says unasked
}

// dialer opens the WebSocket for the NATS client.
type dialer struct {
	service *Service
	token   string
}

// InProcessConn implements nats.InProcessConnProvider.
func (d dialer) InProcessConn() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ws, answer, err := websocket.Dial(ctx, d.service.URL()+"/v1/fabric", &websocket.DialOptions{
		HTTPClient: d.service.HTTP(), HTTPHeader: http.Header{"Authorization": {"Bearer " + d.token}},
	})
	if answer != nil && answer.Body != nil {
		defer answer.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	return websocket.NetConn(context.Background(), ws, websocket.MessageBinary), nil
}

// Dial connects to the fabric: bearer opens the WebSocket, token goes into
// the CONNECT.
func (s *Service) Dial(bearer, token string, endpoint yonder.ID, options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", append([]nats.Option{
		nats.InProcessServer(dialer{s, bearer}), nats.Token(token), nats.NoReconnect(),
		nats.CustomInboxPrefix("_INBOX_" + endpoint.String()),
	}, options...)...)
}

// Agent connects as the endpoint's agent.
func (s *Service) Agent(tb testing.TB, e wire.RegisteredEndpoint) *Agent {
	tb.Helper()
	conn, err := s.Dial(e.Credential, e.Credential, e.ID)
	require.NoError(tb, err)
	tb.Cleanup(conn.Close)
	a := &Agent{Conn: conn, Endpoint: e.ID, Hints: make(chan *nats.Msg, 10_000)}
	_, err = conn.ChanSubscribe("ep."+e.ID.String()+".>", a.Hints)
	require.NoError(tb, err)
	require.NoError(tb, conn.Flush())
	return a
}

// Live opens a session with room for tasks and reconciles nothing.
func (a *Agent) Live(tb testing.TB, tasks int) *Agent {
	tb.Helper()
	opened := Ask[wire.SessionOpened](tb, a, "open", wire.KindSessionOpen, wire.SessionOpen{
		WireOldest: wire.Oldest, WireNewest: wire.Version, Journal: yonder.NewID(),
		Capabilities: wire.Capabilities{
			Runtime: "process", Isolated: a.Isolated, Kinds: []string{"python"}, Pythons: []wire.Interpreter{{Version: "3.11.7"}},
		},
		Capacity: wire.Capacity{Tasks: tasks, Bytes: 1 << 30},
	}, wire.KindSessionOpened)
	a.Epoch = opened.Epoch
	Ask[wire.Reconciled](tb, a, "reconcile", wire.KindReconcile, wire.Reconcile{Epoch: a.Epoch, Last: true}, wire.KindReconciled)
	return a
}

// Request sends a frame and returns the answer.
func (a *Agent) Request(tb testing.TB, verb string, kind wire.Kind, header any, columns ...[]byte) wire.Frame {
	tb.Helper()
	frame, err := wire.NewFrame(kind, header, columns...)
	require.NoError(tb, err)
	answer, err := a.Conn.Request("svc."+a.Endpoint.String()+"."+verb, frame.Bytes(), 20*time.Second)
	require.NoError(tb, err)
	parsed, err := wire.Parse(answer.Data)
	require.NoError(tb, err)
	return parsed
}

// Ask sends a request that must succeed.
func Ask[T any](tb testing.TB, a *Agent, verb string, kind wire.Kind, header any, want wire.Kind, columns ...[]byte) T {
	tb.Helper()
	answer := a.Request(tb, verb, kind, header, columns...)
	var out T
	require.Equal(tb, want, answer.Kind, "%s", answer.Header)
	require.NoError(tb, answer.Decode(want, &out))
	return out
}

// Answer answers the service's questions until the returned function is called.
func (a *Agent) Answer(tb testing.TB, how func(wire.Look) wire.View) func() {
	tb.Helper()
	questions, err := a.Subscribe("ep."+a.Endpoint.String()+".look", func(m *nats.Msg) {
		var look wire.Look
		frame, err := wire.Parse(m.Data)
		if err != nil || frame.Decode(wire.KindLook, &look) != nil {
			return
		}
		if answer, err := wire.NewFrame(wire.KindView, how(look)); err == nil {
			_ = m.Respond(answer.Bytes()) // as at the test's end
		}
	})
	require.NoError(tb, err)
	require.NoError(tb, a.Flush())
	return func() { require.NoError(tb, questions.Unsubscribe()) }
}

// Refused sends a request that must fail with the code.
func (a *Agent) Refused(tb testing.TB, code yonder.Code, verb string, kind wire.Kind, header any, columns ...[]byte) {
	tb.Helper()
	answer := a.Request(tb, verb, kind, header, columns...)
	var e yonder.Error
	require.NoError(tb, answer.Decode(wire.KindError, &e), "%s", answer.Header)
	require.Equal(tb, code, e.Code, e.Message)
}

// Hint returns the next hint with the verb, passing over others.
func (a *Agent) Hint(tb testing.TB, verb string) wire.Frame {
	tb.Helper()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	for {
		select {
		case m := <-a.Hints:
			if strings.HasSuffix(m.Subject, "."+verb) {
				frame, err := wire.Parse(m.Data)
				require.NoError(tb, err)
				return frame
			}
		case <-timeout.C:
			require.FailNow(tb, "no hint came", "verb %s", verb)
		}
	}
}

// Offered returns the next offer of this epoch.
func (a *Agent) Offered(tb testing.TB) ([]wire.Lease, [][]byte) {
	tb.Helper()
	for {
		frame := a.Hint(tb, "offer")
		var offer wire.Offer
		require.NoError(tb, frame.Decode(wire.KindOffer, &offer))
		if offer.Epoch == a.Epoch {
			return offer.Leases, frame.Columns
		}
	}
}

// Accept accepts leases; none may be refused.
func (a *Agent) Accept(tb testing.TB, leases []wire.Lease) {
	tb.Helper()
	spans := make([]wire.Span, len(leases))
	for i, l := range leases {
		spans[i] = l.Span
	}
	answer := Ask[wire.Spans](tb, a, "accept", wire.KindAccept, wire.Accept{Epoch: a.Epoch, Spans: spans}, wire.KindSpans)
	require.Empty(tb, answer.Spans)
}

// Finish reports a value for every task of the leases.
func (a *Agent) Finish(tb testing.TB, leases []wire.Lease, value []byte) {
	tb.Helper()
	report := wire.Report{Epoch: a.Epoch}
	var columns [][]byte
	for _, l := range leases {
		for i := l.Lo; i < l.Hi; i++ {
			report.Results = append(report.Results, wire.Entry{
				Bundle: l.Bundle, Attempt: l.Attempt, Lo: i, Hi: i + 1, Outcome: wire.OutcomeOK, Form: wire.FormEach,
			})
			columns = append(columns, value)
		}
	}
	answer := Ask[wire.Spans](tb, a, "report", wire.KindReport, report, wire.KindSpans, columns...)
	require.Empty(tb, answer.Spans)
}

// Run accepts and finishes offers until so many tasks are done.
func (a *Agent) Run(tb testing.TB, tasks int, value []byte) {
	tb.Helper()
	for tasks > 0 {
		leases, _ := a.Offered(tb)
		a.Accept(tb, leases)
		a.Finish(tb, leases, value)
		for _, l := range leases {
			tasks -= l.Tasks()
		}
	}
}

// Asked returns the next question about a running task, passing over other
// hints, and a function that answers it.
func (a *Agent) Asked(tb testing.TB) (wire.Tail, func(told wire.Tailed, columns ...[]byte)) {
	tb.Helper()
	timeout := time.NewTimer(20 * time.Second)
	defer timeout.Stop()
	for {
		select {
		case m := <-a.Hints:
			if !strings.HasSuffix(m.Subject, ".tail") {
				continue
			}
			frame, err := wire.Parse(m.Data)
			require.NoError(tb, err)
			var tail wire.Tail
			require.NoError(tb, frame.Decode(wire.KindTail, &tail))
			return tail, func(told wire.Tailed, columns ...[]byte) {
				answer, err := wire.NewFrame(wire.KindTailed, told, columns...)
				require.NoError(tb, err)
				require.NoError(tb, m.Respond(answer.Bytes()))
			}
		case <-timeout.C:
			require.FailNow(tb, "no question came")
		}
	}
}
