package manager_test

import (
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

func TestCancelEndsTheGroup(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, func(c *manager.Config) { c.Grace = time.Minute })
	file := filepath.Join(t.TempDir(), "pids")
	lease := a.work("family", []any{file})
	a.recv(wire.KindBegun)
	all := workertest.Numbers(t, file)
	a.send(wire.KindStop, wire.Spans{Spans: []wire.Span{lease.Span}})
	ended := a.outcomes(1)[0].cancelled
	require.Equal(t, lease.Span, ended.Span)
	require.Equal(t, wire.StoppedTerminated, ended.How)
	for _, pid := range all {
		workertest.Gone(t, pid)
	}
}

// What left the worker's group or session, or takes no SIGTERM, ends with the
// task: after the grace period at the latest, and before its end is told.
func TestNothingOutlivesAStoppedTask(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells who came of whom")
	}
	for name, stop := range map[string]func(*agent, wire.Lease){
		"cancelled": func(a *agent, lease wire.Lease) {
			a.send(wire.KindStop, wire.Spans{Spans: []wire.Span{lease.Span}})
			require.Equal(t, wire.StoppedKilled, a.outcomes(1)[0].cancelled.How)
		},
		"over its walltime": func(a *agent, _ wire.Lease) {
			require.Equal(t, yonder.CodeWalltimeExceeded, a.outcomes(1)[0].lost.Code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := connected(t, func(c *manager.Config) { c.Grace = 300 * time.Millisecond })
			file := filepath.Join(t.TempDir(), "pids")
			lease, columns := a.lease("scattered", []any{file})
			if name != "cancelled" {
				lease.Walltime = 3
			}
			a.give(lease, columns...)
			a.recv(wire.KindBegun)
			all := workertest.Numbers(t, file)
			require.Greater(t, len(all), 3)
			stop(a, lease)
			for _, pid := range all {
				workertest.Gone(t, pid)
			}
			require.EqualValues(t, 3, a.run("add", 1, 2).value(t), "the slot is free again")
		})
	}
}

// In a chunk, the tasks that a worker had finished keep their results, those
// that it had not begun are run, and the one that is stopped ends.
func TestCancelOfOneTaskOfAChunk(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, func(c *manager.Config) { c.Slots, c.Grace = 1, time.Minute })
	a.run("pass_or_stay", "") // so that it is known to be fast, and runs in slices
	file := filepath.Join(t.TempDir(), "pids")
	lease, columns := a.lease("pass_or_stay", []any{""}, []any{""}, []any{file}, []any{""})
	a.give(lease, columns...)
	a.recv(wire.KindBegun)
	all := workertest.Numbers(t, file)
	stop := lease.Span
	stop.Lo, stop.Hi = 2, 3
	a.send(wire.KindStop, wire.Spans{Spans: []wire.Span{stop}})
	done := a.outcomes(4)
	require.Equal(t, stop, done[2].cancelled.Span)
	require.Equal(t, wire.StoppedTerminated, done[2].cancelled.How)
	for _, i := range []int{0, 1, 3} {
		require.Nil(t, done[i].lost, "task %d", i)
		require.Nil(t, done[i].value(t), "task %d", i)
	}
	workertest.Gone(t, all[0])
}

func TestCancelOfWhatWaits(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, func(c *manager.Config) { c.Slots = 1 })
	file := filepath.Join(t.TempDir(), "pids")
	blocking := a.work("stubborn", []any{file})
	a.recv(wire.KindBegun)
	workertest.Numbers(t, file)
	waiting, columns := a.lease("add", []any{1, 2}, []any{3, 4})
	waiting.Lo, waiting.Hi = 1, 3
	a.give(waiting, columns...)
	cut := waiting.Span
	cut.Lo = 2
	a.send(wire.KindStop, wire.Spans{Spans: []wire.Span{cut}})
	require.Equal(t, wire.Stopped{Span: cut, How: wire.StoppedWaiting}, *a.outcomes(1)[2].cancelled)
	a.send(wire.KindStop, wire.Spans{Spans: []wire.Span{blocking.Span}})
	done := a.outcomes(2)
	require.Equal(t, blocking.Span, done[0].cancelled.Span)
	require.Equal(t, wire.StoppedKilled, done[0].cancelled.How, "it ignores SIGTERM")
	require.Positive(t, done[0].cancelled.Seconds)
	require.EqualValues(t, 3, done[1].value(t))
}

func TestWalltime(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	lease, columns := a.lease("nap", []any{600})
	lease.Walltime = 0.3
	began := time.Now()
	a.give(lease, columns...)
	o := a.outcomes(1)[0]
	require.NotNil(t, o.lost)
	require.Equal(t, yonder.CodeWalltimeExceeded, o.lost.Code)
	require.Contains(t, o.lost.Message, "300ms")
	require.Less(t, time.Since(began), 20*time.Second)
}

func TestCancelWhileTheFunctionIsAwaited(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	a.silent = true
	lease := a.work("add", []any{1, 2})
	a.recv(wire.KindNeed)
	a.send(wire.KindStop, wire.Spans{Spans: []wire.Span{lease.Span}})
	require.NotNil(t, a.outcomes(1)[0].cancelled)
}
