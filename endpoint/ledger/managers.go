package ledger

import (
	"math"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

const maxIndex = math.MaxInt

// Waiting returns the parts of the span that wait for a manager.
func (l *Ledger) Waiting(s wire.Span) []wire.Span {
	var spans []wire.Span
	for _, r := range l.held[keyOf(s)].within(s.Lo, s.Hi) {
		if r.state == Accepted {
			spans = append(spans, keyOf(s).span(r))
		}
	}
	return spans
}

// Dispatch gives a ready span to a manager and returns the parts that it may
// really have: what was cancelled or dropped meanwhile is left out. The
// caller journals them before they are sent, and passes the record to Noted.
func (l *Ledger) Dispatch(s wire.Span, manager string) []wire.Span {
	var given []wire.Span
	k := keyOf(s)
	for _, r := range l.held[k].within(s.Lo, s.Hi) {
		if r.state != Accepted {
			continue
		}
		to := r.fate
		to.state, to.manager, to.sure = Dispatched, manager, true
		l.change(k, r, to)
		given = append(given, k.span(r))
	}
	return given
}

// LeaseOf returns the record of the lease that holds the span's first task.
func (l *Ledger) LeaseOf(s wire.Span) (wire.Lease, Record) {
	for _, r := range l.held[keyOf(s)].within(s.Lo, s.Lo+1) {
		return r.lease.Lease, r.lease.record
	}
	return wire.Lease{}, 0
}

// Noted ties a record about parts of a lease to it, to be dropped with it. It
// returns the record's own drop if the lease is gone.
func (l *Ledger) Noted(leaseRecord, record Record) Effects {
	le := l.leases[leaseRecord]
	if le == nil {
		return Effects{Drop: []Record{record}}
	}
	le.records = append(le.records, record)
	return Effects{}
}

// Begun says that workers began the spans.
func (l *Ledger) Begun(spans []wire.Span) Effects {
	var fx Effects
	for _, s := range spans {
		k := keyOf(s)
		for _, r := range l.held[k].within(s.Lo, s.Hi) {
			if r.state != Dispatched {
				continue
			}
			to := r.fate
			to.state = Started
			l.change(k, r, to)
			l.outbox.started = appendSpan(l.outbox.started, k.span(r))
		}
	}
	return fx
}

// Finished is what a manager said that ended, as the journal keeps it. Grants
// are those of the results, the losses and the cancels, in this order.
type Finished struct {
	wire.Done
	Grants []int64 `json:"grants"`
}

// Sift leaves out of a manager's message what is old news: results that are
// on their way already, and losses and cancels of what that manager does not
// have. It repeats a message whose answer was lost, and by then the same
// attempt may be another manager's. Other results of spans that are not held
// stay, because the service alone can say whether they still count. What
// remains is to be journalled, with the columns of the results that remain. The
// agent's own decisions come from the manager "".
func (l *Ledger) Sift(manager string, done wire.Done, columns [][]byte) (Finished, [][]byte) {
	f := Finished{Done: wire.Done{Seq: done.Seq}}
	for _, loss := range done.Lost {
		for _, loss.Span = range l.given(manager, loss.Span) {
			f.Lost = append(f.Lost, loss)
		}
	}
	for _, stopped := range done.Cancelled {
		for _, stopped.Span = range l.given(manager, stopped.Span) {
			f.Cancelled = append(f.Cancelled, stopped)
		}
	}
	var kept [][]byte
	for i, e := range done.Results {
		s := spanOf(e)
		if held := len(l.held[keyOf(s)].within(s.Lo, s.Hi)) > 0; held || !l.underWay(s) {
			f.Results, kept = append(f.Results, e), append(kept, columns[i])
		}
	}
	for _, item := range f.items() {
		f.Grants = append(f.Grants, l.grantOf(item.Span))
	}
	return f, kept
}

// given are the parts of the span that the manager has.
func (l *Ledger) given(manager string, s wire.Span) []wire.Span {
	var parts []wire.Span
	for _, r := range l.held[keyOf(s)].within(s.Lo, s.Hi) {
		if r.manager == manager {
			parts = appendSpan(parts, keyOf(s).span(r))
		}
	}
	return parts
}

func spanOf(e wire.Entry) wire.Span {
	return wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi}
}

// underWay says whether all of the span has results that wait to be answered.
func (l *Ledger) underWay(s wire.Span) bool {
	tasks := 0
	for _, r := range l.outbox.pending[keyOf(s)].within(s.Lo, s.Hi) {
		if r.state == reported {
			tasks += r.tasks()
		}
	}
	return tasks == s.Tasks()
}

