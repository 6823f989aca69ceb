package endpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/wire"
)

// failure waits for the end of all tasks, and returns how one of them failed.
func (b *brain) failure(t *testing.T, i int) wire.TaskError {
	t.Helper()
	b.pump(t, len(b.tasks))
	var failed wire.TaskError
	b.with(func() { require.NoError(t, json.Unmarshal([]byte(b.payloads[i]), &failed), b.payloads[i]) })
	return failed
}

// again makes all tasks wait anew, as another bundle would.
func (b *brain) again() {
	b.with(func() {
		for i := range b.tasks {
			b.tasks[i] = task{state: yonder.RangeQueued, attempt: b.tasks[i].attempt + 1}
		}
		clear(b.payloads)
	})
}

func (b *brain) breakers(t *testing.T, n int) []yonder.Breaker {
	t.Helper()
	for {
		if status := b.beats.Wait(t).Status; len(status.Breakers) == n {
			return status.Breakers
		}
	}
}

func TestBlocksThatKeepFailingFailTheTasksThatWait(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 5)
	s := newSite(t, b)
	s.provider.fail = errors.New("sbatch: error: invalid partition specified: gpu")
	s.start(t)
	failed := b.failure(t, 4)
	require.Equal(t, yonder.CodeEndpointBroken, failed.Code)
	require.Contains(t, failed.Message, "its last 3 blocks ended before a manager connected: sbatch: error: invalid partition")
	broken := b.breakers(t, 1)[0]
	require.Equal(t, "blocks", broken.What)
	require.Equal(t, 3, broken.Failures)
	require.Contains(t, broken.Reason, "gpu")

	b.again()
	require.Equal(t, failed, b.failure(t, 0), "the next fail at once, and no other block is tried")

	s.provider.mu.Lock()
	s.provider.fail = nil
	s.provider.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, endpoint.ResetBreaker(ctx, s.cfg.StateDir))
	b.again()
	b.pump(t, 5)
	require.Equal(t, "4", b.payloads[4])
	b.breakers(t, 0)
}

func TestANewStartTriesBlocksAgain(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 2)
	s := newSite(t, b)
	s.provider.fail = errors.New("no machines")
	a := s.start(t)
	b.failure(t, 0)
	require.NoError(t, a.Detach(t.Context()))
	s.provider.fail = nil
	s.start(t)
	b.again()
	b.pump(t, 2)
	require.Equal(t, "1", b.payloads[1])
}

func TestABrokenInterpreterStopsOnlyItsOwnTasks(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]func(*fakeManager){
		"known from the start": func(m *fakeManager) {
			m.broken = []wire.BrokenInterpreter{{
				Interpreter: wire.Interpreter{Version: "3.13.0", Path: "/opt/py313"}, Reason: "libssl.so.3: cannot open shared object file",
			}}
		},
		"found out": func(m *fakeManager) {
			m.pythons = append(m.pythons, wire.Interpreter{Version: "3.13.0"})
			m.unfit = map[string]string{"3.13": "no worker could be started, 3 times in a row: libssl.so.3: cannot open shared object file"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrain(t, 6)
			b.lease.Requires.Python = "3.13"
			s := newSite(t, b)
			s.opts.Pythons = append(s.opts.Pythons, wire.Interpreter{Version: "3.13.0", Path: "/opt/py313"})
			s.provider.setup = setup
			s.start(t)
			failed := b.failure(t, 5)
			require.Equal(t, yonder.CodeEndpointBroken, failed.Code)
			require.Contains(t, failed.Message, "the endpoint cannot run Python 3.13: on node ")
			require.Contains(t, failed.Message, "libssl.so.3: cannot open shared object file")
			require.Equal(t, "Python 3.13 on node", b.breakers(t, 1)[0].What)

			b.again()
			b.with(func() { b.lease.Requires.Python = "3.11" })
			b.pump(t, 6)
			require.Equal(t, "5", b.payloads[5])
		})
	}
}

func TestAResetReachesTheNodes(t *testing.T) {
	t.Parallel()
	b := newBrain(t, 3)
	s := newSite(t, b)
	s.provider.setup = func(m *fakeManager) { m.unfit = map[string]string{"3.11": "disk quota exceeded"} }
	s.start(t)
	require.Contains(t, b.failure(t, 0).Message, "disk quota exceeded")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, endpoint.ResetBreaker(ctx, s.cfg.StateDir))
	b.again()
	b.pump(t, 3)
	require.Equal(t, "2", b.payloads[2])
}

func TestAResetThatNobodyTakesNoteOfSaysSo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("waited long enough"))
	require.Equal(t, yonder.CodeTimeout, yonder.CodeOf(endpoint.ResetBreaker(ctx, t.TempDir())))
}
