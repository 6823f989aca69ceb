package simulated_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/link"
	"github.com/yonder-run/yonder/endpoint/servicetest"
	"github.com/yonder-run/yonder/endpoint/simulated"
	"github.com/yonder-run/yonder/internal/testsignal"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heard is what the service was told.
type heard struct {
	service *servicetest.Service
	beats   testsignal.Signal[wire.Heartbeat]
	accepts testsignal.Signal[wire.Accept]
	reports testsignal.Signal[report]
	closes  testsignal.Signal[wire.Spans]
	refuse  func(wire.Accept) []wire.Span
}

type report struct {
	wire.Report
	columns [][]byte
}

// serve is a service with one endpoint, which has the epoch 3.
func serve(t *testing.T) *heard {
	t.Helper()
	h := &heard{service: servicetest.New(t), refuse: func(wire.Accept) []wire.Span { return nil }}
	h.beats.Init()
	h.accepts.Init()
	h.reports.Init()
	h.closes.Init()
	h.service.Handle("open", func(wire.Frame) (wire.Kind, any) {
		return wire.KindSessionOpened, wire.SessionOpened{Epoch: 3, HeartbeatSeconds: 3600, Wire: wire.Version}
	})
	h.service.Handle("reconcile", func(wire.Frame) (wire.Kind, any) { return wire.KindReconciled, wire.Reconciled{} })
	h.service.Handle("heartbeat", note(t, wire.KindHeartbeat, func(beat wire.Heartbeat, _ [][]byte) (wire.Kind, any) {
		h.beats.Fire(beat)
		return wire.KindHeartbeatReply, wire.HeartbeatReply{}
	}))
	h.service.Handle("accept", note(t, wire.KindAccept, func(accept wire.Accept, _ [][]byte) (wire.Kind, any) {
		h.accepts.Fire(accept)
		return wire.KindSpans, wire.Spans{Epoch: accept.Epoch, Spans: h.refuse(accept)}
	}))
	h.service.Handle("report", note(t, wire.KindReport, func(r wire.Report, columns [][]byte) (wire.Kind, any) {
		h.reports.Fire(report{r, columns})
		return wire.KindSpans, wire.Spans{Epoch: r.Epoch}
	}))
	h.service.Handle("close", note(t, wire.KindSessionClose, func(end wire.Spans, _ [][]byte) (wire.Kind, any) {
		h.closes.Fire(end)
		return wire.KindSpans, wire.Spans{Epoch: end.Epoch}
	}))
	return h
}

func note[T any](t *testing.T, kind wire.Kind, take func(T, [][]byte) (wire.Kind, any)) servicetest.Handler {
	t.Helper()
	return func(f wire.Frame) (wire.Kind, any) {
		var message T
		if err := f.Decode(kind, &message); err != nil {
			return wire.KindError, err
		}
		return take(message, f.Columns)
	}
}

