package manager_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/simworker"
	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

// simulated is an agent whose manager has workers that do the work.
func simulated(t *testing.T, work simworker.Work) *agent {
	t.Helper()
	a, _ := connected(t, func(c *manager.Config) {
		c.Slots = 4
		c.Workers = func(sink workerproc.Sink) manager.Workers { return simworker.New(work, sink) }
	})
	return a
}

func TestSimulatedWorkersAnswerWithTheArguments(t *testing.T) {
	t.Parallel()
	const tasks = 1000
	a := simulated(t, simworker.Work{})
	calls := make([][]any, tasks)
	for i := range calls {
		calls[i] = []any{strconv.Itoa(i)}
	}
	a.work("add", calls...)
	for i, o := range a.outcomes(tasks) {
		require.Equal(t, wire.OutcomeOK, o.Outcome)
		require.Equal(t, workertest.Call(calls[i]...), o.payload)
	}
}

func TestSimulatedWorkersRunNoMaps(t *testing.T) {
	t.Parallel()
	a := simulated(t, simworker.Work{})
	lease, columns := a.lease("add", []any{1}, []any{2})
	lease.Form, lease.Columns = wire.FormChunk, 1
	a.give(lease, columns[0])
	for _, o := range a.outcomes(2) {
		require.Equal(t, wire.OutcomeFailed, o.Outcome)
		require.Contains(t, string(o.payload), "not as a map")
	}
}

func TestSimulatedWorkersCanBeCancelled(t *testing.T) {
	t.Parallel()
	a := simulated(t, simworker.Work{Sleep: time.Hour})
	lease := a.work("add", []any{1}, []any{2})
	a.recv(wire.KindBegun)
	a.send(wire.KindStop, wire.Spans{Spans: []wire.Span{lease.Span}})
	for _, o := range a.outcomes(2) {
		require.NotNil(t, o.cancelled)
		require.Equal(t, wire.StoppedTerminated, o.cancelled.How)
	}
}

func TestWorkOfSimulatedWorkers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"noop": 0, "sleep:10s": 10 * time.Second, "sleep:1.5ms": 1500 * time.Microsecond} {
		work, err := simworker.ParseWork(text)
		require.NoError(t, err)
		require.Equal(t, want, work.Sleep)
	}
	for _, text := range []string{"", "nap", "sleep", "sleep:", "sleep:0s", "sleep:-1s", "sleep:10", "noop:1s", "sleep:1000h"} {
		_, err := simworker.ParseWork(text)
		require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err), text)
		require.ErrorContains(t, err, "such as sleep:10s")
	}
}
