package manager_test

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) {
	if code, done := workertest.ActAsWorker(); done {
		os.Exit(code)
	}
	if file := os.Getenv("MANAGER_TEST_RENDEZVOUS"); file != "" {
		runAsProcess(file)
		return
	}
	goleak.VerifyTestMain(m)
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(data []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(data)))
	return len(data), nil
}

func startManager(t *testing.T, a *agent, change func(*manager.Config)) *manager.Manager {
	t.Helper()
	cfg := manager.Config{
		Rendezvous: a.file, Block: "b1", Dir: t.TempDir(), Grace: 500 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(testWriter{t}, nil)),
	}
	if change != nil {
		change(&cfg)
	}
	m := manager.New(cfg)
	require.NoError(t, m.Start(background(t)))
	t.Cleanup(m.Stop)
	return m
}

// connected is an agent with a manager.
func connected(t *testing.T, change func(*manager.Config)) (*agent, *manager.Manager) {
	t.Helper()
	a := newAgent(t, 1)
	m := startManager(t, a, change)
	hello := a.welcome()
	require.Equal(t, "b1", hello.Block)
	require.Empty(t, hello.Holds)
	require.NotEmpty(t, hello.Pythons)
	return a, m
}

func TestStress(t *testing.T) {
	t.Parallel()
	a := newAgent(t, 1)
	startstoptest.Stress(t, manager.New(manager.Config{Rendezvous: a.file, Dir: t.TempDir()}))
}

func TestCallsOfAllKinds(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
	require.Equal(t, "ab", a.run("add", "a", "b").value(t))

	failed := a.run("fail", "why")
	require.Equal(t, wire.OutcomeException, failed.Outcome)
	require.Equal(t, "why", failed.error()["message"])

	spoken := a.run("speak", "hi")
	require.Contains(t, spoken.Stdout, "library hi")
	require.Contains(t, spoken.Stderr, "child hi")
	require.Contains(t, spoken.Worker, "/w")
	require.Positive(t, spoken.Finished)

	refused := a.run("unpackable")
	require.Equal(t, wire.OutcomeFailed, refused.Outcome)
	require.Equal(t, "unserialisable", refused.error()["code"])
	require.Len(t, a.needs, 4, "every function is asked for once")
}

func TestManyCallsAndAChunk(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	const tasks = 3000
	calls := make([][]any, tasks)
	for i := range calls {
		calls[i] = []any{i, 1}
	}
	a.work("add", calls...)
	for i, o := range a.outcomes(tasks) {
		require.EqualValues(t, i+1, o.value(t))
	}

	for i := range calls {
		calls[i] = []any{i}
	}
	lease, _ := a.lease("odd", calls...)
	lease.Form, lease.Columns, lease.Lo, lease.Hi = wire.FormChunk, 1, 100, 2900
	a.give(lease, workertest.Chunk(calls...))
	done := a.outcomes(2800)
	for i := 100; i < 2900; i++ {
		o := done[i]
		if i%2 == 0 {
			require.Equal(t, wire.OutcomeException, o.Outcome)
			continue
		}
		values, err := workertest.Values(o.payload)
		require.NoError(t, err)
		require.EqualValues(t, i, values[i-o.Lo])
	}
}

func TestDeathsAreLosses(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	lost := a.run("exit_now", 7).lost
	require.NotNil(t, lost)
	require.True(t, lost.Started)
	require.Equal(t, yonder.CodeWorkerFailed, lost.Code)
	require.Contains(t, lost.Message, "exit code 7")

	lost = a.run("crash").lost
	require.NotNil(t, lost)
	require.Contains(t, lost.Message, "SIGSEGV")
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t), "another worker has taken its place")
}

// What a task wrote that brings no result is what its owner needs most.
func TestLastWordsAreKept(t *testing.T) {
	t.Parallel()
	words := wire.Output{Stdout: "0: last words\n", Stderr: "sorry\n"}
	for _, then := range []string{"exit", "crash", "walltime", "cancel"} {
		t.Run(then, func(t *testing.T) {
			t.Parallel()
			a, _ := connected(t, nil)
			lease, columns := a.lease("last_words", []any{then})
			if then == "walltime" {
				lease.Walltime = 1
			}
			a.give(lease, columns...)
			if then == "cancel" {
				follow := a.reader(lease.Span, 0)
				for !strings.Contains(follow.text, "sorry") {
					follow.ask()
				}
				a.send(wire.KindStop, wire.Spans{Spans: []wire.Span{lease.Span}})
				require.Equal(t, words, a.outcomes(1)[0].cancelled.Output)
				return
			}
			lost := a.outcomes(1)[0].lost
			require.NotNil(t, lost)
			require.Equal(t, words.Stdout, lost.Stdout)
			require.Contains(t, lost.Stderr, words.Stderr)
		})
	}
	a, _ := connected(t, func(c *manager.Config) { c.Slots = 1 })
	calls := make([][]any, 5)
	for i := range calls {
		calls[i] = []any{"exit", i, 3}
	}
	lease, _ := a.lease("last_words", calls...)
	lease.Form, lease.Columns = wire.FormChunk, 1
	a.give(lease, workertest.Chunk(calls...))
	require.Equal(t, "3: last words\n", a.outcomes(5)[3].lost.Stdout, "the task alone that ended the worker has them")
}

