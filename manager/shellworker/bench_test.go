//go:build linux

package shellworker_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/manager/runtime/process"
	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

const patience = 30 * time.Second

// bench is a host with one native worker, and all that it does.
type bench struct {
	*workerproc.Host

	t       *testing.T
	dir     string
	hellos  chan string
	reports chan workerproc.Report
	exits   chan workerproc.Exit
	runs    int64
}

func (b *bench) Hello(worker string) { b.hellos <- worker }

func (b *bench) Ran(_ string, report workerproc.Report) { b.reports <- report }

func (b *bench) Exited(_ string, exit workerproc.Exit) { b.exits <- exit }

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{
		t: t, dir: t.TempDir(), hellos: make(chan string, 8), reports: make(chan workerproc.Report, 100), exits: make(chan workerproc.Exit, 8),
	}
	b.Host = workerproc.New(workerproc.Config{
		Dir: b.dir, Native: workertest.Native(), Runtime: process.New(), Output: 64 << 10,
		Live:   live.NewBook(live.Config{OutputBytes: 1 << 10, ValueBytes: 1 << 10}),
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}, b)
	require.NoError(t, b.Start(t.Context()))
	t.Cleanup(b.Stop)
	require.NoError(t, b.Fork(workerproc.Place{ID: "z1"}, "w1"))
	require.Equal(t, "w1", next(t, b.hellos))
	return b
}

func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
	}
	panic("unreachable")
}

// give runs calls of a function as one run.
func (b *bench) give(f shell.Function, payloads [][]byte, run wire.Run) {
	b.t.Helper()
	body, err := json.Marshal(f)
	require.NoError(b.t, err)
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	b.runs++
	run.Run, run.Function, run.Codec, run.Attempt, run.Task = b.runs, hash, "json", 1, "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000"
	if run.Form == "" {
		run.Form = wire.FormEach
	}
	if run.Inline == 0 {
		run.Inline = 1 << 20
	}
	require.NoError(b.t, b.Run("w1", wire.Load{Function: hash}, body, run, payloads))
}

func (b *bench) outcome(f shell.Function, args ...any) workerproc.Report {
	b.t.Helper()
	b.give(f, [][]byte{workertest.Call(args...)}, wire.Run{Hi: 1})
	report := next(b.t, b.reports)
	require.True(b.t, report.Last)
	require.Len(b.t, report.Entries, 1)
	return report
}

func (b *bench) result(f shell.Function, args ...any) shell.Result {
	b.t.Helper()
	return value(b.t, b.outcome(f, args...))
}

func value(t *testing.T, report workerproc.Report) shell.Result {
	t.Helper()
	require.Equal(t, wire.OutcomeOK, report.Entries[0].Outcome, "%s", report.Columns[0])
	payload, err := wire.ParsePayload(report.Columns[0])
	require.NoError(t, err)
	require.Equal(t, "json", payload.Codec)
	var r shell.Result
	require.NoError(t, json.Unmarshal(payload.Body, &r))
	require.Equal(t, shell.ResultKind, r.Kind)
	return r
}

func command(text string, params ...shell.Param) shell.Function {
	return shell.Function{Command: text, Params: params}
}
