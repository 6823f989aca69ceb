package workerproc

import (
	"encoding/binary"
	"math"
	"os"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/live"
)

// The layout of a worker's board, which it maps and writes at any time; see
// python/src/yonder/worker/board.py.
const (
	boardSize = 1024
	slotFirst = 64
	slotStep  = 480
	slotText  = 50 // where a slot's message begins
	// readTries is how often a slot is read again that was being written.
	readTries = 3
)

// board is read while the worker lives, and once after.
type board struct{ file *os.File }

func openBoard(path string) (board, error) {
	if err := os.WriteFile(path, make([]byte, boardSize), 0o600); err != nil {
		return board{}, err //nolint:wrapcheck // names the path
	}
	file, err := os.Open(path)
	return board{file}, err //nolint:wrapcheck // names the path
}

// Close lets go of the file.
func (b board) Close() {
	if b.file != nil {
		b.file.Close()
	}
}

// where is the task that the worker has begun last.
func (b board) where() live.Place {
	var data [16]byte
	if _, err := b.file.ReadAt(data[:], 0); err != nil {
		return live.Place{}
	}
	return placeOf(data[:])
}

func placeOf(data []byte) live.Place {
	return live.Place{Run: int64(binary.LittleEndian.Uint64(data)), Index: int(binary.LittleEndian.Uint64(data[8:]))}
}

// progress is what the task at the place has said last, or nil. The worker
// writes while we read: a slot counts if it was not written to meanwhile,
// which takes two more calls.
func (b board) progress(at live.Place) *yonder.Progress {
	var data [boardSize]byte
	for range readTries {
		if _, err := b.file.ReadAt(data[:], 0); err != nil {
			return nil
		}
		count := binary.LittleEndian.Uint64(data[16:])
		if count == 0 {
			return nil
		}
		var after [8]byte
		if _, err := b.file.ReadAt(after[:], 16); err != nil {
			return nil
		}
		slot := data[slotFirst+slotStep*(count%2):][:slotStep]
		if binary.LittleEndian.Uint64(after[:])-count > 1 {
			continue
		}
		if placeOf(slot) != at {
			return nil // of a task before
		}
		return progressOf(slot)
	}
	return nil
}

func progressOf(slot []byte) *yonder.Progress {
	length := min(int(binary.LittleEndian.Uint16(slot[48:])), slotStep-slotText)
	p := &yonder.Progress{
		Calls: int64(binary.LittleEndian.Uint64(slot[16:]) & math.MaxInt64),
		Done:  number(slot[24:]), Total: number(slot[32:]),
		Message: strings.ToValidUTF8(string(slot[slotText:slotText+length]), ""),
	}
	if us := int64(binary.LittleEndian.Uint64(slot[40:])); us >= 0 && us <= endOfTime {
		p.At = time.UnixMicro(us).UTC()
	}
	return p
}

// endOfTime is the last microsecond of the year 9999: later ones cannot be
// written as JSON.
const endOfTime = 253402300799999999

// number is one that JSON can have.
func number(data []byte) float64 {
	f := math.Float64frombits(binary.LittleEndian.Uint64(data))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}
