package endpoint

import (
	"fmt"
	"log/slog"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/endpoint/router"
	"github.com/yonder-run/yonder/wire"
)

// One message to a manager holds at most so much.
const (
	maxWorkLeases = 512
	maxWorkBytes  = 4 << 20
)

// enqueue lets a ready lease wait for a manager, if it may run here at all.
func (d *desk) enqueue(lease wire.Lease) {
	environment, err := d.admit(lease)
	if err != nil {
		d.refuse(lease, err)
		return
	}
	if lease.Kind == yonder.KindPython {
		lease.Requires.Python = environment
	}
	_, record := d.ledger.LeaseOf(lease.Span)
	if d.payloads[record] == nil {
		d.payloads[record] = &payload{}
	}
	d.payloads[record].uses++
	d.queue.Push(environment, turnOf(lease), lease)
	d.scale.notify()
}

func turnOf(lease wire.Lease) router.Turn {
	return router.Turn{Owner: lease.Owner, Weight: lease.Weight, Priority: lease.Priority}
}

// environmentOf is where an admitted lease runs.
func environmentOf(lease wire.Lease) string {
	if lease.Kind == yonder.KindPython {
		return lease.Requires.Python
	}
	return router.Native
}

// piece is a part of a lease on its way to a manager.
type piece struct {
	lease   wire.Lease
	columns [][]byte
	manager *manager
	record  ledger.Record // of the lease
	last    bool          // the queue's entry has no rest
}

// dispatch gives managers what they have room for. The caller holds the lock.
func (d *desk) dispatch() {
	if !d.live || d.full != nil || d.paused() {
		return
	}
	pieces := d.place()
	if len(pieces) == 0 {
		return
	}
	if err := d.writeDispatch(pieces); err != nil {
		d.storage(err)
		d.putBack(pieces)
		return
	}
	work := map[*manager]*outgoing{}
	for _, p := range pieces {
		d.ledger.Dispatch(p.lease.Span, p.manager.id)
		if work[p.manager] == nil {
			work[p.manager] = &outgoing{to: p.manager}
		}
		work[p.manager].add(p)
		if p.last {
			d.release(p.record)
		}
	}
	for _, w := range work {
		w.flush()
	}
}

// putBack lets pieces that could not be journalled wait again.
func (d *desk) putBack(pieces []piece) {
	for _, p := range pieces {
		d.router.Freed(p.manager.id, p.lease.Tasks())
		d.queue.Push(environmentOf(p.lease), turnOf(p.lease), p.lease)
		if held := d.payloads[p.record]; held != nil && !p.last {
			held.uses++
		}
	}
}

// place finds managers for what waits, and reserves their room.
func (d *desk) place() []piece {
	var pieces []piece
	d.queue.Each(d.ledger.Running, func(environment string, lease wire.Lease, most int) router.Step[wire.Lease] {
		_, record := d.ledger.LeaseOf(lease.Span)
		waiting := d.ledger.Waiting(lease.Span)
		if len(waiting) == 0 { // cancelled, or dropped
			d.release(record)
			return router.Step[wire.Lease]{}
		}
		tasks, together := waiting[0].Tasks(), lease.Form == wire.FormChunk
		if !together {
			tasks = min(tasks, most)
		}
		id, n := d.router.Place(d.now(), environment, tasks, together)
		if n == 0 {
			return router.Step[wire.Lease]{Full: true}
		}
		part := lease
		part.Lo, part.Hi = waiting[0].Lo, waiting[0].Lo+n
		part.Grant = 0 // the service's business
		lease.Lo = part.Hi
		step := router.Step[wire.Lease]{Rest: lease, More: lease.Lo < lease.Hi}
		p, err := d.cut(part)
		if err != nil {
			d.router.Freed(id, n)
			d.refuse(part, err)
			return step
		}
		step.Tasks = n
		p.manager, p.last = d.managers[id], !step.More
		pieces = append(pieces, p)
		return step
	})
	return pieces
}

