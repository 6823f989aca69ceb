package manager_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/programtest"
	"github.com/yonder-run/yonder/internal/smalldisktest"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

// oneSlot is an agent with a manager whose tasks follow each other in one slot.
func oneSlot(t *testing.T, change func(*manager.Config)) *agent {
	t.Helper()
	a, _ := connected(t, func(c *manager.Config) {
		c.Slots = 1
		if change != nil {
			change(c)
		}
	})
	return a
}

// unharmed has the next task find what the first one did.
func unharmed(t *testing.T, a *agent, before outcome) {
	t.Helper()
	after := a.run("look_around")
	require.Equal(t, before.value(t), after.value(t))
	require.Equal(t, before.Stdout, after.Stdout)
	require.Equal(t, before.Stderr, after.Stderr)
	require.Equal(t, "descriptor\nout\n", sorted(after.Stdout))
	require.Equal(t, "err\n", after.Stderr)
}

func sorted(text string) string {
	if rest, first := strings.CutPrefix(text, "out\n"); first {
		return rest + "out\n"
	}
	return text
}

func TestWhatATaskChangesIsPutBack(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"litter", "replace_environment", "remove_directory", "close_output", "wander"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := oneSlot(t, nil)
			before := a.run("look_around")
			pid := a.run("getpid").value(t)
			require.Equal(t, wire.OutcomeOK, a.run(name).Outcome)
			unharmed(t, a, before)
			require.Equal(t, pid, a.run("getpid").value(t), "it is the same worker")
		})
	}
}

func TestWhatATaskRaisesIsItsResult(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	before := a.run("look_around")
	for _, c := range []struct {
		name string
		args []any
		says string
	}{
		{"leave", []any{3}, "SystemExit"},
		{"interrupt", nil, "KeyboardInterrupt"},
		{"unusual", nil, "Unusual"},
		{"recurse", nil, "RecursionError"},
	} {
		raised := a.run(c.name, c.args...)
		require.Equal(t, wire.OutcomeException, raised.Outcome, c.name)
		require.Equal(t, c.says, raised.error()["type"])
		unharmed(t, a, before)
	}
}

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

func TestAReportNeverGoesIntoATasksOwnFile(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	path := filepath.Join(t.TempDir(), "file")
	lost := a.run("close_and_reuse", path).lost
	require.NotNil(t, lost)
	require.Contains(t, lost.Message, "a task closed the worker's connection")
	for i := range 8 {
		data, err := os.ReadFile(fmt.Sprintf("%s-%d", path, i))
		require.NoError(t, err)
		require.Empty(t, data)
	}
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
}

func TestAForkedTaskReportsOnce(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	pid := a.run("getpid").value(t)
	require.Equal(t, pid, a.run("fork_and_return").value(t), "the child's report does not count")
	require.Equal(t, pid, a.run("getpid").value(t))
}

// What a task leaves behind may be of use to the next one; it ends with the
// worker, however far it has gone.
func TestWhatATaskLeavesBehindEndsWithItsWorker(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(a *agent, worker int){
		"killed":  func(_ *agent, worker int) { _ = syscall.Kill(worker, syscall.SIGKILL) },
		"crashed": func(a *agent, _ int) { a.run("crash") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := oneSlot(t, nil)
			file := filepath.Join(t.TempDir(), "pids")
			require.Equal(t, wire.OutcomeOK, a.run("leave_behind", file).Outcome)
			all := pids(t, file)
			require.Len(t, all, 4)
			for _, pid := range all {
				require.NoError(t, syscall.Kill(pid, 0), "it lives")
			}
			end(a, all[0])
			for _, pid := range all {
				gone(t, pid)
			}
			require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
		})
	}
	t.Run("with the manager", func(t *testing.T) {
		t.Parallel()
		a, m := connected(t, nil)
		file := filepath.Join(t.TempDir(), "pids")
		a.run("leave_behind", file)
		m.Stop()
		for _, pid := range pids(t, file) {
			gone(t, pid)
		}
	})
}

func TestAWorkerWithoutRoomForAnotherTaskIsReplaced(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []any
	}{
		{"exhaust_descriptors", nil},
		{"zombies", []any{70}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := oneSlot(t, nil)
			pid := a.run("getpid").value(t)
			require.Equal(t, wire.OutcomeOK, a.run(c.name, c.args...).Outcome)
			require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
			require.NotEqual(t, pid, a.run("getpid").value(t))
		})
	}
}

func TestThreadsThatNeverEndDoNotHoldTheWorker(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	pid := a.run("getpid").value(t)
	a.run("hold_threads", 5)
	require.Equal(t, pid, a.run("getpid").value(t))
	_, other := a.lease("add", []any{1, 2})
	lease, _ := a.lease("add", []any{1, 2})
	lease.Owner = yonder.NewID() // needs the slot: the worker has to go
	a.give(lease, other...)
	require.EqualValues(t, 3, a.outcomes(1)[0].value(t))
}

func TestALimitOfMemoryIsAMemoryError(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, func(c *manager.Config) { c.WorkerBytes = 1 << 30 })
	raised := a.run("exhaust_memory", 4096)
	require.Equal(t, wire.OutcomeException, raised.Outcome)
	require.Equal(t, "MemoryError", raised.error()["type"])
	require.EqualValues(t, 1<<20, a.run("exhaust_memory", 1).value(t))
}

