package dispatch

import (
	"context"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// frameMargin is left in a frame for its header: the parts of an offer are
// measured by their payloads plus leaseBytes each.
const (
	frameMargin = 32 << 10
	leaseBytes  = 700
	columnBytes = 4
)

// offer sends leases to their agents. What does not arrive is sent again.
func (d *Dispatcher) offer(ctx context.Context, offered []store.Offered) {
	for _, batch := range pack(offered, wire.MaxFabricFrame-frameMargin) {
		frame, err := offerFrame(batch)
		if err == nil {
			err = d.Fabric.Publish(batch[0].Endpoint, "offer", frame)
		}
		if err != nil {
			d.Log.WarnContext(ctx, "offer not sent", "endpoint", batch[0].Endpoint, "leases", len(batch), "error", err)
		}
	}
}

func offerFrame(batch []store.Offered) (wire.Frame, error) {
	header := wire.Offer{Epoch: batch[0].Epoch, Leases: make([]wire.Lease, len(batch))}
	var columns [][]byte
	for i, o := range batch {
		header.Leases[i] = o.Lease
		columns = append(columns, o.Payloads...)
	}
	return wire.NewFrame(wire.KindOffer, header, columns...)
}

// pack puts leases of one session together into frames of at most limit
// bytes, in their order, and cuts leases that are larger.
func pack(offered []store.Offered, limit int) [][]store.Offered {
	var batches [][]store.Offered
	size := 0
	for _, whole := range offered {
		for _, o := range cut(whole, limit) {
			n := sizeOf(o)
			last := len(batches) - 1
			if last < 0 || size+n > limit || batches[last][0].Endpoint != o.Endpoint || batches[last][0].Epoch != o.Epoch {
				batches = append(batches, []store.Offered{o})
				size = n
				continue
			}
			batches[last] = append(batches[last], o)
			size += n
		}
	}
	return batches
}

func sizeOf(o store.Offered) int {
	n := headerOf(o) + leaseBytes/4*len(o.Lease.Blobs)
	for _, p := range o.Payloads {
		n += columnBytes + len(p)
	}
	return n
}

// headerOf is about what a lease without blobs takes in a frame's header.
func headerOf(o store.Offered) int {
	n := leaseBytes
	for _, name := range o.Lease.Requires.Packages {
		n += len(name) + columnBytes
	}
	return n
}

// cut splits a lease that has one payload per task into leases of at most
// limit bytes. The parts are spans of the same attempt, so the store need not
// know: it is spans that are accepted.
func cut(o store.Offered, limit int) []store.Offered {
	if o.Lease.Form != wire.FormEach || sizeOf(o) <= limit {
		return []store.Offered{o}
	}
	var parts []store.Offered
	for from := 0; from < len(o.Payloads); {
		to := fill(o, from, limit)
		parts = append(parts, slice(o, from, to))
		from = to
	}
	return parts
}

// fill returns the end of the longest run of columns that fits, at least one.
func fill(o store.Offered, from, limit int) int {
	size := headerOf(o)
	for i := from; i < len(o.Payloads); i++ {
		size += columnBytes + len(o.Payloads[i])
		if _, out := o.Lease.Blobs[i]; out {
			size += leaseBytes / 4
		}
		if size > limit && i > from {
			return i
		}
	}
	return len(o.Payloads)
}

func slice(o store.Offered, from, to int) store.Offered {
	part := o
	part.Lease.Hi = o.Lease.Lo + to
	part.Lease.Lo = o.Lease.Lo + from
	part.Lease.Columns = to - from
	part.Payloads = o.Payloads[from:to]
	part.Lease.Blobs = nil
	for i, blob := range o.Lease.Blobs {
		if i >= from && i < to {
			if part.Lease.Blobs == nil {
				part.Lease.Blobs = map[int]wire.Blob{}
			}
			part.Lease.Blobs[i-from] = blob
		}
	}
	return part
}

// maxStops is how many spans fit a frame with room to spare.
const maxStops = 2000

// StopTasks asks agents to end tasks. The heartbeat's answer says so again.
func (d *Dispatcher) StopTasks(ctx context.Context, stops []store.Stop) {
	for _, s := range stops {
		for page := range slices.Chunk(s.Spans, maxStops) {
			d.hint(ctx, s.Endpoint, "cancel", wire.KindCancel, wire.Spans{Epoch: s.Epoch, Spans: page})
		}
	}
}

// Fence tells whoever still works under an older epoch that it is over; an
// epoch of 0 says that the endpoint was deleted.
func (d *Dispatcher) Fence(ctx context.Context, endpoint yonder.ID, epoch int64) {
	d.hint(ctx, endpoint, "fence", wire.KindFence, wire.Fence{Epoch: epoch})
}

// Turn tells an agent whether its endpoint is to work; its next heartbeat
// brings the same. Resend soon finds what has waited.
func (d *Dispatcher) Turn(ctx context.Context, endpoint yonder.ID, turn wire.Turn) {
	d.hint(ctx, endpoint, "turn", wire.KindTurn, turn)
}

func (d *Dispatcher) hint(ctx context.Context, endpoint yonder.ID, verb string, kind wire.Kind, header any) {
	frame, err := wire.NewFrame(kind, header)
	if err == nil {
		err = d.Fabric.Publish(endpoint, verb, frame)
	}
	if err != nil {
		d.Log.WarnContext(ctx, "hint not sent", "endpoint", endpoint, "verb", verb, "error", err)
	}
}
