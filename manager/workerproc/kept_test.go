package workerproc

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// keptFile is what a worker writes for a run.
func keptFile(run uint64, records ...[]byte) []byte {
	file := binary.LittleEndian.AppendUint64(nil, run)
	var all []byte
	for _, r := range records {
		all = append(all, r...)
	}
	file = binary.LittleEndian.AppendUint64(file, uint64(len(all)))
	file = append(file, make([]byte, keptHead-len(file))...)
	return append(append(file, all...), make([]byte, 100)...)
}

func record(index, outcome uint32, payload string) []byte {
	data := binary.LittleEndian.AppendUint32(nil, index)
	data = binary.LittleEndian.AppendUint32(data, outcome)
	data = binary.LittleEndian.AppendUint64(data, math.Float64bits(1.5))
	data = binary.LittleEndian.AppendUint64(data, math.Float64bits(2.5))
	data = binary.LittleEndian.AppendUint32(data, uint32(len(payload)))
	return append(data, payload...)
}

func TestWhatWasKeptIsReadFromWhereReportsEnd(t *testing.T) {
	t.Parallel()
	file := keptFile(7, record(3, 0, "told"), record(4, 0, "value"), record(5, 1, "raised"), record(6, 2, ""))
	entries, columns := salvage(file, 7, 4, 10, 7, time.Unix(9, 0))
	require.Equal(t, []wire.RanEntry{
		{Lo: 4, Hi: 5, Outcome: wire.OutcomeOK, Form: wire.FormEach, Started: 1_500_000, Finished: 2_500_000},
		{Lo: 5, Hi: 6, Outcome: wire.OutcomeException, Form: wire.FormEach, Started: 1_500_000, Finished: 2_500_000},
		{Lo: 6, Hi: 7, Outcome: wire.OutcomeFailed, Form: wire.FormEach, Started: 1_500_000, Finished: 2_500_000},
	}, entries)
	require.Equal(t, [][]byte{[]byte("value"), []byte("raised"), {}}, columns)
	none, _ := salvage(file, 8, 4, 10, 7, time.Unix(9, 0))
	require.Empty(t, none, "another run")
	none, _ = salvage(file, 7, 2, 10, 7, time.Unix(9, 0))
	require.Empty(t, none, "one is missing in between")
	some, _ := salvage(file, 7, 4, 5, 7, time.Unix(9, 0))
	require.Len(t, some, 1, "the run ends before")
}

// withItems gives a file items that hold their own index, and an open column.
func withItems(file []byte, first uint64) []byte {
	binary.LittleEndian.PutUint64(file[16:], first)
	binary.LittleEndian.PutUint64(file[24:], math.Float64bits(3.5))
	binary.LittleEndian.PutUint32(file[32:], 4)
	copy(file[36:], "open")
	file = append(file, make([]byte, keptItems-len(file))...)
	for i := range uint64(20) {
		file = binary.LittleEndian.AppendUint64(file, i)
	}
	return file
}

func items(head string, lo, hi uint64) []byte {
	all := []byte(head)
	for i := lo; i < hi; i++ {
		all = binary.LittleEndian.AppendUint64(all, i)
	}
	return all
}

func TestColumnsAreReadToWhereTheWorkerWas(t *testing.T) {
	t.Parallel()
	closed := record(2, keptClosed, string(binary.LittleEndian.AppendUint64(nil, 6))+"head")
	file := withItems(keptFile(7, closed, record(6, 1, "raised")), 8)
	entries, columns := salvage(file, 7, 4, 18, 12, time.Unix(9, 0))
	require.Equal(t, []wire.RanEntry{
		{Lo: 4, Hi: 6, Outcome: wire.OutcomeOK, Form: wire.FormChunk, Started: 1_500_000, Finished: 2_500_000},
		{Lo: 6, Hi: 7, Outcome: wire.OutcomeException, Form: wire.FormEach, Started: 1_500_000, Finished: 2_500_000},
		{Lo: 7, Hi: 12, Outcome: wire.OutcomeOK, Form: wire.FormChunk, Started: 3_500_000, Finished: 9_000_000},
	}, entries)
	require.Equal(t, [][]byte{items("head", 4, 6), []byte("raised"), items("open", 7, 12)}, columns)
	entries, _ = salvage(file, 7, 10, 18, 12, time.Unix(9, 0))
	require.Len(t, entries, 1, "the closed column was reported")
	entries, _ = salvage(file, 7, 12, 18, 12, time.Unix(9, 0))
	require.Empty(t, entries, "all was reported")
	entries, _ = salvage(file, 7, 7, 30, 30, time.Unix(9, 0))
	require.Empty(t, entries, "the file has no items for so many")
	entries, _ = salvage(withItems(keptFile(7), 0), 7, 4, 18, 12, time.Unix(9, 0))
	require.Empty(t, entries, "no column is open")
}

func FuzzKeptOutcomes(f *testing.F) {
	f.Add(keptFile(7, record(0, 0, "value"), record(1, 1, "raised")), 0, 10)
	f.Add(keptFile(7), 0, 1)
	f.Add(keptFile(7, record(0, 9, "x")), 0, 1)
	f.Add([]byte{7}, 0, 1)
	f.Add(withItems(keptFile(7, record(0, keptClosed, "12345678")), 1), 0, 10)
	f.Fuzz(func(t *testing.T, file []byte, next, hi int) {
		next, hi = max(next, 0)%yonder.MaxBundleTasks, max(hi, 0)%yonder.MaxBundleTasks
		entries, columns := salvage(file, 7, next, hi, hi/2, time.Unix(9, 0))
		require.Len(t, columns, len(entries))
		for _, e := range entries {
			require.Equal(t, next, e.Lo)
			require.Greater(t, e.Hi, e.Lo)
			require.LessOrEqual(t, e.Hi, hi)
			require.GreaterOrEqual(t, e.Started, int64(0))
			next = e.Hi
		}
	})
}
