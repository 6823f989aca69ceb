package workerproc

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

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
	entries, columns := salvage(file, 7, 4, 10)
	require.Equal(t, []wire.RanEntry{
		{Lo: 4, Hi: 5, Outcome: wire.OutcomeOK, Form: wire.FormEach, Started: 1_500_000, Finished: 2_500_000},
		{Lo: 5, Hi: 6, Outcome: wire.OutcomeException, Form: wire.FormEach, Started: 1_500_000, Finished: 2_500_000},
		{Lo: 6, Hi: 7, Outcome: wire.OutcomeFailed, Form: wire.FormEach, Started: 1_500_000, Finished: 2_500_000},
	}, entries)
	require.Equal(t, [][]byte{[]byte("value"), []byte("raised"), {}}, columns)
	none, _ := salvage(file, 8, 4, 10)
	require.Empty(t, none, "another run")
	none, _ = salvage(file, 7, 2, 10)
	require.Empty(t, none, "one is missing in between")
	some, _ := salvage(file, 7, 4, 5)
	require.Len(t, some, 1, "the run ends before")
}

func FuzzKeptOutcomes(f *testing.F) {
	f.Add(keptFile(7, record(0, 0, "value"), record(1, 1, "raised")), 0, 10)
	f.Add(keptFile(7), 0, 1)
	f.Add(keptFile(7, record(0, 9, "x")), 0, 1)
	f.Add([]byte{7}, 0, 1)
	f.Fuzz(func(t *testing.T, file []byte, next, hi int) {
		entries, columns := salvage(file, 7, next, hi)
		require.Len(t, columns, len(entries))
		for _, e := range entries {
			require.Equal(t, []int{next, next + 1}, []int{e.Lo, e.Hi})
			require.Less(t, e.Lo, hi)
			require.GreaterOrEqual(t, e.Started, int64(0))
			next++
		}
	})
}