// cut returns the part of a lease with the payloads that belong to it.
func (d *desk) cut(part wire.Lease) (piece, error) {
	whole, record := d.ledger.LeaseOf(part.Span)
	columns, err := d.columns(record)
	if err != nil {
		return piece{}, err
	}
	if part.Form == wire.FormChunk {
		part.Columns = len(columns)
		return piece{lease: part, columns: columns, record: record}, nil
	}
	from, to := part.Lo-whole.Lo, part.Hi-whole.Lo
	if to > len(columns) {
		return piece{}, yonder.Errorf(yonder.CodeInternal, "the journal has %d payloads of %d", len(columns), to)
	}
	part.Blobs = nil
	for at, blob := range whole.Blobs {
		if at >= from && at < to {
			if part.Blobs == nil {
				part.Blobs = map[int]wire.Blob{}
			}
			part.Blobs[at-from] = blob
		}
	}
	part.Columns = to - from
	return piece{lease: part, columns: columns[from:to], record: record}, nil
}

// columns returns a lease's payloads, from the journal after a restart.
func (d *desk) columns(record ledger.Record) ([][]byte, error) {
	p := d.payloads[record]
	if p != nil && p.columns != nil {
		return p.columns, nil
	}
	frame, err := d.journal.Read(uint64(record))
	if err != nil {
		return nil, fmt.Errorf("reading payloads: %w", err)
	}
	if p != nil {
		p.columns = frame.Columns
	}
	return frame.Columns, nil
}

// release lets go of payloads when no entry of the queue needs them.
func (d *desk) release(record ledger.Record) {
	if p := d.payloads[record]; p != nil {
		if p.uses--; p.uses <= 0 {
			delete(d.payloads, record)
		}
	}
}

// writeDispatch journals what is about to be sent: all of it or nothing.
func (d *desk) writeDispatch(pieces []piece) error {
	frames := make([]wire.Frame, 0, len(pieces))
	for _, p := range pieces {
		frame, err := wire.NewFrame(recordDispatch, dispatched{
			Note:    ledger.Note{Lease: p.record, Spans: []wire.Span{p.lease.Span}},
			Manager: p.manager.id, Block: p.manager.block, Writer: d.journal.Writer(),
		})
		if err != nil {
			return err
		}
		frames = append(frames, frame)
	}
	ids, err := d.journal.Append(frames...)
	if err != nil {
		return err
	}
	for i, p := range pieces {
		d.ledger.Noted(p.record, ledger.Record(ids[i]))
	}
	return nil
}

// outgoing gathers work for one manager.
type outgoing struct {
	to      *manager
	work    wire.Work
	columns [][]byte
	bytes   int
}

func (o *outgoing) add(p piece) {
	o.work.Leases = append(o.work.Leases, p.lease)
	o.columns = append(o.columns, p.columns...)
	for _, c := range p.columns {
		o.bytes += len(c)
	}
	if len(o.work.Leases) >= maxWorkLeases || o.bytes >= maxWorkBytes {
		o.flush()
	}
}

// flush sends what was gathered. If the manager does not take it, its
// connection ends, and what did not arrive is found when it comes back.
func (o *outgoing) flush() {
	if len(o.work.Leases) > 0 && o.to.peer != nil {
		o.to.peer.Send(wire.KindWork, o.work, o.columns...)
	}
	*o = outgoing{to: o.to}
}

// offered is a lease that came in and was not looked at yet.
type offered struct {
	epoch   int64
	lease   wire.Lease
	columns [][]byte
}

// maxIncoming bounds offers that wait for the one before to be journalled.
// More are dropped: the service sends again what is not answered.
const maxIncoming = 4096

// Offer is a hint of the service.
func (d *desk) Offer(offer wire.Offer, columns [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, lease := range offer.Leases {
		if lease.Columns < 0 || lease.Columns > len(columns) || !sound(lease) {
			d.log.Error("the service offered a lease that makes no sense", slog.Any("lease", lease.Span))
			return
		}
		if len(d.incoming) < maxIncoming {
			d.incoming = append(d.incoming, offered{offer.Epoch, lease, columns[:lease.Columns]})
		}
		columns = columns[lease.Columns:]
	}
	d.offers.notify()
}

func sound(lease wire.Lease) bool {
	if lease.Lo < 0 || lease.Lo >= lease.Hi || lease.Hi > yonder.MaxBundleTasks {
		return false
	}
	if lease.Form == wire.FormChunk {
		return lease.Columns == 1
	}
	return lease.Columns == lease.Tasks()
}
