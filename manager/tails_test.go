package manager_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

// reader follows one task.
type reader struct {
	agent *agent
	tail  wire.Tail
	last  wire.Tailed
	text  string
	all   [][]byte // values
	lost  int64    // bytes of output
}

func (a *agent) reader(span wire.Span, index int) *reader {
	return &reader{agent: a, tail: wire.Tail{
		Task: span.Bundle.Task(index), After: wire.Mark{Attempt: span.Attempt}, Wait: 10, Bytes: 32 << 10, Output: true, Values: true,
	}}
}

// ask asks once and takes in the answer.
func (r *reader) ask() wire.Tailed {
	r.agent.t.Helper()
	r.tail.Seq++
	r.agent.send(wire.KindTail, r.tail)
	frame := r.agent.recv(wire.KindTailed)
	r.last = wire.Tailed{}
	require.NoError(r.agent.t, frame.Decode(wire.KindTailed, &r.last))
	require.Equal(r.agent.t, r.tail.Seq, r.last.Seq)
	require.Len(r.agent.t, frame.Columns, len(r.last.Pieces))
	for i, p := range r.last.Pieces {
		switch {
		case p.Skipped > 0:
			r.lost += p.Skipped
		case p.Stream == wire.StreamValue:
			r.all = append(r.all, frame.Columns[i])
		default:
			r.text += string(frame.Columns[i])
		}
	}
	r.tail.After = r.last.Next
	return r.last
}

// until asks until the task is in the state.
func (r *reader) until(state wire.TailState) {
	r.agent.t.Helper()
	wait := r.tail.Wait
	r.tail.Wait = 0.1 // a state alone is no news
	for r.ask().State != state {
		continue
	}
	r.tail.Wait = wait
}

func touch(t *testing.T, parts ...any) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(parts[0].(string), fmt.Sprint(parts[1:]...)), nil, 0o600))
}

func TestOutputAndProgressCanBeFollowed(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	dir := t.TempDir()
	lease := a.work("narrate", []any{dir, "a"})
	r := a.reader(lease.Span, 0)
	for step := range 3 {
		touch(t, dir, "a.", step)
		want := fmt.Sprintf("a says %d\n", step)
		var progress *yonder.Progress // may come before what is printed, or after
		for r.text != want || progress == nil {
			a := r.ask()
			if a.Progress != nil {
				progress = a.Progress
			}
			if a.State == wire.TailEnded {
				break
			}
		}
		require.Equal(t, want, r.text)
		r.text = ""
		if r.last.State == wire.TailRunning {
			require.InDelta(t, step+1, progress.Done, 0)
			require.InDelta(t, 3, progress.Total, 0)
			require.Equal(t, fmt.Sprintf("a größer %d", step), progress.Message)
		}
	}
	r.until(wire.TailEnded)
	require.Equal(t, "a says 0\na says 1\na says 2\n", a.outcomes(1)[0].Stdout, "the result has it, too")
	require.Equal(t, wire.TailEnded, r.ask().State, "it can be asked again, should the answer be lost")
}

func TestEachCallOfAChunkHasItsOwnOutput(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, func(c *manager.Config) { c.Slots = 1 })
	dir := t.TempDir()
	calls := [][]any{{dir, "a"}, {dir, "b"}}
	lease, _ := a.lease("narrate", calls...)
	lease.Form, lease.Columns = wire.FormChunk, 1
	a.give(lease, workertest.Chunk(calls...))
	first, second := a.reader(lease.Span, 0), a.reader(lease.Span, 1)
	first.until(wire.TailRunning)
	second.until(wire.TailWaiting)
	for _, who := range []string{"a", "b"} {
		for step := range 3 {
			touch(t, dir, who, ".", step)
		}
	}
	second.until(wire.TailEnded)
	first.until(wire.TailEnded)
	require.NotContains(t, first.text, "b says")
	require.NotContains(t, second.text, "a says 0")
	require.Contains(t, second.text, "b says")
	a.outcomes(2)
}

func TestValuesOfAGeneratorCanBeFollowed(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	dir := t.TempDir()
	lease := a.work("produce", []any{dir, 3})
	r := a.reader(lease.Span, 0)
	for step := range 3 {
		touch(t, dir, step)
		for len(r.all) <= step {
			r.ask()
		}
		value, err := workertest.Value(r.all[step])
		require.NoError(t, err)
		require.EqualValues(t, step, value)
	}
	require.Equal(t, []any{0.0, 1.0, 2.0}, a.outcomes(1)[0].value(t))
}

// A reader of a task that prints far more than is kept: what it misses is
// counted to the byte, and the end is there.
func TestAFloodIsBoundedAndCounted(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, func(c *manager.Config) { c.LiveBytes = 16 << 10 })
	dir := t.TempDir()
	const chunks = 500
	lease := a.work("pour", []any{dir, chunks})
	r := a.reader(lease.Span, 0)
	const total = chunks*64<<10 + int64(len("the end\n"))
	for r.tail.After.Output < total {
		r.ask()
	}
	touch(t, dir, "go")
	r.until(wire.TailEnded)
	require.Equal(t, total, r.lost+int64(len(r.text)))
	require.Positive(t, r.lost)
	require.Contains(t, r.text, "the end\n")
	require.Contains(t, a.outcomes(1)[0].Stdout, "bytes left out")
}

func TestWhatIsNotHereIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	lease := a.work("add", []any{1, 2})
	a.outcomes(1)
	r := a.reader(lease.Span, 0)
	r.until(wire.TailUnknown)
	r.tail.After.Attempt = 2
	require.Equal(t, wire.TailUnknown, r.ask().State)
}

func TestTooManyReadersAreToldSo(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	dir := t.TempDir()
	lease := a.work("narrate", []any{dir, "a"})
	r := a.reader(lease.Span, 0)
	r.until(wire.TailRunning)
	for range 256 {
		a.send(wire.KindTail, r.tail)
	}
	require.Equal(t, wire.TailAway, r.ask().State)
	require.Contains(t, r.last.Message, "too many readers")
	for step := range 3 {
		touch(t, dir, "a.", step)
	}
	a.outcomes(1)
}
