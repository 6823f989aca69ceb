package sqldb

import (
	"context"

	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

const (
	// offerBytes is what a lease may fill of a fabric frame when nobody says.
	offerBytes = wire.MaxFabricFrame - 8<<10
	// columnBytes is a column's own cost in a frame: its length.
	columnBytes = 4
	// blobBytes is about what a Blob takes in a lease's header.
	blobBytes = 160
)

// budget is what is left of a frame. Its first column may be larger than the
// frame, since nothing else would ever carry it.
type budget struct {
	left int
	used bool
}

func (b *budget) take(bytes int) bool {
	if b.used && bytes > b.left {
		return false
	}
	b.left, b.used = b.left-bytes, true
	return true
}

// fill makes a lease of as many tasks from the span's start as fit the
// budget; none if it comes back empty. A chunk is one payload and goes whole.
// An error comes with the lease of what lies before it.
func (b *bundle) fill(ctx context.Context, pages pager, span wire.Span, left *budget) (store.Offered, error) {
	head, err := b.leaseHeader()
	if err != nil {
		return store.Offered{}, err
	}
	o := store.Offered{Endpoint: b.Endpoint, Lease: head}
	o.Lease.Span = span
	o.Lease.Hi = span.Lo
	cost := len(document(head)) // charged with the first column
	for i := span.Lo; i < span.Hi; i = o.Lease.Hi {
		var p page
		if p, err = pages(ctx, i); err != nil {
			break
		}
		column, at, next := p.columns[0], 0, span.Hi
		if head.Form == wire.FormEach {
			column, at, next = p.columns[i-p.lo], i, i+1
		}
		blob, outside := b.blobs[at]
		cost += columnBytes + len(column)
		if outside {
			cost += blobBytes
		}
		if !left.take(cost) {
			break
		}
		if outside {
			refer(&o.Lease, len(o.Payloads), blob)
		}
		o.Payloads, o.Lease.Hi, cost = append(o.Payloads, column), next, 0
	}
	o.Lease.Columns = len(o.Payloads)
	return o, err
}

func refer(l *wire.Lease, column int, blob wire.Blob) {
	if l.Blobs == nil {
		l.Blobs = map[int]wire.Blob{}
	}
	l.Blobs[column] = blob
}

// leaseHeader is what all leases of the bundle have in common.
func (b *bundle) leaseHeader() (wire.Lease, error) {
	if b.header != nil {
		return *b.header, nil
	}
	head := wire.Lease{
		Span: wire.Span{Bundle: b.ID}, Owner: b.Owner, Function: b.FunctionID, Hash: b.Hash, Kind: b.Kind,
		Form: wire.Form(b.Form), Total: int(b.Tasks), Codec: b.Codec, Priority: int(b.Priority), Walltime: b.Walltime,
	}
	if err := parse(b.Requires, &head.Requires); err != nil {
		return head, err
	}
	var err error
	b.blobs, err = blobsOf(&b.Bundle)
	b.header = &head
	return head, err
}
