package ledger

import "github.com/yonder-run/yonder/wire"

// Offer looks at a lease that was offered, and says whether it is new. A new
// one is held from now on: the caller journals it, calls Journalled, sends accept
// and calls Answered; or it calls Declined. Anything that overlaps what is
// held, or what the service has not answered yet, is a repeat to be ignored:
// the service sends again what it still means.
func (l *Ledger) Offer(offered wire.Lease) bool {
	k := keyOf(offered.Span)
	if offered.Lo >= offered.Hi || len(l.held[k].within(offered.Lo, offered.Hi)) > 0 ||
		len(l.outbox.pending[k].within(offered.Lo, offered.Hi)) > 0 {
		return false
	}
	l.hold(offered)
	return true
}

func (l *Ledger) hold(offered wire.Lease) *lease {
	k := keyOf(offered.Span)
	le := &lease{Lease: offered, sure: true, need: offered.Tasks()}
	part := run{lo: offered.Lo, hi: offered.Hi, fate: fate{state: Offered, lease: le}}
	l.tasks[Offered] += part.tasks()
	l.held[k] = l.held[k].replace(part.lo, part.hi, part)
	return le
}

// Journalled says which record keeps an offered lease.
func (l *Ledger) Journalled(s wire.Span, record Record) {
	for _, r := range l.held[keyOf(s)].within(s.Lo, s.Hi) {
		if r.lease.Span == s && r.lease.record == 0 {
			r.lease.record = record
			l.leases[record] = r.lease
		}
	}
}

// Declined forgets an offered span that was not, and will not be, accepted.
func (l *Ledger) Declined(s wire.Span) Effects {
	return l.Answered(nil, []wire.Span{s})
}

// Answered brings the answer to accept: refused spans are forgotten, the
// others may be dispatched, or are reported as cancelled if that came first.
func (l *Ledger) Answered(accepted, refused []wire.Span) Effects {
	var fx Effects
	for _, s := range refused {
		for _, r := range l.held[keyOf(s)].within(s.Lo, s.Hi) {
			if r.state == Offered {
				l.change(keyOf(s), r, fate{})
				l.over(r.lease, keyOf(s).span(r), &fx)
			}
		}
	}
	for _, s := range accepted {
		for _, r := range l.held[keyOf(s)].within(s.Lo, s.Hi) {
			if r.state == Offered {
				l.accepted(keyOf(s), r, &fx)
			}
		}
	}
	l.prune(&fx)
	return fx
}

func (l *Ledger) accepted(k key, r run, fx *Effects) {
	if r.cancel {
		l.cancelled(k, r, fx)
		return
	}
	to := r.fate
	to.state = Accepted
	l.change(k, r, to)
	ready := r.lease.Lease
	ready.Span = k.granted(r, r.lease.Grant)
	fx.Ready = append(fx.Ready, ready)
}

// Cancel does what the service asks: what no manager has ends at once, what a
// manager has is stopped there and ends when it says so.
func (l *Ledger) Cancel(spans []wire.Span) Effects {
	var fx Effects
	for _, s := range spans {
		k := keyOf(s)
		for _, r := range l.held[k].within(s.Lo, s.Hi) {
			to := r.fate
			to.cancel = true
			switch r.state {
			case Accepted:
				l.cancelled(k, r, &fx)
				continue
			case Dispatched, Started:
				fx.stop(r.manager, k.span(r))
			default: // it is remembered until the accept is answered
			}
			l.change(k, r, to)
		}
	}
	return fx
}

// howLost is how a part ended that was to be cancelled, if no manager says:
// what was given to one that is lost may have run.
var howLost = map[State]string{Offered: wire.StoppedWaiting, Accepted: wire.StoppedWaiting}

func (l *Ledger) cancelled(k key, r run, fx *Effects) {
	l.end(k, r, Item{Span: k.span(r), Cancel: &wire.Stopped{Span: k.span(r), How: howLost[r.state]}}, fx)
}

// lost ends a part without a result; if it was to be cancelled, that is how
// it ends.
func (l *Ledger) lost(k key, r run, loss wire.Loss, fx *Effects) {
	if r.cancel {
		l.cancelled(k, r, fx)
		return
	}
	loss.Span = k.span(r)
	l.end(k, r, Item{Span: loss.Span, Loss: &loss}, fx)
}

// end moves a part from what is held to the outbox. The lease stays needed:
// it is all that the journal knows of the part until the report is answered.
func (l *Ledger) end(k key, r run, item Item, fx *Effects) {
	item.leases, item.Grant = []*lease{r.lease}, r.lease.Grant
	l.change(k, r, fate{})
	fx.freed(r)
	l.outbox.add(item)
	fx.Report = true
}

// Drop forgets spans that the service says are not this endpoint's any more.
// Results of them that wait to be reported are still reported, to be refused.
func (l *Ledger) Drop(spans []wire.Span) Effects {
	var fx Effects
	for _, s := range spans {
		k := keyOf(s)
		for _, r := range l.held[k].within(s.Lo, s.Hi) {
			if r.manager != "" {
				fx.stop(r.manager, k.span(r))
			}
			l.change(k, r, fate{})
			fx.freed(r)
			l.over(r.lease, k.span(r), &fx)
		}
	}
	l.prune(&fx)
	return fx
}

// Return gives back what no manager has, because this agent is to end.
func (l *Ledger) Return(why wire.Loss) Effects {
	var fx Effects
	why.Started = false
	for k, held := range l.held {
		for _, r := range held.within(0, maxIndex) {
			if r.state == Accepted {
				l.lost(k, r, why, &fx)
			}
		}
	}
	return fx
}
