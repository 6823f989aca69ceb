package manager_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

func TestWhatEndsAWorkerSaysHow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []any
		says string
	}{
		{"exit_now", []any{7}, "the worker process ended itself with exit code 7"},
		{"crash", nil, "signal 11 (SIGSEGV, a crash in native code)"},
		{"close_everything", nil, "a task closed the worker's connection to its manager"},
		{"kill_parent", nil, "signal: killed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := oneSlot(t, nil)
			before := a.run("look_around")
			lost := a.run(c.name, c.args...).lost
			require.NotNil(t, lost)
			require.True(t, lost.Started)
			require.Equal(t, yonder.CodeWorkerFailed, lost.Code)
			require.Contains(t, lost.Message, c.says)
			unharmed(t, a, before)
		})
	}
}

// On newer Pythons this is an exception, on older ones a crash.
func TestAnOverflowOfTheStack(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	before := a.run("look_around")
	if o := a.run("overflow"); o.lost != nil {
		require.Contains(t, o.lost.Message, "SIGSEGV")
	} else {
		require.Equal(t, "RecursionError", o.error()["type"])
	}
	unharmed(t, a, before)
}

// pickled is a payload of one call that is made by running pickle's opcodes.
func pickled(opcodes string) []byte {
	return append([]byte{'Y', '1', 'p', 0, 3, 9, 0, 0}, opcodes...)
}

// Opcodes: a call of os._exit(9), and the arguments (1, 2) without keywords.
const (
	exits = "cos\n_exit\n(I9\ntR."
	onTwo = "((I1\nI2\nt}t."
)

func TestAPayloadThatEndsItsWorkerWhenItIsLoaded(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	lease, _ := a.lease("add", []any{}, []any{}, []any{})
	lease.Codec = "pickle"
	a.give(lease, pickled(onTwo), pickled(exits), pickled(onTwo))
	done := a.outcomes(3)
	require.Equal(t, wire.OutcomeOK, done[0].Outcome)
	require.NotNil(t, done[1].lost)
	require.Contains(t, done[1].lost.Message, "exit code 9")
	require.Equal(t, wire.OutcomeOK, done[2].Outcome)
}

func TestAResultThatEndsItsWorkerWhenItIsPacked(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	lease, _ := a.lease("bomb", []any{})
	lease.Codec = "pickle"
	a.give(lease, pickled(")}\x86."))
	require.Contains(t, a.outcomes(1)[0].lost.Message, "exit code 5")
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
}

func TestAPoisonedCallOfAChunkFailsAlone(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	const tasks, poisoned = 50, 33
	head := []byte{'c', 0, 0, 0}
	head = binary.LittleEndian.AppendUint32(head, tasks)
	head = binary.LittleEndian.AppendUint32(head, 0)
	var items []byte
	for i := range tasks {
		item := onTwo
		if i == poisoned {
			item = exits
		}
		head = binary.LittleEndian.AppendUint32(head, uint32(len(item)))
		items = append(items, item...)
	}
	payload := append([]byte{'Y', '1', 'p', 2, 3, 9, 0, 0}, append(head, items...)...)
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t), "its speed is known from now on: slices are long")
	lease, _ := a.lease("add", make([][]any, tasks)...)
	lease.Codec, lease.Form, lease.Columns = "pickle", wire.FormChunk, 1
	a.give(lease, payload)
	requireOneLost(t, a.outcomes(tasks), tasks, poisoned, "exit code 9")
}

// requireOneLost holds that one task was lost and the others have values.
func requireOneLost(t *testing.T, done map[int]outcome, tasks, lost int, says string) {
	t.Helper()
	for i := range tasks {
		if i == lost {
			require.NotNil(t, done[i].lost)
			require.Equal(t, yonder.CodeWorkerFailed, done[i].lost.Code)
			require.Contains(t, done[i].lost.Message, says)
			continue
		}
		require.Nil(t, done[i].lost, "task %d: %+v", i, done[i].lost)
		require.Equal(t, wire.OutcomeOK, done[i].Outcome, "task %d", i)
	}
}

func TestFinishedSiblingsOfADeathKeepTheirResults(t *testing.T) {
	t.Parallel()
	const tasks, dies = 400, 217
	calls, columns := make([][]any, tasks), [2][]int{}
	for i := range calls {
		calls[i] = []any{i, dies}
		columns[0], columns[1] = append(columns[0], i), append(columns[1], dies)
	}
	for name, payload := range map[string][]byte{
		"each": nil, "chunk": workertest.Chunk(calls...), "columns": workertest.Columns(columns[:]...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := oneSlot(t, nil)
			require.EqualValues(t, 1, a.run("die_at", 1, dies).value(t), "its speed is known from now on: slices are long")
			lease, columns := a.lease("die_at", calls...)
			if payload != nil {
				lease.Form, lease.Columns, columns = wire.FormChunk, 1, [][]byte{payload}
			}
			if name == "columns" {
				lease.Codec = "pickle"
			}
			a.give(lease, columns...)
			requireOneLost(t, a.outcomes(tasks), tasks, dies, "exit code 9")
		})
	}
}
