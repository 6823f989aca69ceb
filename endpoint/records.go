package endpoint

import (
	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/endpoint/provider"
	"github.com/yonder-run/yonder/wire"
)

// Kinds of the journal's records. They share the frames' format and version
// with messages, and are never reused.
const (
	recordLease    wire.Kind = 200 // accepted; columns: the lease's payloads
	recordDispatch wire.Kind = 201 // dispatched
	recordOver     wire.Kind = 202 // ledger.Note: parts that are over while their lease goes on
	recordDone     wire.Kind = 203 // ledger.Finished; columns: the results' payloads
	recordBlock    wire.Kind = 204 // blockRecord; the last one of a block counts
	recordEpoch    wire.Kind = 205 // epochRecord; the last one counts
)

// accepted is a lease that is about to be accepted.
type accepted struct {
	wire.Lease

	Instance yonder.ID `json:"instance"` // the process that accepts it
	Writer   string    `json:"writer"`   // see journal.Writer
}

// dispatched says that a manager was given the spans. It is written before
// they are sent.
type dispatched struct {
	ledger.Note

	Manager string `json:"manager"`
	Block   string `json:"block"`
	Writer  string `json:"writer"`
}

// blockRecord is written before the provider is asked, after it has answered,
// and whenever the block's state changes.
type blockRecord struct {
	ID     string          `json:"id"`
	Handle provider.Handle `json:"handle,omitempty"`
	State  yonder.State    `json:"state"`
	Since  int64           `json:"since_us"`
}

// epochRecord is the session that was granted last.
type epochRecord struct {
	Epoch int64     `json:"epoch"`
	Owner yonder.ID `json:"owner"`
}

// payloadSizes are what results take in a report.
func payloadSizes(results []wire.Entry, columns [][]byte) []int {
	sizes := make([]int, len(results))
	for i, e := range results {
		sizes[i] = len(columns[i]) + len(e.Stdout) + len(e.Stderr)
	}
	return sizes
}

// write appends one record. The caller says what happens when it cannot.
func (d *desk) write(kind wire.Kind, header any, columns ...[]byte) (ledger.Record, error) {
	frame, err := wire.NewFrame(kind, header, columns...)
	if err != nil {
		return 0, err
	}
	ids, err := d.journal.Append(frame)
	if err != nil {
		return 0, err
	}
	return ledger.Record(ids[0]), nil
}

// restore rebuilds all that an earlier agent held from the journal.
func (d *desk) restore() error {
	var drops []ledger.Record
	err := d.journal.Replay(func(id uint64, f wire.Frame) error {
		fx, err := d.replay(ledger.Record(id), f)
		drops = append(drops, fx.Drop...)
		return err
	})
	if err != nil {
		return err
	}
	fx := d.ledger.Restored()
	fx.Drop = append(drops, fx.Drop...)
	d.apply(fx)
	now := d.now()
	for id := range d.ledger.Outstanding() {
		if d.managers[id] == nil {
			d.managers[id] = &manager{id: id}
		}
		d.managers[id].lost = now
	}
	d.spool.Retain(d.ledger.Kept())
	return nil
}

func (d *desk) replay(record ledger.Record, f wire.Frame) (ledger.Effects, error) {
	switch f.Kind {
	case recordLease:
		return decode(f, func(r accepted) ledger.Effects {
			d.ledger.RestoreLease(r.Lease, d.sure(r.Writer), record)
			return ledger.Effects{}
		})
	case recordDispatch:
		return decode(f, func(r dispatched) ledger.Effects {
			d.managers[r.Manager] = &manager{id: r.Manager, block: r.Block}
			return d.ledger.RestoreDispatch(r.Manager, r.Note, d.sure(r.Writer), record)
		})
	case recordOver:
		return decode(f, func(r ledger.Note) ledger.Effects { return d.ledger.RestoreNote(r, record) })
	case recordDone:
		return decode(f, func(r ledger.Finished) ledger.Effects {
			return d.ledger.Done(r, payloadSizes(r.Results, f.Columns), record)
		})
	case recordBlock:
		return decode(f, func(r blockRecord) ledger.Effects { return d.blocks.restore(r, record) })
	case recordEpoch:
		return decode(f, func(r epochRecord) ledger.Effects {
			old := d.epochRecord
			d.epoch, d.epochRecord = r, record
			return ledger.Effects{Drop: notZero(old)}
		})
	default:
		return ledger.Effects{}, yonder.Errorf(yonder.CodeStorageCorrupt,
			"the journal holds a record of kind %d, which this version does not know: use the version that wrote it", f.Kind)
	}
}

// sure says whether a record's writer is dead and left nothing out.
func (d *desk) sure(writer string) bool { return writer != "" && writer == d.journal.Writer() }

func decode[T any](f wire.Frame, use func(T) ledger.Effects) (ledger.Effects, error) {
	var v T
	if err := f.Decode(f.Kind, &v); err != nil {
		return ledger.Effects{}, err
	}
	return use(v), nil
}

func notZero(r ledger.Record) []ledger.Record {
	if r == 0 {
		return nil
	}
	return []ledger.Record{r}
}
