//go:build unix

package workerproc_test

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/manager/runtime/process"
	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

// bench is a host and all that its workers do.
type bench struct {
	*workerproc.Host

	t       testing.TB
	dir     string
	place   workerproc.Place
	hellos  chan string
	reports chan workerproc.Report
	exits   chan workerproc.Exit
	runs    int64
}

func (b *bench) Hello(worker string)                    { b.hellos <- worker }
func (b *bench) Ran(_ string, report workerproc.Report) { b.reports <- report }
func (b *bench) Exited(_ string, exit workerproc.Exit)  { b.exits <- exit }
func (b *bench) run(name string, args ...any) {
	b.give(name, "w1", workertest.Call(args...), wire.Run{Hi: 1})
}

func (b *bench) chunk(name string, run wire.Run, c ...[]any) {
	b.give(name, "w1", workertest.Chunk(c...), run)
}

func (b *bench) outcome(name string, args ...any) workerproc.Report {
	b.run(name, args...)
	return next(b.t, b.reports)
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	b := &bench{
		t: tb, dir: tb.TempDir(), hellos: make(chan string, 8), reports: make(chan workerproc.Report, 1000), exits: make(chan workerproc.Exit, 8),
		place: workerproc.Place{ID: "z1", Python: workertest.Python(tb)},
	}
	b.Host = workerproc.New(workerproc.Config{
		Live: live.NewBook(live.Config{OutputBytes: 1 << 10, ValueBytes: 1 << 10}),
		Dir:  b.dir, Zipapp: workertest.Zipapp(tb), Runtime: process.New(), Output: 64 << 10,
		Logger: slog.New(slog.NewTextHandler(testWriter{tb}, nil)),
	}, b)
	require.NoError(tb, b.Start(tb.Context()))
	tb.Cleanup(b.Stop)
	return b
}

// withWorker has worker w1 ready.
func withWorker(tb testing.TB) *bench {
	tb.Helper()
	b := newBench(tb)
	b.forked("w1")
	return b
}

func (b *bench) forked(id string) {
	b.t.Helper()
	require.NoError(b.t, b.Fork(b.place, id))
	require.Equal(b.t, id, next(b.t, b.hellos))
}

func (b *bench) give(name, worker string, payload []byte, run wire.Run) {
	b.t.Helper()
	b.giveAll(name, worker, [][]byte{payload}, run)
}

func (b *bench) giveAll(name, worker string, payloads [][]byte, run wire.Run) {
	b.t.Helper()
	body := workertest.Function(b.t, name)
	b.runs++
	run.Run, run.Function, run.Codec, run.Attempt = b.runs, body.Hash, cmp.Or(run.Codec, "json"), 1
	run.Task = "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000"
	if run.Form == "" {
		run.Form = wire.FormEach
	}
	if run.Inline == 0 {
		run.Inline = 1 << 20
	}
	require.NoError(b.t, b.Run(worker, wire.Load{Function: body.Hash, Name: name}, body.Data, run, payloads))
}

func next[T any](tb testing.TB, from <-chan T) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		require.FailNow(tb, "nothing came")
	}
	panic("unreachable")
}

// whole is all that a run tells: on a busy machine it comes in several reports.
func (b *bench) whole() workerproc.Report {
	b.t.Helper()
	all := next(b.t, b.reports)
	for !all.Last {
		more := next(b.t, b.reports)
		all.Entries, all.Columns, all.Last = append(all.Entries, more.Entries...), append(all.Columns, more.Columns...), more.Last
	}
	return all
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(data []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(data)))
	return len(data), nil
}

func TestStress(t *testing.T) {
	t.Parallel()
	b := &bench{t: t}
	startstoptest.Stress(t, workerproc.New(workerproc.Config{
		Live: live.NewBook(live.Config{OutputBytes: 1 << 10, ValueBytes: 1 << 10}),
		Dir:  t.TempDir(), Zipapp: workertest.Zipapp(t), Runtime: process.New(), Logger: slog.New(slog.DiscardHandler),
	}, b))
}

