//go:build linux

package shellworker_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

// awaitFile waits for a command to have written a file.
func awaitFile(t *testing.T, path string) string {
	t.Helper()
	var data []byte
	require.Eventually(t, func() bool {
		data, _ = os.ReadFile(path)
		return strings.HasSuffix(string(data), "\n")
	}, patience, 5*time.Millisecond)
	return strings.TrimSpace(string(data))
}

func TestACancelledCommandMayCleanUp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	marks := t.TempDir()
	f := command(`trap 'echo bye > {d}/bye; exit 1' TERM; echo $$ > {d}/began; while :; do sleep 0.01; done`, shell.Param{Name: "d"})
	b.give(f, [][]byte{workertest.Call(marks)}, wire.Run{Hi: 1})
	pid := awaitFile(t, filepath.Join(marks, "began"))
	b.Signal("w1", false)
	exit := next(t, b.exits)
	require.EqualValues(t, 1, exit.Run)
	require.Equal(t, "bye", awaitFile(t, filepath.Join(marks, "bye")))
	require.Empty(t, b.reports, "what was cancelled has no result")
	requireGone(t, pid)
}

func TestACommandThatIgnoresItsEndIsKilled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	marks := t.TempDir()
	f := command(`trap '' TERM; echo $$ > {d}/began; while :; do sleep 0.01; done`, shell.Param{Name: "d"})
	b.give(f, [][]byte{workertest.Call(marks)}, wire.Run{Hi: 1})
	pid := awaitFile(t, filepath.Join(marks, "began"))
	b.Signal("w1", false)
	b.Signal("w1", true)
	next(t, b.exits)
	requireGone(t, pid)
}

func requireGone(t *testing.T, pid string) {
	t.Helper()
	number, err := strconv.Atoi(pid)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return syscall.Kill(number, 0) != nil }, patience, 5*time.Millisecond, "process %s still runs", pid)
}

// What a command leaves running ends with it, even in a session of its own, and
// neither its output nor the next task waits for it.
func TestNothingOutlivesItsCommand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	marks := t.TempDir()
	r := b.result(command(`sleep 600 & echo $! > {d}/a
		setsid sh -c 'echo $$ > "$0"/b; exec sleep 600' {d} & until [ -s {d}/b ]; do sleep 0.01; done; echo done`, shell.Param{Name: "d"}), marks)
	require.Equal(t, "done\n", r.Stdout)
	for _, name := range []string{"a", "b"} {
		requireGone(t, awaitFile(t, filepath.Join(marks, name)))
	}
	require.True(t, b.result(command("true")).Success)
}

func TestACommandThatIsKilledSaysSo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.result(command("kill -9 $$"))
	require.Equal(t, -9, r.ReturnCode)
	require.False(t, r.Success)
}

// A command that ends its worker is blamed for it, as any task is.
func TestACommandMayEndItsWorker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.give(command("kill -9 $PPID; sleep 600"), [][]byte{workertest.Call()}, wire.Run{Hi: 1})
	exit := next(t, b.exits)
	require.EqualValues(t, 1, exit.Run)
	require.Contains(t, exit.Message, "SIGKILL")
}

func TestAnIdleWorkerEndsWhenAsked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Signal("w1", false)
	require.Contains(t, next(t, b.exits).Message, "exit code 0")
}

func TestWorkersEndWithTheirHost(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	marks := t.TempDir()
	b.give(command("echo $$ > {d}/began; sleep 600", shell.Param{Name: "d"}), [][]byte{workertest.Call(marks)}, wire.Run{Hi: 1})
	pid := awaitFile(t, filepath.Join(marks, "began"))
	b.Stop()
	requireGone(t, pid)
}

// The kernel ends what a zygote leaves behind that is killed.
func TestWorkersEndWithTheirZygote(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	marks := t.TempDir()
	b.give(command("echo $PPID $$ > {d}/began; sleep 600", shell.Param{Name: "d"}), [][]byte{workertest.Call(marks)}, wire.Run{Hi: 1})
	pids := strings.Fields(awaitFile(t, filepath.Join(marks, "began")))
	stat, err := os.ReadFile("/proc/" + pids[0] + "/stat")
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(stat), ") ")
	zygote, err := strconv.Atoi(strings.Fields(rest)[1])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(zygote, syscall.SIGKILL))
	require.Contains(t, next(t, b.exits).Message, "killed")
	for _, pid := range pids {
		requireGone(t, pid)
	}
}