// run has the endpoint connected until the returned function is called, which
// returns what Run did.
func (h *heard) run(t *testing.T) (crowd *simulated.Crowd, end func() error) {
	t.Helper()
	crowd, err := simulated.New([]link.Config{{
		URL: h.service.URL, Endpoint: h.service.Endpoint, Credential: h.service.Credential, CAFile: h.service.CAFile,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Answer: 2 * time.Second, Retry: 50 * time.Millisecond,
	}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- crowd.Run(ctx) }()
	h.beats.Wait(t)
	return crowd, func() error {
		cancel(errors.New("enough"))
		return <-ended
	}
}

func lease(tasks int) wire.Lease {
	return wire.Lease{
		Span: wire.Span{Bundle: yonder.NewBundleID(), Attempt: 1, Hi: tasks, Grant: 1}, Form: wire.FormEach, Total: tasks, Columns: tasks,
	}
}

func (h *heard) offer(l wire.Lease, columns ...[]byte) {
	h.service.Hint("offer", wire.KindOffer, wire.Offer{Epoch: 3, Leases: []wire.Lease{l}}, columns...)
}

func TestTasksAreAcceptedAndAnsweredWithTheirArguments(t *testing.T) {
	t.Parallel()
	h := serve(t)
	l := lease(3)
	h.refuse = func(wire.Accept) []wire.Span {
		refused := l.Span
		refused.Lo, refused.Hi = 1, 2
		return []wire.Span{refused}
	}
	crowd, end := h.run(t)
	h.offer(l, []byte("a"), []byte("b"), []byte("c"))
	require.Equal(t, []wire.Span{l.Span}, h.accepts.Wait(t).Spans)
	told := h.reports.Wait(t)
	require.Len(t, told.Results, 2)
	require.Equal(t, [][]byte{[]byte("a"), []byte("c")}, told.columns)
	require.Equal(t, []int{0, 2}, []int{told.Results[0].Lo, told.Results[1].Lo})
	require.Equal(t, wire.OutcomeOK, told.Results[0].Outcome)
	require.Eventually(t, func() bool { return crowd.Counts().Tasks == 2 }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, end())
	require.EqualValues(t, 3, h.closes.Wait(t).Epoch)
	require.Zero(t, crowd.Counts().Connected)
}

func TestWhatCannotBeAnsweredFailsAndSaysWhy(t *testing.T) {
	t.Parallel()
	h := serve(t)
	_, end := h.run(t)
	chunk, large := lease(2), lease(1)
	chunk.Form, chunk.Columns = wire.FormChunk, 1
	large.Blobs = map[int]wire.Blob{0: {Size: 1 << 20}}
	h.offer(chunk, []byte("chunk"))
	h.offer(large, nil)
	var told []string
	for len(told) < 3 {
		r := h.reports.Wait(t)
		for i, entry := range r.Results {
			require.Equal(t, wire.OutcomeFailed, entry.Outcome)
			told = append(told, string(r.columns[i]))
		}
	}
	require.Contains(t, told[0], "not as a map")
	require.Contains(t, told[2], "too large")
	require.NoError(t, end())
}

func TestPausedEndpointsTakeNothing(t *testing.T) {
	t.Parallel()
	h := serve(t)
	_, end := h.run(t)
	h.service.Hint("turn", wire.KindTurn, wire.Turn{Number: 1, Paused: &yonder.Pause{}})
	require.Zero(t, h.beats.Wait(t).Capacity.Tasks)
	l := lease(1)
	h.offer(l, []byte("a"))
	accept := h.accepts.Wait(t)
	require.Empty(t, accept.Spans)
	require.Equal(t, []wire.Span{l.Span}, accept.Declined)
	require.NoError(t, end())
}

func TestFencedEndpointsEndAndOthersGoOn(t *testing.T) {
	t.Parallel()
	h := serve(t)
	crowd, end := h.run(t)
	h.service.Hint("fence", wire.KindFence, wire.Fence{Epoch: 3}) // its own
	require.Equal(t, 1, crowd.Counts().Connected)
	h.service.Hint("fence", wire.KindFence, wire.Fence{})
	require.Eventually(t, func() bool { return crowd.Counts().Connected == 0 }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, end())
}

func TestQuestionsAreAnswered(t *testing.T) {
	t.Parallel()
	h := serve(t)
	_, end := h.run(t)
	task := yonder.NewID()
	told := h.service.Ask("look", wire.KindLook, wire.Look{Task: &task})
	var view wire.View
	require.NoError(t, told.Decode(wire.KindView, &view))
	require.Equal(t, wire.AgentUnknown, view.Task.State)
	require.Equal(t, 1, view.Status.Slots)
	told = h.service.Ask("tail", wire.KindTail, wire.Tail{Task: task})
	var tailed wire.Tailed
	require.NoError(t, told.Decode(wire.KindTailed, &tailed))
	require.Equal(t, wire.TailUnknown, tailed.State)
	require.NoError(t, end())
}
