package sqldb

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// Bounds of a pack: who reads one result reads all of its row.
const (
	packTasks = 256
	packBytes = 64 << 10
)

// packable says whether the outcome has nothing that a pack has no place for:
// it is the small value of a single task, which wrote nothing.
func (o *outcome) packable() bool {
	e := &o.entry
	return o.state == yonder.TaskSucceeded && e.Outcome == wire.OutcomeOK && e.Hi-e.Lo == 1 && e.Form == wire.FormEach && o.skip == 0 &&
		e.Blob == nil && o.memo.IsZero() && e.Stdout == "" && e.Stderr == "" && e.Message == "" &&
		len(o.payload) < packBytes && !strings.ContainsRune(e.Worker, '\n')
}

// packs sorts outcomes of one group and cuts them into those that share a row.
func packs(outcomes []outcome) [][]outcome {
	slices.SortStableFunc(outcomes, func(a, b outcome) int {
		if c := compareIDs(a.bundle.ID, b.bundle.ID); c != 0 {
			return c
		}
		return a.entry.Lo - b.entry.Lo
	})
	var rows [][]outcome
	for lo := 0; lo < len(outcomes); {
		hi := lo + packed(outcomes[lo:])
		rows = append(rows, outcomes[lo:hi])
		lo = hi
	}
	return rows
}

// packed is how many of the outcomes, from the first on, share a row.
func packed(outcomes []outcome) int {
	if !outcomes[0].packable() {
		return 1
	}
	size := 0
	for i := range min(len(outcomes), packTasks) {
		o := &outcomes[i]
		size += len(o.payload)
		if i > 0 && (!o.packable() || size > packBytes || o.bundle != outcomes[0].bundle ||
			o.entry.Attempt != outcomes[0].entry.Attempt || o.entry.Lo != outcomes[i-1].entry.Hi) {
			return i
		}
	}
	return min(len(outcomes), packTasks)
}

// pack makes one outcome of several, with what differs between them: for each
// the length of its payload, the number of its worker among the lines of the
// row's, when it started after the row's start, and how long it ran. All are
// varints, the times microseconds.
func pack(outcomes []outcome) (whole outcome, differs []byte) {
	whole = outcomes[0]
	if len(outcomes) == 1 {
		return whole, nil
	}
	whole.payload, whole.entry.Hi = nil, outcomes[len(outcomes)-1].entry.Hi
	var workers []string
	for i := range outcomes {
		e := &outcomes[i].entry
		worker := slices.Index(workers, e.Worker)
		if worker < 0 {
			worker, workers = len(workers), append(workers, e.Worker)
		}
		differs = binary.AppendUvarint(differs, uint64(len(outcomes[i].payload)))
		differs = binary.AppendUvarint(differs, uint64(worker))
		differs = binary.AppendVarint(differs, e.Started-whole.entry.Started)
		differs = binary.AppendVarint(differs, e.Finished-e.Started)
		whole.payload = append(whole.payload, outcomes[i].payload...)
	}
	whole.entry.Worker = strings.Join(workers, "\n")
	return whole, differs
}

var errPack = errors.New("a pack of results is not what was written")

// part is what a pack says of one of its tasks.
type part struct {
	bytes             int
	worker            string
	started, finished int64
}

// parts reads what pack wrote, of n tasks.
func parts(n int64, differs []byte, workers string, started int64) ([]part, error) {
	names := strings.Split(workers, "\n")
	list := make([]part, n)
	r := reader{differs}
	for i := range list {
		size, worker := r.unsigned(), r.unsigned()
		list[i].started = started + r.signed()
		list[i].finished = list[i].started + r.signed()
		if r.rest == nil || worker >= uint64(len(names)) || size > packBytes {
			return nil, errPack
		}
		list[i].bytes, list[i].worker = int(size), names[worker]
	}
	if len(r.rest) > 0 {
		return nil, errPack
	}
	return list, nil
}

// unpack makes rows of single tasks of a row of several, as pack was given
// them. Payloads share the row's; of an expired row they are empty.
func unpack(r gen.Result) ([]gen.Result, error) {
	if r.Entries == 1 {
		return []gen.Result{r}, nil
	}
	list, err := parts(r.Entries, r.Pack, r.Worker, r.Started)
	if err != nil {
		return nil, err
	}
	rows := make([]gen.Result, len(list))
	payload := r.Payload
	for i, p := range list {
		one := r
		one.Lo, one.Hi = r.Lo+int64(i), r.Lo+int64(i)+1
		one.Cursor, one.Entries, one.Pack = r.Cursor-r.Entries+1+int64(i), 1, nil
		one.Worker, one.Started, one.Finished = p.worker, p.started, p.finished
		if !r.Expired.Valid {
			if p.bytes > len(payload) {
				return nil, errPack
			}
			one.Payload, payload = payload[:p.bytes:p.bytes], payload[p.bytes:]
		}
		rows[i] = one
	}
	if len(payload) > 0 {
		return nil, errPack
	}
	return rows, nil
}

// reader reads varints; rest is nil after one that was not there.
type reader struct{ rest []byte }

func (r *reader) unsigned() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.advance(n)
	return v
}

func (r *reader) signed() int64 {
	v, n := binary.Varint(r.rest)
	r.advance(n)
	return v
}

func (r *reader) advance(n int) {
	if n <= 0 {
		r.rest = nil
		return
	}
	r.rest = r.rest[n:]
}
