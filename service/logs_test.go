package service_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// follower reads the events of one task.
type follower struct {
	t     *testing.T
	lines *bufio.Scanner
	close func() error
	last  string // id
}

func follow(t *testing.T, s *servicetest.Service, task yonder.ID, query string) *follower {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/v1/tasks/"+task.String()+"/logs?follow=true"+query, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.Admin)
	answer, err := s.HTTP().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { answer.Body.Close() })
	require.Equal(t, http.StatusOK, answer.StatusCode)
	return &follower{t: t, lines: bufio.NewScanner(answer.Body), close: answer.Body.Close}
}

// next returns the next event; without one the stream has ended.
func (f *follower) next() (e wire.TaskEvent, more bool) {
	f.t.Helper()
	for f.lines.Scan() {
		line := f.lines.Text()
		if id, ok := strings.CutPrefix(line, "id: "); ok {
			f.last = id
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			require.NoError(f.t, json.Unmarshal([]byte(data), &e))
			return e, true
		}
	}
	return e, false
}

func (f *follower) expect(want wire.TaskEvent) {
	f.t.Helper()
	got, more := f.next()
	require.True(f.t, more)
	require.Equal(f.t, want, got)
}

// started is a task that the agent has, in its first attempt.
func (w *world) started(t *testing.T) (yonder.ID, []wire.Lease) {
	t.Helper()
	b := w.submit(t, 1)
	leases, _ := w.agent.Offered(t)
	w.agent.Accept(t, leases)
	report := wire.Report{Epoch: w.agent.Epoch, Started: []wire.Span{leases[0].Span}}
	servicetest.Ask[wire.Spans](t, w.agent, "report", wire.KindReport, report, wire.KindSpans)
	return b.ID.Task(0), leases
}

func running(attempt int) wire.TaskEvent {
	return wire.TaskEvent{Event: wire.EventState, Attempt: attempt, State: yonder.RangeStarted}
}

func output(text string) wire.TaskEvent {
	return wire.TaskEvent{Event: wire.EventOutput, Attempt: 1, Stream: wire.StreamStdout, Text: text}
}

var succeeded = wire.TaskEvent{Event: wire.EventEnd, Attempt: 1, State: yonder.TaskSucceeded}

// finish reports a value that came with output.
func (w *world) finish(t *testing.T, s wire.Span, stdout string) {
	t.Helper()
	report := wire.Report{Epoch: w.agent.Epoch, Results: []wire.Entry{{
		Bundle: s.Bundle, Attempt: s.Attempt, Lo: s.Lo, Hi: s.Hi, Outcome: wire.OutcomeOK, Form: wire.FormEach, Stdout: stdout,
	}}}
	answer := servicetest.Ask[wire.Spans](t, w.agent, "report", wire.KindReport, report, wire.KindSpans, value)
	require.Empty(t, answer.Spans)
}

func TestATaskIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	w := setup(t)
	task, leases := w.started(t)
	f := follow(t, w.Service, task, "")
	f.expect(running(1))

	asked, answer := w.agent.Asked(t)
	require.Equal(t, wire.Tail{
		Task: task, After: wire.Mark{Attempt: 1}, Wait: asked.Wait, Bytes: asked.Bytes, Output: true, Values: true,
	}, asked)
	progress := &yonder.Progress{Done: 1, Total: 4, Message: "first", Calls: 7}
	answer(wire.Tailed{
		State: wire.TailRunning, Next: wire.Mark{Attempt: 1, Output: 1005, Values: 3, Calls: 7}, Progress: progress,
		Pieces: []wire.Piece{
			{Stream: wire.StreamOutput, Skipped: 1000}, {Stream: wire.StreamStdout, At: 1000}, {Stream: wire.StreamValue, At: 2},
		},
	}, nil, []byte("gr\xc3\xb6\xc3"), []byte("payload"))
	f.expect(wire.TaskEvent{Event: wire.EventSkipped, Attempt: 1, Stream: wire.StreamOutput, Skipped: 1000})
	require.Equal(t, "1.1000.0", f.last)
	f.expect(output("grö"))
	require.Equal(t, "1.1005.0", f.last)
	f.expect(wire.TaskEvent{Event: wire.EventValue, Attempt: 1, Stream: wire.StreamValue, Index: 2, Payload: []byte("payload")})
	f.expect(wire.TaskEvent{Event: wire.EventProgress, Attempt: 1, Progress: progress})
	require.Equal(t, "1.1005.3", f.last)

	asked, answer = w.agent.Asked(t)
	require.Equal(t, wire.Mark{Attempt: 1, Output: 1005, Values: 3, Calls: 7}, asked.After)
	answer(wire.Tailed{
		State: wire.TailEnded, Next: wire.Mark{Attempt: 1, Output: 1009, Values: 3, Calls: 7},
		Pieces: []wire.Piece{{Stream: wire.StreamStdout, At: 1005}},
	}, []byte("\xbcn\r\n"))
	f.expect(output("ün\r\n"))
	w.finish(t, leases[0].Span, "the stored output, which is not told again")
	f.expect(succeeded)
	_, more := f.next()
	require.False(t, more)
}

func TestWhatWasNotFollowedIsToldAsItIsStored(t *testing.T) {
	t.Parallel()
	w := setup(t)
	task, leases := w.started(t)
	w.finish(t, leases[0].Span, "printed")
	stored := output("printed")
	stored.Stored = true
	f := follow(t, w.Service, task, "")
	f.expect(stored)
	f.expect(succeeded)
	logs := servicetest.Call[wire.TaskLogs](t, w.Service, w.Admin, "GET", "/v1/tasks/"+task.String()+"/logs", nil)
	require.Equal(t, []wire.TaskEvent{stored, succeeded}, logs.Events)
}

// A reader that comes back at the end of the task asks for the rest; what is
// gone by then is told as it is stored.
func TestAReaderGoesOnFromItsMark(t *testing.T) {
	t.Parallel()
	w := setup(t)
	task, leases := w.started(t)
	w.finish(t, leases[0].Span, "all of it")
	f := follow(t, w.Service, task, "&from=1.7.0")
	asked, answer := w.agent.Asked(t)
	require.Equal(t, wire.Mark{Attempt: 1, Output: 7}, asked.After)
	answer(wire.Tailed{
		State: wire.TailEnded, Next: wire.Mark{Attempt: 1, Output: 9}, Pieces: []wire.Piece{{Stream: wire.StreamStdout, At: 7}},
	}, []byte("it"))
	f.expect(output("it"))
	f.expect(succeeded)

	f = follow(t, w.Service, task, "&from=1.7.0")
	_, answer = w.agent.Asked(t)
	answer(wire.Tailed{State: wire.TailUnknown, Next: wire.Mark{Attempt: 1, Output: 7}})
	stored := output("all of it")
	stored.Stored = true
	f.expect(stored)
	f.expect(succeeded)
}

func TestAnotherAttemptBeginsAnew(t *testing.T) {
	t.Parallel()
	w := setup(t)
	task, leases := w.started(t)
	f := follow(t, w.Service, task, "&only=output")
	f.expect(running(1))
	asked, answer := w.agent.Asked(t)
	require.False(t, asked.Values)
	answer(wire.Tailed{
		State: wire.TailRunning, Next: wire.Mark{Attempt: 1, Output: 5, Calls: 1}, Progress: &yonder.Progress{},
		Pieces: []wire.Piece{{Stream: wire.StreamStdout}},
	}, []byte("first"))
	f.expect(output("first"))
	_, answer = w.agent.Asked(t)
	lost := wire.Report{Epoch: w.agent.Epoch, Lost: []wire.Loss{{Span: leases[0].Span, Started: true, Code: yonder.CodeWorkerFailed}}}
	servicetest.Ask[wire.Spans](t, w.agent, "report", wire.KindReport, lost, wire.KindSpans)
	leases, _ = w.agent.Offered(t)
	w.agent.Accept(t, leases)
	answer(wire.Tailed{State: wire.TailUnknown, Next: wire.Mark{Attempt: 1, Output: 5}})
	for {
		e, more := f.next()
		require.True(t, more)
		require.Equal(t, wire.EventState, e.Event)
		if e.Attempt == 2 && e.State == yonder.RangeAccepted {
			break
		}
	}
	asked, _ = w.agent.Asked(t)
	require.Equal(t, wire.Mark{Attempt: 2}, asked.After)
}

