package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// reported has n tasks succeed in one report, the last first, each with values,
// times and a worker of its own; one of them has written something.
func (b *bench) reported(epoch int64, group yonder.ID, n int) []wire.Entry {
	b.Helper()
	span := b.started(epoch, group, n)
	report := wire.Report{Epoch: epoch}
	var columns [][]byte
	for i := n - 1; i >= 0; i-- {
		e := wire.Entry{
			Bundle: span.Bundle, Attempt: 1, Lo: i, Hi: i + 1, Outcome: wire.OutcomeOK, Form: wire.FormEach,
			Worker: fmt.Sprintf("node, worker %d", i%3), Started: b.now.UnixMicro() + int64(i), Finished: b.now.UnixMicro() + int64(2*i),
		}
		if i == n/2 {
			e.Stdout = "hello"
		}
		report.Results = append(report.Results, e)
		columns = append(columns, fmt.Appendf(nil, "value %d", i))
	}
	require.Empty(b, b.report(report, columns...))
	return report.Results
}

// Results that share rows are read as if each had its own.
var packs = []behaviour{
	{"are read from any cursor on, in pages of any size", func(b *bench) {
		group := yonder.NewID()
		entries := b.reported(b.live(b.endpoint, 100), group, 20)
		for after := range int64(21) {
			for _, limit := range []int{1, 3, 100} {
				page, columns, err := b.GroupResults(b.Context(), group, after, limit, 1<<20)
				require.NoError(b, err)
				require.Len(b, page.Entries, min(limit, 20-int(after)))
				require.Equal(b, after+int64(len(page.Entries)), page.Cursor)
				for i, got := range page.Entries {
					require.Equal(b, after+int64(i)+1, got.Cursor)
					require.Equal(b, entries[19-got.Lo], got.Entry)
					require.Equal(b, fmt.Sprintf("value %d", got.Lo), string(columns[i]))
				}
			}
		}
	}},
	{"are looked at one by one", func(b *bench) {
		group := yonder.NewID()
		for _, want := range b.reported(b.live(b.endpoint, 100), group, 9) {
			id := want.Bundle.Task(want.Lo)
			entry, value, err := b.TaskResult(b.Context(), id)
			require.NoError(b, err)
			require.Equal(b, want, entry.Entry)
			require.Equal(b, fmt.Sprintf("value %d", want.Lo), string(value))
			facts, err := b.ExplainTask(b.Context(), id)
			require.NoError(b, err)
			require.Equal(b, want.Worker, facts.Worker)
			require.Equal(b, []int64{want.Started, want.Finished},
				[]int64{facts.Task.Started.UnixMicro(), facts.Task.Finished.UnixMicro()})
			require.Equal(b, yonder.TaskSucceeded, b.task(id).State)
		}
	}},
	{"expire and are forgotten together", func(b *bench) {
		group := yonder.NewID()
		entries := b.reported(b.live(b.endpoint, 100), group, 9)
		later := b.at(15 * 24 * time.Hour)
		later.retire()
		page, columns, err := later.GroupResults(b.Context(), group, 2, 3, 1<<20)
		require.NoError(b, err)
		require.Len(b, page.Entries, 3)
		require.Equal(b, wire.OutcomeFailed, page.Entries[0].Outcome)
		require.Contains(b, string(columns[0]), yonder.CodeResultExpired)
		require.Equal(b, entries[8-page.Entries[1].Lo].Worker, page.Entries[1].Worker)
		_, _, err = later.TaskResult(b.Context(), entries[0].Bundle.Task(0))
		requireCode(b, yonder.CodeResultExpired, err)
	}},
}
