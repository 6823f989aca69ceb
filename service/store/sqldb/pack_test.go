package sqldb

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// drawOutcomes makes outcomes of a few bundles, which one report may have.
func drawOutcomes(t *rapid.T) []outcome {
	var list []outcome
	for n := range rapid.IntRange(1, 3).Draw(t, "bundles") {
		b := &bundle{Bundle: gen.Bundle{ID: yonder.ID{byte(n + 1)}}}
		lo := 0
		for range rapid.IntRange(1, 300).Draw(t, "tasks") {
			lo += rapid.SampledFrom([]int{0, 0, 0, 0, 1}).Draw(t, "gap")
			o := outcome{bundle: b, state: yonder.TaskSucceeded, payload: fmt.Appendf(nil, "value %d", lo)}
			o.entry = wire.Entry{
				Bundle: b.ID, Attempt: rapid.SampledFrom([]int{1, 1, 1, 1, 2}).Draw(t, "attempt"), Lo: lo, Hi: lo + 1,
				Outcome: wire.OutcomeOK, Form: wire.FormEach, Worker: rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "worker"),
				Started: rapid.Int64Range(0, 1<<50).Draw(t, "started"), Finished: rapid.Int64Range(0, 1<<50).Draw(t, "finished"),
				Stdout: rapid.SampledFrom([]string{"", "", "", "hello"}).Draw(t, "stdout"),
			}
			if rapid.IntRange(0, 9).Draw(t, "size") == 0 {
				o.payload = make([]byte, packBytes/3)
			}
			list = append(list, o)
			lo++
		}
	}
	return list
}

// Whatever is packed comes out as it was, in rows that are not too large, and
// with a cursor for each.
func TestPacksComeOutAsTheyWentIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := drawOutcomes(t)
		cursor, n := int64(0), 0
		for _, row := range packs(list) {
			whole, differs := pack(row)
			cursor += int64(len(row))
			stored := gen.Result{
				Cursor: cursor, Entries: int64(len(row)), Lo: int64(whole.entry.Lo), Hi: int64(whole.entry.Hi), Pack: differs,
				Worker: whole.entry.Worker, Started: whole.entry.Started, Finished: whole.entry.Finished, Payload: whole.payload,
			}
			require.True(t, len(row) == 1 || len(row) <= packTasks && len(whole.payload) <= packBytes)
			back, err := unpack(stored)
			require.NoError(t, err)
			require.Len(t, back, len(row))
			for i, one := range back {
				n++
				e := row[i].entry
				require.Equal(t, []int64{int64(n), int64(e.Lo), int64(e.Hi), e.Started, e.Finished},
					[]int64{one.Cursor, one.Lo, one.Hi, one.Started, one.Finished})
				require.Equal(t, e.Worker, one.Worker)
				require.Equal(t, row[i].payload, one.Payload)
			}
		}
		require.Len(t, list, n)
	})
}

func FuzzUnpack(f *testing.F) {
	_, differs := pack([]outcome{
		{payload: []byte("one"), entry: wire.Entry{Lo: 4, Hi: 5, Worker: "a", Started: 7, Finished: 9}},
		{payload: []byte("two"), entry: wire.Entry{Lo: 5, Hi: 6, Worker: "b", Started: 8, Finished: 8}},
	})
	f.Add(int64(2), differs, "a\nb", []byte("onetwo"))
	f.Add(int64(2), []byte{}, "", []byte{})
	f.Fuzz(func(t *testing.T, entries int64, differs []byte, workers string, payload []byte) {
		if entries < 1 || entries > packTasks {
			t.Skip()
		}
		rows, err := unpack(gen.Result{Cursor: entries, Entries: entries, Hi: entries, Pack: differs, Worker: workers, Payload: payload})
		if err == nil {
			require.Len(t, rows, int(entries))
		}
	})
}
