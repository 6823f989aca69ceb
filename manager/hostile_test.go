package manager_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/programtest"
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
			all := workertest.Numbers(t, file)
			require.Len(t, all, 4)
			for _, pid := range all {
				require.NoError(t, syscall.Kill(pid, 0), "it lives")
			}
			end(a, all[0])
			for _, pid := range all {
				workertest.Gone(t, pid)
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
		for _, pid := range workertest.Numbers(t, file) {
			workertest.Gone(t, pid)
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
