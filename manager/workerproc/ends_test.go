//go:build unix

package workerproc_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

func TestDeathsAreExplained(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []any
		says []string
	}{
		{"exit_now", []any{7}, []string{"ended itself with exit code 7"}},
		{"crash", nil, []string{"signal 11 (SIGSEGV", "Segmentation fault", "functions.py"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := withWorker(t)
			b.run(test.name, test.args...)
			exit := next(t, b.exits)
			for _, says := range test.says {
				require.Contains(t, exit.Message, says)
			}
			require.Equal(t, []int64{1, 0}, []int64{exit.Run, int64(exit.Index)})
		})
	}
}

func TestProgressTellsWhichTaskEndedTheWorker(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	b.chunk("die_at", wire.Run{Form: wire.FormChunk, Hi: 4, Total: 4}, []any{0, 2}, []any{1, 2}, []any{2, 2}, []any{3, 2})
	exit := next(t, b.exits)
	require.Equal(t, int64(1), exit.Run)
	require.Equal(t, 2, exit.Index)
}

func TestSignalReachesTheWholeGroup(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	file := filepath.Join(t.TempDir(), "pids")
	b.run("family", file)
	pids := workertest.Numbers(t, file)
	b.Signal("w1", false)
	require.Contains(t, next(t, b.exits).Message, "SIGTERM")
	for _, pid := range pids {
		workertest.Gone(t, pid)
	}
}

func TestKillEndsWhatIgnoresTerm(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	file := filepath.Join(t.TempDir(), "pids")
	b.run("stubborn", file)
	workertest.Numbers(t, file)
	b.Signal("w1", false)
	b.Signal("w1", true)
	exit := next(t, b.exits)
	require.Contains(t, exit.Message, "signal 9 (SIGKILL)")
	require.NotContains(t, exit.Message, "out of memory", "there is no sign of that")
}

func TestWhatADeadWorkerStartedEndsToo(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	file := filepath.Join(t.TempDir(), "pids")
	b.run("family", file)
	pids := workertest.Numbers(t, file)
	require.NoError(t, syscall.Kill(pids[0], syscall.SIGKILL))
	next(t, b.exits)
	for _, pid := range pids {
		workertest.Gone(t, pid)
	}
}

func TestZygotesDeathEndsItsWorkersAndTheNextComesUp(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	file := filepath.Join(t.TempDir(), "pids")
	b.run("family", file)
	pids := workertest.Numbers(t, file)
	require.NoError(t, syscall.Kill(parentOf(t, pids[0]), syscall.SIGKILL))
	require.Contains(t, next(t, b.exits).Message, "signal: killed")
	for _, pid := range pids {
		workertest.Gone(t, pid)
	}
	b.forked("w2")
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	parent, err := strconv.Atoi(fields[1])
	require.NoError(t, err)
	return parent
}

func TestAnInterpreterThatDoesNotStart(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{"/nonexistent/python": "no such file", "/bin/false": "exit status 1"} {
		b := newBench(t)
		b.place.Python = name
		var message string
		if err := b.Fork(b.place, "w1"); err != nil {
			message = err.Error() // it has failed already
		} else {
			message = next(t, b.exits).Message
		}
		require.Contains(t, message, says)
		require.Contains(t, message, name)
	}
}

func TestASignalBeforeTheHelloTakesTheForkBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	require.NoError(t, b.Fork(b.place, "w1"))
	b.Signal("w1", false)
	next(t, b.exits)
}

func TestNonsenseFromAWorkerEndsThatWorkerAlone(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	b.forked("w2")
	b.run("vandalise")
	require.Contains(t, next(t, b.exits).Message, "sent what it must not: frame of 4294967295 bytes is over the limit")
	b.give("add", "w2", workertest.Call(1, 2), wire.Run{Hi: 1})
	require.Equal(t, wire.OutcomeOK, next(t, b.reports).Entries[0].Outcome)
}

func TestStrangersAtTheSocketChangeNothing(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	file := filepath.Join(t.TempDir(), "pids")
	b.run("stubborn", file)
	workertest.Numbers(t, file)
	sockets, err := filepath.Glob(filepath.Join(b.dir, "yonder-*", "z1", "socket"))
	require.NoError(t, err)
	require.Len(t, sockets, 1)
	for _, role := range []string{"", "worker", "zygote", "king"} {
		conn, err := net.Dial("unix", sockets[0])
		require.NoError(t, err)
		frame, err := wire.NewFrame(wire.KindWorkerHello, wire.WorkerHello{Wire: 1, Role: role, Worker: "w1"})
		require.NoError(t, err)
		data := frame.Bytes()
		if role == "" {
			data = []byte("nonsense that is long enough to be a frame")
		}
		_, err = conn.Write(data)
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1))
		require.Error(t, err, "it is shown the door")
		conn.Close()
	}
	require.Empty(t, b.exits)
	b.Signal("w1", true)
	require.Contains(t, next(t, b.exits).Message, "SIGKILL")
}
