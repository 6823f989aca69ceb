package ledger

import (
	"slices"

	"github.com/yonder-run/yonder/wire"
)

// Item is something that ended and that the service has to be told.
type Item struct {
	Span   wire.Span
	Result *wire.Entry // one of these three
	Loss   *wire.Loss
	Cancel *wire.Stopped
	// Record and Column say where the journal keeps a result's payload. Size is
	// that of the payload, or of the output of something else; Record is zero for what the journal knows only as held.
	Record Record
	Column int
	Size   int
	Grant  int64 // of its lease; 0 for a result of something not held any more

	leases []*lease // none for a result of something not held any more
}

// LargePayload is the size above which a result travels on its own, so that
// the many small ones do not wait behind it.
const LargePayload = 256 << 10

// Into adds a loss or a cancel to a report, named as the service named it. A
// result is added by its entry, once its payload is at hand.
func (i *Item) Into(r *wire.Report) {
	span := i.Span
	span.Grant = i.Grant
	switch {
	case i.Loss != nil:
		loss := *i.Loss
		loss.Span, loss.Output = span, loss.Cut()
		r.Lost = append(r.Lost, loss)
	case i.Cancel != nil:
		stopped := *i.Cancel
		stopped.Span, stopped.Output = span, stopped.Cut()
		r.Cancelled = append(r.Cancelled, stopped)
	default:
		r.Results = append(r.Results, *i.Result)
	}
}

// Silent is the item without the output of its task.
func (i Item) Silent() Item {
	if i.Loss != nil {
		loss := *i.Loss
		loss.Output, i.Loss = wire.Output{}, &loss
	}
	if i.Cancel != nil {
		stopped := *i.Cancel
		stopped.Output, i.Cancel = wire.Output{}, &stopped
	}
	return i
}

func (i *Item) large() bool {
	return i.Size > LargePayload || i.Result != nil && i.Result.Blob != nil
}

// Batch is a part of the outbox on its way to the service: what began, or
// what ended.
type Batch struct {
	Started []wire.Span
	Items   []Item
}

// Empty says whether there is nothing to report.
func (b Batch) Empty() bool { return len(b.Started) == 0 && len(b.Items) == 0 }

type outbox struct {
	queue   []Item
	large   []Item
	pending map[key]runs // not answered: in the queue or in a batch
	started []wire.Span
	tasks   int            // pending
	uses    map[Record]int // items that need a record
}

func newOutbox() outbox {
	return outbox{pending: map[key]runs{}, uses: map[Record]int{}}
}

func (o *outbox) add(item Item) {
	if item.large() {
		o.large = append(o.large, item)
	} else {
		o.queue = append(o.queue, item)
	}
	o.tasks += item.Span.Tasks()
	if item.Record != 0 {
		o.uses[item.Record]++
	}
	k, lo, hi := keyOf(item.Span), item.Span.Lo, item.Span.Hi
	part := run{lo: lo, hi: hi, fate: fate{grant: item.Grant}}
	if item.Result != nil {
		part.state = reported
	}
	o.pending[k] = o.pending[k].replace(lo, hi, part)
}

func (o *outbox) answered(item Item) {
	o.tasks -= item.Span.Tasks()
	k := keyOf(item.Span)
	if o.pending[k] = o.pending[k].replace(item.Span.Lo, item.Span.Hi); len(o.pending[k]) == 0 {
		delete(o.pending, k)
	}
}

// Batch takes what ended and is to be reported next, large results aside: at
// most the given number of items and bytes of payload, but at least one item
// if there is one. The caller must give it back, to Reported or to Unreported.
func (l *Ledger) Batch(maxItems, maxBytes int) Batch {
	o := &l.outbox
	n, bytes := 0, 0
	for n < len(o.queue) && n < maxItems {
		if bytes += o.queue[n].Size; n > 0 && bytes > maxBytes {
			break
		}
		n++
	}
	b := Batch{Items: slices.Clone(o.queue[:n])}
	o.queue = o.queue[n:]
	return b
}

// Begins takes what began and is to be reported. It is no hurry: most tasks
// have ended before, and their end says it all.
func (l *Ledger) Begins(maxSpans int) Batch { return Batch{Started: l.started(maxSpans)} }

// Large takes one large result.
func (l *Ledger) Large() Batch {
	o := &l.outbox
	if len(o.large) == 0 {
		return Batch{}
	}
	b := Batch{Items: []Item{o.large[0]}}
	o.large = o.large[1:]
	return b
}

// Kept lists the spans of results whose payload is a file beside the journal.
func (l *Ledger) Kept() []wire.Span {
	var spans []wire.Span
	for _, item := range l.outbox.large {
		if item.Result != nil && item.Result.Blob != nil {
			spans = append(spans, item.Span)
		}
	}
	return spans
}

// Unanswered is the number of tasks that ended and whose report was not
// answered yet.
func (l *Ledger) Unanswered() int { return l.outbox.tasks }

// started returns what began and did not end since: an end says it all.
func (l *Ledger) started(limit int) []wire.Span {
	var still []wire.Span
	n := min(limit, len(l.outbox.started))
	for _, s := range l.outbox.started[:n] {
		for _, r := range l.held[keyOf(s)].within(s.Lo, s.Hi) {
			if r.state == Started {
				still = appendSpan(still, keyOf(s).granted(r, r.lease.Grant))
			}
		}
	}
	l.outbox.started = l.outbox.started[n:]
	return still
}

// Unreported takes back a batch that could not be reported.
func (l *Ledger) Unreported(b Batch) {
	l.outbox.started = append(slices.Clone(b.Started), l.outbox.started...)
	if len(b.Items) > 0 && b.Items[0].large() {
		l.outbox.large = append(slices.Clone(b.Items), l.outbox.large...)
		return
	}
	l.outbox.queue = append(slices.Clone(b.Items), l.outbox.queue...)
}

// Reported says that the service answered the batch: all of it is over,
// whether the service wanted it or not.
func (l *Ledger) Reported(b Batch) Effects {
	var fx Effects
	for _, item := range b.Items {
		l.outbox.answered(item)
		l.forget(item, &fx)
	}
	l.prune(&fx)
	return fx
}

// forget lets go of the records behind an answered item. A lease that goes on
// has to remember that this part is over before the item's own record, which
// said so until now, is dropped.
func (l *Ledger) forget(item Item, fx *Effects) {
	for _, le := range item.leases {
		if item.Record == 0 {
			l.release(le, item.Span.Tasks(), fx)
		}
		fx.note(le.record, item.Span)
	}
	if item.Record == 0 {
		return
	}
	if l.outbox.uses[item.Record]--; l.outbox.uses[item.Record] == 0 {
		delete(l.outbox.uses, item.Record)
		fx.Drop = append(fx.Drop, item.Record)
	}
}
