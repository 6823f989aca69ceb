package workerproc

import (
	"encoding/binary"
	"log/slog"
	"math"
	"os"
	"slices"
	"time"

	"github.com/yonder-run/yonder/wire"
)

// Sizes of a file of kept outcomes; its format is described where it is
// written, in python/src/yonder/worker/kept.py.
const (
	keptHead   = 72
	keptRecord = 28
	keptItems  = 512 << 10
	keptClosed = 3       // outcome of a record that is a column
	keptBytes  = 2 << 20 // more than a worker ever writes
)

// keptOutcomes are numbered as the worker does.
var keptOutcomes = []wire.Outcome{wire.OutcomeOK, wire.OutcomeException, wire.OutcomeFailed}

// salvage returns the outcomes of a run, from the task next on, that a worker
// had finished and not reported when it ended; at is the task it was at, now
// the time. A function may have written anything into the file: what does not
// fit is left out, with all after it.
func salvage(file []byte, run int64, next, hi, at int, now time.Time) (entries []wire.RanEntry, columns [][]byte) {
	if len(file) < keptHead || int64(binary.LittleEndian.Uint64(file)) != run {
		return nil, nil
	}
	used := binary.LittleEndian.Uint64(file[8:])
	records := file[keptHead:]
	if used > uint64(len(records)) {
		return nil, nil
	}
	take := func(entry wire.RanEntry, payload []byte) {
		entries, columns, next = append(entries, entry), append(columns, payload), entry.Hi
	}
	for records = records[:used]; len(records) >= keptRecord; {
		index := int(binary.LittleEndian.Uint32(records))
		outcome := binary.LittleEndian.Uint32(records[4:])
		size := uint64(binary.LittleEndian.Uint32(records[24:]))
		if size > uint64(len(records)-keptRecord) || outcome > keptClosed || index > next || index >= hi {
			return entries, columns
		}
		payload := records[keptRecord : keptRecord+size]
		entry := wire.RanEntry{Started: moment(records[8:]), Finished: moment(records[16:])}
		records = records[keptRecord+size:]
		switch {
		case outcome == keptClosed:
			if size < 8 {
				return entries, columns
			}
			entry.Lo, entry.Hi = next, upTo(binary.LittleEndian.Uint64(payload), hi)
			if all := column(file, payload[8:], entry); all != nil {
				take(form(entry), all)
			}
		case index == next: // else it was reported
			entry.Lo, entry.Hi, entry.Outcome, entry.Form = index, index+1, keptOutcomes[outcome], wire.FormEach
			take(entry, payload)
		}
	}
	if entry, payload := open(file, next, min(at, hi), now); payload != nil {
		take(entry, payload)
	}
	return entries, columns
}

// open is the column that the worker was at, from the task next on.
func open(file []byte, next, at int, now time.Time) (wire.RanEntry, []byte) {
	first, size := binary.LittleEndian.Uint64(file[16:]), binary.LittleEndian.Uint32(file[32:])
	entry := wire.RanEntry{Lo: next, Hi: at, Started: moment(file[24:]), Finished: now.UnixMicro()}
	if first == 0 || first-1 > uint64(next) || size > keptHead-36 {
		return entry, nil
	}
	return form(entry), column(file, file[36:36+size], entry)
}

func form(entry wire.RanEntry) wire.RanEntry {
	entry.Outcome, entry.Form = wire.OutcomeOK, wire.FormChunk
	return entry
}

// column is the payload of the entry's tasks: the head and their items. It is
// nil for no tasks, and if the file is too short.
func column(file, head []byte, entry wire.RanEntry) []byte {
	if entry.Lo >= entry.Hi || keptItems+8*entry.Hi > len(file) {
		return nil
	}
	return slices.Concat(head, file[keptItems+8*entry.Lo:keptItems+8*entry.Hi])
}

// upTo is a number that may be nonsense, as an int of at most hi.
func upTo(n uint64, hi int) int { return int(min(n, uint64(max(hi, 0)))) }

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
	entries, columns := salvage(file, run.Run, next, run.Hi, w.reached(run), time.Now())
	if len(entries) > 0 {
		w.zygote.host.sink.Ran(w.id, Report{Ran: wire.Ran{Run: run.Run, Entries: entries}, Columns: columns})
	}
}

// reached is the task of a run that the worker was at; before its first one if
// it had not begun.
func (w *worker) reached(run wire.Run) int {
	if at := w.board.where(); at.Run == run.Run {
		return at.Index
	}
	return run.Lo
}

// reported notes how far a run has come.
func (w *worker) reported(ran wire.Ran) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(ran.Entries); n > 0 && ran.Run == w.given.Run {
		w.next = ran.Entries[n-1].Hi
	}
}