func TestResult(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	for i := range 3 {
		report := b.outcome("add", i, 2)
		require.True(t, report.Last)
		require.Len(t, report.Entries, 1)
		entry := report.Entries[0]
		require.Equal(t, wire.OutcomeOK, entry.Outcome, "%s", report.Columns[0])
		value, err := workertest.Value(report.Columns[0])
		require.NoError(t, err)
		require.EqualValues(t, i+2, value)
		require.LessOrEqual(t, entry.Started, entry.Finished)
		require.WithinDuration(t, time.Now(), time.UnixMicro(entry.Finished), time.Minute)
	}
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	tests := []struct {
		function string
		args     []any
		kind     string
	}{
		{"fail", []any{"größe"}, "ValueError"},
		{"leave", []any{3}, "SystemExit"},
		{"interrupt", nil, "KeyboardInterrupt"},
		{"add", []any{1}, "TypeError"},
	}
	for _, test := range tests {
		report := b.outcome(test.function, test.args...)
		require.Equal(t, wire.OutcomeException, report.Entries[0].Outcome, "%s", report.Columns[0])
		told := workertest.Error(report.Columns[0])
		require.Equal(t, test.kind, told["type"])
		require.NotContains(t, told["traceback"], "yonder", "frames of the worker are nobody's business")
	}
	require.Equal(t, wire.OutcomeOK, b.outcome("add", 1, 2).Entries[0].Outcome, "the worker goes on")
}

func TestWhatCannotBeDone(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	failed := func(report workerproc.Report, code string) {
		t.Helper()
		require.Equal(t, wire.OutcomeFailed, report.Entries[0].Outcome)
		told := workertest.Error(report.Columns[0])
		require.Equal(t, code, told["code"], "%v", told)
		require.NotEmpty(t, told["message"])
	}
	failed(b.outcome("unpackable"), "unserialisable")
	for name, payload := range map[string][]byte{
		"no payload":     []byte("nonsense"),
		"unknown codec":  {'Y', '1', 'z', 0, 3, 11, 0, 0, 'x'},
		"other bytecode": {'Y', '1', 'p', 1, 2, 7, 0, 0, 'x'},
		"damaged":        {'Y', '1', 'p', 0, 3, 11, 0, 0, 'x'},
	} {
		b.give("add", "w1", payload, wire.Run{Hi: 1})
		t.Log(name)
		failed(next(t, b.reports), "codec_mismatch")
	}
	body := []byte(`{"format":1}`)
	require.NoError(t, b.Run("w1", wire.Load{Function: "broken"}, body, wire.Run{
		Run: 77, Function: "broken", Form: wire.FormEach, Codec: "json", Hi: 1, Inline: 1000, Task: "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000",
	}, [][]byte{workertest.Call()}))
	failed(next(t, b.reports), "codec_mismatch")
}

func TestOutputOfEveryKindBelongsToItsRun(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	for _, text := range []string{"one", "two"} {
		report := b.outcome("speak", text)
		for _, source := range []string{"python", "descriptor", "child", "library"} {
			require.Contains(t, report.Stdout, source+" "+text)
		}
		require.Equal(t, "python "+text+"\nchild "+text+"\n", report.Stderr)
		require.Equal(t, 4, strings.Count(report.Stdout, "\n"), "%q", report.Stdout)
	}
	require.Equal(t, "a\uFFFDb", b.outcome("not_text").Stdout)
	require.Empty(t, b.outcome("add", 1, 2).Stdout)
	read, err := workertest.Value(b.outcome("stdin").Columns[0])
	require.NoError(t, err)
	require.Empty(t, read, "stdin is empty")
}

func TestEndlessOutputIsCutAndBlocksNothing(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	report := b.outcome("flood", 64)
	require.Less(t, len(report.Stdout), 66<<10)
	require.True(t, strings.HasPrefix(report.Stdout, "first\nxxx"))
	require.True(t, strings.HasSuffix(report.Stdout, "xxx\nlast\n"))
	require.Contains(t, report.Stdout, fmt.Sprintf("… %d bytes left out …", 64<<20+len("first\nlast\n")-64<<10))
}

func TestChunk(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	calls := make([][]any, 8)
	for i := range calls {
		calls[i] = []any{i}
	}
	calls[3] = []any{5}
	b.chunk("odd", wire.Run{Form: wire.FormChunk, Lo: 2, Hi: 7, Total: 8}, calls...)
	report := b.whole()
	type part struct {
		lo, hi  int
		outcome wire.Outcome
		form    wire.Form
	}
	var parts []part
	for _, e := range report.Entries {
		parts = append(parts, part{e.Lo, e.Hi, e.Outcome, e.Form})
	}
	require.Equal(t, []part{
		{2, 3, wire.OutcomeException, wire.FormEach},
		{3, 4, wire.OutcomeOK, wire.FormChunk},
		{4, 5, wire.OutcomeException, wire.FormEach},
		{5, 6, wire.OutcomeOK, wire.FormChunk},
		{6, 7, wire.OutcomeException, wire.FormEach},
	}, parts)

	b.chunk("add", wire.Run{Form: wire.FormChunk, Lo: 1, Hi: 3, Total: 3}, []any{1, 2}, []any{3, 4}, []any{5, 6})
	report = b.whole()
	require.Len(t, report.Entries, 1)
	values, err := workertest.Values(report.Columns[0])
	require.NoError(t, err)
	require.Equal(t, []any{7.0, 11.0}, values)

	b.chunk("add", wire.Run{Form: wire.FormChunk, Lo: 0, Hi: 5, Total: 5}, []any{1, 2})
	report = b.whole()
	require.Len(t, report.Entries, 5, "a chunk that is too short fails every task")
}