// grantOf is the grant under which the span is held, or was until it ended.
func (l *Ledger) grantOf(s wire.Span) int64 {
	for _, r := range l.held[keyOf(s)].within(s.Lo, s.Hi) {
		return r.lease.Grant
	}
	for _, r := range l.outbox.pending[keyOf(s)].within(s.Lo, s.Hi) {
		return r.grant
	}
	return 0
}

func (f *Finished) items() []Item {
	var items []Item
	for i := range f.Results {
		items = append(items, Item{Span: spanOf(f.Results[i]), Result: &f.Results[i], Column: i})
	}
	for i := range f.Lost {
		items = append(items, Item{Span: f.Lost[i].Span, Loss: &f.Lost[i], Size: f.Lost[i].Len()})
	}
	for i := range f.Cancelled {
		items = append(items, Item{Span: f.Cancelled[i].Span, Cancel: &f.Cancelled[i], Size: f.Cancelled[i].Len()})
	}
	return items
}

// Done brings what a manager finished, which was sifted and which the journal
// has in record; sizes are those of the results' payloads.
func (l *Ledger) Done(finished Finished, sizes []int, record Record) Effects {
	fx := Effects{Report: true}
	for i, item := range finished.items() {
		item.Record = record
		if i < len(sizes) {
			item.Size = sizes[i]
		}
		if i < len(finished.Grants) {
			item.Grant = finished.Grants[i]
		}
		l.ended(item, &fx)
	}
	if l.outbox.uses[record] == 0 {
		fx.Drop = append(fx.Drop, record)
	}
	l.prune(&fx)
	return fx
}

// ended takes what the item says off its leases: the journal knows it by the
// item's own record now.
func (l *Ledger) ended(item Item, fx *Effects) {
	k := keyOf(item.Span)
	parts := l.held[k].within(item.Span.Lo, item.Span.Hi)
	for _, r := range parts {
		if !slices.Contains(item.leases, r.lease) {
			item.leases = append(item.leases, r.lease)
		}
		l.change(k, r, fate{})
		fx.freed(r)
	}
	l.outbox.add(item)
	for _, r := range parts {
		l.release(r.lease, r.tasks(), fx)
	}
}

// Returned compares what a manager that connected has with what it was given.
// What it does not have never reached it: that is reported as lost, started
// only if the journal may have forgotten more than that. What it has and the
// ledger does not is to be dropped by it.
func (l *Ledger) Returned(manager string, holds []wire.Holding) (drop []wire.Span, fx Effects) {
	has := map[key]runs{}
	for _, h := range holds {
		k := keyOf(h.Span)
		state := Dispatched
		if h.State == yonder.RangeStarted {
			state = Started
		}
		has[k] = has[k].replace(h.Lo, h.Hi, run{lo: h.Lo, hi: h.Hi, fate: fate{state: state}})
	}
	for k, held := range l.held {
		for _, r := range held.within(0, maxIndex) {
			if r.manager == manager {
				l.compare(k, r, has[k], &fx)
			}
		}
	}
	for _, h := range holds {
		drop = append(drop, l.strangers(manager, h.Span)...)
	}
	return drop, fx
}

func (l *Ledger) compare(k key, given run, has runs, fx *Effects) {
	rest := runs{given}
	for _, h := range has.within(given.lo, given.hi) {
		rest = rest.replace(h.lo, h.hi)
		part := cut(given, h.lo, h.hi)
		if given.cancel {
			fx.stop(given.manager, k.span(part))
		}
		if h.state == Started && given.state == Dispatched {
			more := l.Begun([]wire.Span{k.span(part)})
			fx.Report = fx.Report || more.Report
		}
	}
	for _, r := range rest {
		l.lost(k, r, wire.Loss{
			Started: !r.sure || r.state == Started, Code: yonder.CodeTaskLost,
			Message: "the task did not reach its manager",
		}, fx)
	}
}

// strangers are the parts of the span that the manager has and was not given.
func (l *Ledger) strangers(manager string, s wire.Span) []wire.Span {
	rest := runs{{lo: s.Lo, hi: s.Hi}}
	for _, r := range l.held[keyOf(s)].within(s.Lo, s.Hi) {
		if r.manager == manager {
			rest = rest.replace(r.lo, r.hi)
		}
	}
	var spans []wire.Span
	for _, r := range rest {
		spans = append(spans, keyOf(s).span(r))
	}
	return spans
}

// Lost ends all that the manager had: it will not come back.
func (l *Ledger) Lost(manager, message string) Effects {
	var fx Effects
	loss := wire.Loss{Started: true, Code: yonder.CodeTaskLost, Message: message, Where: manager}
	for k, held := range l.held {
		for _, r := range held.within(0, maxIndex) {
			if r.manager == manager {
				l.lost(k, r, loss, &fx)
			}
		}
	}
	return fx
}
