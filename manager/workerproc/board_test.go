package workerproc

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/live"
)

func boardOf(tb testing.TB, data []byte) board {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "board")
	b, err := openBoard(path)
	require.NoError(tb, err)
	tb.Cleanup(b.Close)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(tb, err)
	defer file.Close()
	_, err = file.WriteAt(data, 0)
	require.NoError(tb, err)
	return b
}

// written is a board after so many calls, as board.py leaves it.
func written(count uint64, message string) []byte {
	data := make([]byte, boardSize)
	put := binary.LittleEndian
	put.PutUint64(data, 7)
	put.PutUint64(data[8:], 3)
	put.PutUint64(data[16:], count)
	slot := data[slotFirst+slotStep*(count%2):]
	put.PutUint64(slot, 7)
	put.PutUint64(slot[8:], 3)
	put.PutUint64(slot[16:], count)
	put.PutUint64(slot[24:], math.Float64bits(2.5))
	put.PutUint64(slot[32:], math.Float64bits(math.NaN()))
	put.PutUint64(slot[40:], 1_700_000_000_000_000)
	put.PutUint16(slot[48:], uint16(len(message)))
	copy(slot[slotText:], message)
	return data
}

func TestProgressIsReadFromTheBoard(t *testing.T) {
	t.Parallel()
	at := live.Place{Run: 7, Index: 3}
	for _, count := range []uint64{1, 2, 3} {
		b := boardOf(t, written(count, "größer"))
		require.Equal(t, at, b.where())
		require.Equal(t, &yonder.Progress{
			Done: 2.5, Message: "größer", Calls: int64(count), At: time.UnixMicro(1_700_000_000_000_000).UTC(),
		}, b.progress(at))
		require.Nil(t, b.progress(live.Place{Run: 7, Index: 4}), "of another task")
	}
	require.Nil(t, boardOf(t, nil).progress(live.Place{}), "nothing was said")
}

// Whatever a worker writes to its board, it can be told.
func FuzzBoard(f *testing.F) {
	f.Add(written(1, "x"))
	f.Add(make([]byte, boardSize))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := boardOf(t, data[:min(len(data), boardSize)])
		if p := b.progress(b.where()); p != nil {
			_, err := json.Marshal(p)
			require.NoError(t, err)
			require.GreaterOrEqual(t, p.Calls, int64(0))
		}
	})
}