func TestLongChunksAreReportedInParts(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	calls := [][]any{{0.25}, {0.001}, {0.001}}
	b.chunk("nap", wire.Run{Form: wire.FormChunk, Hi: 3, Total: 3}, calls...)
	first := next(t, b.reports)
	require.False(t, first.Last)
	require.Equal(t, 1, first.Entries[0].Hi)
	last := next(t, b.reports)
	require.True(t, last.Last)
	require.Equal(t, []int{1, 3}, []int{last.Entries[0].Lo, last.Entries[0].Hi})
}

func TestLargePayloadsTravelAsFiles(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	file := filepath.Join(t.TempDir(), "payload")
	require.NoError(t, os.WriteFile(file, workertest.Call(strings.Repeat("y", 5<<20)), 0o600))
	b.give("length", "w1", nil, wire.Run{Hi: 1, Files: map[int]string{0: file}})
	value, err := workertest.Value(next(t, b.reports).Columns[0])
	require.NoError(t, err)
	require.EqualValues(t, 5<<20, value)

	b.give("large", "w1", workertest.Call(3<<20), wire.Run{Hi: 1, Inline: 100})
	report := next(t, b.reports)
	require.Empty(t, report.Columns[0])
	require.Len(t, report.Files, 1)
	data, err := os.ReadFile(report.Files[0].Path)
	require.NoError(t, err)
	value, err = workertest.Value(data)
	require.NoError(t, err)
	require.Len(t, value, 3<<20)
	require.EqualValues(t, len(data), report.Files[0].Blob.Size)
}

func TestWhatATaskFindsAroundIt(t *testing.T) {
	t.Parallel()
	t.Run("context", func(t *testing.T) {
		t.Parallel()
		b := withWorker(t)
		wandered, err := workertest.Value(b.outcome("wander").Columns[0])
		require.NoError(t, err)
		require.Equal(t, "/", wandered)
		b.give("whoami", "w1", workertest.Call(), wire.Run{Lo: 0x2a, Hi: 0x2b})
		value, err := workertest.Value(next(t, b.reports).Columns[0])
		require.NoError(t, err)
		found := value.([]any)
		require.Equal(t, "0198c5a2-7b1e-7c3d-9f00-3a5b6c7d002a", found[0])
		require.EqualValues(t, 1, found[1])
		require.Equal(t, found[2], found[3], "it leads a process group of its own")
		require.Contains(t, found[4], "w1", "every run begins in the worker's directory")
	})
	t.Run("random", func(t *testing.T) {
		t.Parallel()
		b := withWorker(t)
		b.forked("w2")
		first := b.outcome("dice")
		b.give("dice", "w2", workertest.Call(), wire.Run{Hi: 1})
		require.NotEqual(t, first.Columns[0], next(t, b.reports).Columns[0])
	})
	t.Run("multiprocessing", func(t *testing.T) {
		t.Parallel()
		b := withWorker(t)
		value, err := workertest.Value(b.outcome("parallel").Columns[0])
		require.NoError(t, err)
		require.Equal(t, []any{1.0, 2.0}, value)
	})
}

func TestEveryInterpreter(t *testing.T) {
	t.Parallel()
	for i, python := range workertest.Pythons(t) {
		t.Run(python.Version, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.place = workerproc.Place{ID: fmt.Sprintf("z%d", i), Python: python.Path}
			b.forked("w1")
			require.Contains(t, string(b.outcome("add", "a", "b").Columns[0]), `"ab"`)
			spoken := b.outcome("speak", "x")
			require.Contains(t, spoken.Stdout, "library x", "%s", spoken.Columns[0])
			require.Equal(t, wire.OutcomeException, b.outcome("fail", "x").Entries[0].Outcome)
		})
	}
}