// memoryGroup makes a control group that holds little.
func memoryGroup(t *testing.T) (tasks string) {
	t.Helper()
	for _, limit := range []string{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"} {
		root, name := filepath.Split(limit)
		dir, err := os.MkdirTemp(root, "yonder-test-") //nolint:usetesting // where groups are
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		file := filepath.Join(dir, name)
		if _, err := os.Stat(file); err != nil {
			continue // a directory like any other
		}
		require.NoError(t, os.WriteFile(file, []byte("134217728"), 0o600))
		return filepath.Join(dir, "cgroup.procs")
	}
	t.Skip("needs root and control groups")
	return ""
}

func TestTheKernelsOutOfMemoryKillerIsNamed(t *testing.T) {
	t.Parallel()
	tasks := memoryGroup(t)
	a := oneSlot(t, nil)
	o := a.run("exhaust_group", tasks, 512)
	lost := o.lost
	require.NotNil(t, lost, "%+v", o)
	require.Equal(t, yonder.CodeWorkerFailed, lost.Code)
	require.Contains(t, lost.Message, "SIGKILL")
	require.Contains(t, lost.Message, "MiB of memory; out of memory: the kernel's out-of-memory killer")
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
}

func TestEndlessOutputIsCut(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	mebibytes := 256 // a gigabyte takes its time on a busy machine
	if os.Getenv("YONDER_TEST_ALL") != "" {
		mebibytes = 1024
	}
	o := a.run("flood", mebibytes)
	require.Equal(t, wire.OutcomeOK, o.Outcome)
	require.Contains(t, o.Stdout, "bytes left out")
	require.True(t, strings.HasPrefix(o.Stdout, "first\n"))
	require.True(t, strings.HasSuffix(o.Stdout, "last\n"))
	require.Less(t, len(o.Stdout), 100<<10)
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
}

func TestATaskThatFillsTheDiskFailsAlone(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 16<<20).Dir
	a := oneSlot(t, func(c *manager.Config) { c.Dir = disk })
	file := filepath.Join(disk, "full")
	full := a.run("fill", file)
	require.Equal(t, wire.OutcomeException, full.Outcome)
	require.Equal(t, "OSError", full.error()["type"])
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t), "a small result needs no disk")

	large := a.run("large", 1<<20)
	require.Equal(t, wire.OutcomeFailed, large.Outcome)
	require.Equal(t, "storage_full", large.error()["code"])
	require.Contains(t, large.error()["message"], "No space left on device")

	calls := make([][]any, 300)
	for i := range calls {
		calls[i] = []any{i, 1}
	}
	a.work("add", calls...)
	for i, o := range a.outcomes(300) {
		require.EqualValues(t, i+1, o.value(t), "there is no room to keep outcomes: they are told at once")
	}
	require.NoError(t, os.Remove(file))
	require.NotNil(t, a.run("large", 1<<20).Blob, "there is room again")
}

func TestADiskThatBecomesReadOnlyFailsOnlyWhatNeedsIt(t *testing.T) {
	t.Parallel()
	disk := smalldisktest.New(t, 16<<20)
	a := oneSlot(t, func(c *manager.Config) { c.Dir = disk.Dir })
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
	unseal := disk.Seal()
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t), "a small result needs no disk")
	large := a.run("large", 1<<20)
	require.Equal(t, wire.OutcomeFailed, large.Outcome)
	require.Equal(t, "storage_full", large.error()["code"])
	unseal()
	require.NotNil(t, a.run("large", 1<<20).Blob, "it can be written again")
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

func TestConnectionsThatSayNothingAreBounded(t *testing.T) {
	t.Parallel()
	a := oneSlot(t, nil)
	before := a.run("look_around")
	require.EqualValues(t, 500, a.run("connect_often", 500).value(t))
	unharmed(t, a, before)
	descriptors, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	require.Less(t, len(descriptors), 2000)
}

// An interpreter that breaks while its manager runs gives its tasks back with
// what it said.
func TestAnInterpreterThatBreaksSaysHow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	python, works := filepath.Join(dir, "python3"), filepath.Join(dir, "works")
	require.NoError(t, os.Symlink(workertest.Python(t), python))
	a := oneSlot(t, func(c *manager.Config) { c.Pythons = []wire.Interpreter{{Path: python}} })
	require.NoError(t, os.Rename(python, works))
	script := "#!/bin/sh\necho 'cannot open libpython: no such file' >&2; exit 127\n"
	programtest.Write(t, python, script)
	lost := a.run("add", 1, 2).lost
	require.NotNil(t, lost)
	require.False(t, lost.Started, "no attempt is spent")
	require.Equal(t, yonder.CodeEndpointBroken, lost.Code)
	require.Contains(t, lost.Message, "3 times in a row")
	require.Contains(t, lost.Message, "cannot open libpython")
	require.Equal(t, yonder.CodeEndpointBroken, a.run("add", 1, 2).lost.Code, "at once")

	require.NoError(t, os.Rename(works, python))
	a.send(wire.KindBeat, wire.Beat{Reset: true})
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
}
