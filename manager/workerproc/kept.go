package workerproc

import (
	"encoding/binary"
	"log/slog"
	"math"
	"os"

	"github.com/yonder-run/yonder/wire"
)

// Sizes of a file of kept outcomes; its format is described where it is
// written, in python/src/yonder/worker/kept.py.
const (
	keptHead   = 16
	keptRecord = 28
	keptBytes  = 1 << 20 // more than a worker ever writes
)

// keptOutcomes are numbered as the worker does.
var keptOutcomes = []wire.Outcome{wire.OutcomeOK, wire.OutcomeException, wire.OutcomeFailed}

// salvage returns the outcomes of a run, from the task next on, that a worker
// had finished and not reported when it ended. A function may have written
// anything into the file: what does not fit is left out, with all after it.
func salvage(file []byte, run int64, next, hi int) (entries []wire.RanEntry, columns [][]byte) {
	if len(file) < keptHead || int64(binary.LittleEndian.Uint64(file)) != run {
		return nil, nil
	}
	used := binary.LittleEndian.Uint64(file[8:])
	records := file[keptHead:]
	if used > uint64(len(records)) {
		return nil, nil
	}
	for records = records[:used]; len(records) >= keptRecord; {
		index := int(binary.LittleEndian.Uint32(records))
		outcome := binary.LittleEndian.Uint32(records[4:])
		size := uint64(binary.LittleEndian.Uint32(records[24:]))
		if size > uint64(len(records)-keptRecord) || outcome >= uint32(len(keptOutcomes)) || index > next || index >= hi {
			break
		}
		if index == next { // else it was reported
			entries = append(entries, wire.RanEntry{
				Lo: index, Hi: index + 1, Outcome: keptOutcomes[outcome], Form: wire.FormEach,
				Started: moment(records[8:]), Finished: moment(records[16:]),
			})
			columns = append(columns, records[keptRecord:keptRecord+size])
			next++
		}
		records = records[keptRecord+size:]
	}
	return entries, columns
}

// moment reads seconds of Unix time as microseconds; nonsense is 0.
func moment(data []byte) int64 {
	seconds := math.Float64frombits(binary.LittleEndian.Uint64(data))
	if !(seconds > 0 && seconds < 1e11) {
		return 0
	}
	return int64(seconds * 1e6)
}

// salvage reports what the worker had finished and kept for its next report.
func (w *worker) salvage() {
	w.mu.Lock()
	run, next := w.given, w.next
	w.mu.Unlock()
	info, err := os.Lstat(w.fork.Kept)
	if err != nil || !info.Mode().IsRegular() || info.Size() > keptBytes {
		return
	}
	file, err := os.ReadFile(w.fork.Kept)
	if err != nil {
		w.log().Warn("what a worker had finished cannot be read", slog.Any("error", err))
		return
	}
	entries, columns := salvage(file, run.Run, next, run.Hi)
	if len(entries) > 0 {
		w.zygote.host.sink.Ran(w.id, Report{Ran: wire.Ran{Run: run.Run, Entries: entries}, Columns: columns})
	}
}

// reported notes how far a run has come.
func (w *worker) reported(ran wire.Ran) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(ran.Entries); n > 0 && ran.Run == w.given.Run {
		w.next = ran.Entries[n-1].Hi
	}
}
