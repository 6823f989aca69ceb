//go:build unix

package workerproc_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

// ends reads reports until so many runs are over: outcomes without gaps. It
// returns where each run ended; begin is where it began.
func (b *bench) ends(begin map[int64]int) map[int64]int {
	b.t.Helper()
	for left := len(begin); left > 0; {
		report := next(b.t, b.reports)
		for _, e := range report.Entries {
			require.Equal(b.t, begin[report.Run], e.Lo)
			require.Equal(b.t, wire.OutcomeOK, e.Outcome)
			begin[report.Run] = e.Hi
		}
		if report.Last {
			left--
		}
	}
	return begin
}

// at waits until w1 has begun a task of the last run.
func (b *bench) at(task int) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		run, index := b.Whereabouts("w1")
		return run == b.runs && index >= task
	}, patience, time.Millisecond)
}

// meeting is calls of which one waits for all the others.
func meeting(dir string, tasks, waits int) (each [][]byte, chunk []byte) {
	all := make([][]any, tasks)
	for i := range all {
		all[i] = []any{i, waits, dir, tasks}
		each = append(each, workertest.Call(all[i]...))
	}
	return each, workertest.Chunk(all...)
}

func (b *bench) meet(form wire.Form, worker, dir string, waits, lo, hi, total, block int) {
	b.t.Helper()
	payloads, chunk := meeting(dir, total, waits)
	if payloads = payloads[lo:hi]; form == wire.FormChunk {
		payloads = [][]byte{chunk}
	}
	b.giveAll("meet_all", worker, payloads, wire.Run{Form: form, Lo: lo, Hi: hi, Total: total, Block: block})
}

func TestWhatAWorkerHasNotBegunGoesToAnother(t *testing.T) {
	t.Parallel()
	for _, form := range []wire.Form{wire.FormEach, wire.FormChunk} {
		for _, block := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s in blocks of %d", form, block), func(t *testing.T) {
				t.Parallel()
				const tasks, waits = 20, 5
				b := withWorker(t)
				b.forked("w2")
				dir := t.TempDir()
				b.meet(form, "w1", dir, waits, 0, tasks, tasks, block)
				b.at(waits)
				hi, ok := b.Take("w1", b.runs)
				require.True(t, ok)
				require.Equal(t, waits+1, hi)
				again, ok := b.Take("w1", b.runs)
				require.True(t, ok)
				require.Equal(t, hi, again, "there is nothing more to take")
				_, ok = b.Take("w1", b.runs+1)
				require.False(t, ok, "it does not have that run")

				b.meet(form, "w2", dir, waits, hi, tasks, tasks, block)
				require.Equal(t, map[int64]int{1: hi, 2: tasks}, b.ends(map[int64]int{1: 0, 2: hi}))
				require.True(t, b.outcome("add", 1, 2).Last, "it takes the next run")
			})
		}
	}
}

// Whenever it is taken back: a task is the worker's or the manager's.
func TestATaskIsNeverTwoWorkers(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	const tasks, rounds = 4000, 60
	columns := [2][]int{make([]int, tasks), make([]int, tasks)}
	calls := make([][]any, tasks)
	for i := range calls {
		columns[0][i], calls[i] = i, []any{i, 1}
	}
	chunk, numbers := workertest.Chunk(calls...), workertest.Columns(columns[:]...)
	cut := 0
	for round := range rounds {
		block := 1 + round%7
		if round%2 == 0 {
			b.give("add", "w1", chunk, wire.Run{Form: wire.FormChunk, Hi: tasks, Total: tasks, Block: block})
		} else {
			b.give("add", "w1", numbers, wire.Run{Form: wire.FormChunk, Codec: "pickle", Hi: tasks, Total: tasks, Block: block})
		}
		b.at(tasks * round / rounds)
		hi, ok := b.Take("w1", b.runs)
		require.True(t, ok)
		require.True(t, hi == tasks || hi%block == 0)
		require.Equal(t, map[int64]int{b.runs: hi}, b.ends(map[int64]int{b.runs: 0}))
		if hi < tasks {
			cut++
		}
	}
	require.Positive(t, cut)
}

// A worker that ends with what is left of its run has begun none of the rest.
func TestAWorkerEndsWithWhatIsLeftOfItsRun(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	const tasks, waits = 20, 5
	b.meet(wire.FormChunk, "w1", t.TempDir(), waits, 0, tasks, tasks, 1)
	b.at(waits)
	hi, ok := b.Take("w1", b.runs)
	require.True(t, ok)
	require.Equal(t, waits+1, hi)
	b.Signal("w1", true)
	exit := next(t, b.exits)
	require.Equal(t, []int64{b.runs, waits}, []int64{exit.Run, int64(exit.Index)})
	due := 0
	for len(b.reports) > 0 {
		for _, e := range (<-b.reports).Entries {
			require.Equal(t, due, e.Lo)
			due = e.Hi
		}
	}
	require.Equal(t, waits, due, "what it had finished is not lost")
	_, ok = b.Take("w1", b.runs)
	require.False(t, ok, "it is gone")
}

func TestARunOfTooManyBlocksIsRefused(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	body := workertest.Function(t, "add")
	err := b.Run("w1", wire.Load{Function: body.Hash}, body.Data, wire.Run{Form: wire.FormChunk, Hi: 5000, Total: 5000, Block: 1}, [][]byte{{}})
	require.ErrorContains(t, err, "4999 blocks is too many")
}