func TestADeathInAChunkConcernsItsTaskAlone(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, func(c *manager.Config) { c.Slots = 1 })
	calls := make([][]any, 20)
	for i := range calls {
		calls[i] = []any{i, 13}
	}
	lease, _ := a.lease("die_at", calls...)
	lease.Form, lease.Columns = wire.FormChunk, 1
	a.give(lease, workertest.Chunk(calls...))
	done := a.outcomes(20)
	require.NotNil(t, done[13].lost)
	for i := 14; i < 20; i++ {
		require.Nil(t, done[i].lost, "task %d had not begun", i)
	}
}

func TestLargePayloadsTravelAsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, m := connected(t, func(c *manager.Config) { c.Dir = dir })
	data := workertest.Call(strings.Repeat("y", 3<<20))
	sum := sha256.Sum256(data)
	blob := wire.Blob{ID: yonder.NewID(), Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	a.blobs = map[yonder.ID][]byte{blob.ID: data}
	for range 2 {
		lease, _ := a.lease("length", nil, []any{"xx"})
		lease.Blobs = map[int]wire.Blob{0: blob}
		a.give(lease, nil, workertest.Call("xx"))
		done := a.outcomes(2)
		require.EqualValues(t, 3<<20, done[0].value(t))
		require.EqualValues(t, 2, done[1].value(t))
	}
	require.Len(t, a.needs, 2, "the function and the blob, once")

	lease := a.work("large", []any{5 << 20})
	o := a.outcomes(1)[0]
	require.Empty(t, o.payload)
	got := a.chunks[lease.Span]
	require.Len(t, got, int(o.Blob.Size))
	sum = sha256.Sum256(got)
	require.Equal(t, o.Blob.SHA256, hex.EncodeToString(sum[:]))
	value, err := workertest.Value(got)
	require.NoError(t, err)
	require.Len(t, value, 5<<20)
	require.Eventually(t, func() bool {
		left, err := filepath.Glob(filepath.Join(dir, "yonder-*", "results", "*"))
		return err == nil && len(left) == 0
	}, patience, 5*time.Millisecond, "an acknowledged file is removed")
	m.Stop()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left behind")
}

func TestIdentitiesNeverShareAWorker(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, func(c *manager.Config) { c.Slots = 1 })
	seen := map[any]yonder.ID{}
	owners := []yonder.ID{yonder.NewID(), yonder.NewID()}
	for i := range 6 {
		lease, columns := a.lease("whoami", nil)
		lease.Owner = owners[i%2]
		a.give(lease, columns...)
		found := a.outcomes(1)[0].value(t).([]any)
		require.Equal(t, lease.Bundle.Task(0).String(), found[0])
		pid := found[2]
		if before, known := seen[pid]; known {
			require.Equal(t, before, lease.Owner)
		}
		seen[pid] = lease.Owner
	}
}

func TestWhatCannotRunHereSaysSo(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	lease, columns := a.lease("add", []any{1, 2})
	lease.Requires.Python = "3.99"
	a.give(lease, columns...)
	require.Equal(t, "no_interpreter", a.outcomes(1)[0].error()["code"])

	lease, columns = a.lease("add", []any{1, 2})
	lease.Hash = strings.Repeat("0", 64)
	a.give(lease, columns...)
	o := a.outcomes(1)[0]
	require.Equal(t, "not_found", o.error()["code"])
	require.Equal(t, "no such function", o.error()["message"])
}

func TestTooManyPayloadsGoBack(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, func(c *manager.Config) { c.HeldBytes = 100 })
	lease, _ := a.lease("length", []any{""})
	a.give(lease, workertest.Call(strings.Repeat("x", 200)))
	lost := a.outcomes(1)[0].lost
	require.False(t, lost.Started)
	require.Equal(t, yonder.CodeLimitReached, lost.Code)
}