func TestWhyNothingComesIsTold(t *testing.T) {
	t.Parallel()
	w := setup(t)
	task, leases := w.started(t)
	f := follow(t, w.Service, task, "")
	f.expect(running(1))
	for range 2 { // and told once
		_, answer := w.agent.Asked(t)
		answer(wire.Tailed{State: wire.TailAway, Next: wire.Mark{Attempt: 1}, Message: "manager m1 is not connected", Pause: 0.01})
	}
	away := running(1)
	away.Message = "manager m1 is not connected"
	f.expect(away)
	_, answer := w.agent.Asked(t)
	answer(wire.Tailed{State: wire.TailRunning, Next: wire.Mark{Attempt: 2, Output: -5}}) // nonsense
	away.Message = "the endpoint's answer makes no sense"
	f.expect(away)
	w.agent.Close()
	away.Message = "the endpoint's agent is not connected"
	f.expect(away)
	again := w.Agent(t, w.endpoint)
	again.Epoch = w.agent.Epoch
	asked, answer := again.Asked(t)
	require.Equal(t, wire.Mark{Attempt: 1}, asked.After)
	answer(wire.Tailed{State: wire.TailRunning, Next: wire.Mark{Attempt: 1, Output: 4}, Pieces: []wire.Piece{{Stream: wire.StreamStdout}}},
		[]byte("back"))
	f.expect(output("back"))
	w.agent = again
	w.finish(t, leases[0].Span, "")
}

func TestLogsOfNonsense(t *testing.T) {
	t.Parallel()
	w := setup(t)
	task, _ := w.started(t)
	for _, query := range []string{"from=1", "from=1.2.x", "from=1.-2.3", "from=1.2.3.4", "only=all", "follow=perhaps"} {
		w.Refused(t, w.Admin, "GET", "/v1/tasks/"+task.String()+"/logs?"+query, nil, yonder.CodeInvalidRequest)
	}
}

// The reader is at another replica than the agent.
func TestFollowersAtAnyReplica(t *testing.T) {
	t.Parallel()
	database, blobs := pgtest.URL(t), t.TempDir()
	replica := func() *servicetest.Service {
		return servicetest.Start(t, func(c *service.Config) {
			c.Database, c.DatabaseRelaxed, c.BlobDir, c.ClusterListen = database, true, blobs, "127.0.0.1:0"
		})
	}
	a := replica()
	b := replica()
	b.Admin = a.Admin
	w := &world{Service: a, function: a.Function(t, a.Admin, "f"), endpoint: a.Endpoint(t, a.Admin, "e")}
	w.agent = a.Agent(t, w.endpoint).Live(t, 10)
	task, leases := w.started(t)
	f := follow(t, b, task, "")
	f.expect(running(1))
	said := func() {
		// Until the replicas know of each other's agents there is none.
		e, more := f.next()
		for more && e.Event == wire.EventState {
			e, more = f.next()
		}
		require.Equal(t, output("hello"), e)
	}
	_, answer := w.agent.Asked(t)
	answer(wire.Tailed{State: wire.TailEnded, Next: wire.Mark{Attempt: 1, Output: 5}, Pieces: []wire.Piece{{Stream: wire.StreamStdout}}},
		[]byte("hello"))
	said()
	w.finish(t, leases[0].Span, "hello")
	f.expect(succeeded)
}
