package ledger

import (
	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// The Restore methods replay the journal's live records, oldest first, into a
// new ledger. Restored ends the replay.

// RestoreLease replays a lease. Sure says that the process that wrote it is
// certainly dead.
func (l *Ledger) RestoreLease(lease wire.Lease, sure bool, record Record) {
	le := l.hold(lease)
	le.sure, le.record = sure, record
	l.leases[record] = le
}

// RestoreDispatch replays that a manager was given the note's spans. Sure says
// that nothing that was written since can be missing.
func (l *Ledger) RestoreDispatch(manager string, note Note, sure bool, record Record) Effects {
	return l.restoreParts(note, record, func(k key, r run) {
		to := r.fate
		to.state, to.manager, to.sure = Dispatched, manager, sure
		l.change(k, r, to)
	})
}

// RestoreNote replays that parts of a lease are over.
func (l *Ledger) RestoreNote(note Note, record Record) Effects {
	return l.restoreParts(note, record, func(k key, r run) {
		l.change(k, r, fate{})
		r.lease.need -= r.tasks()
	})
}

// restoreParts does something to the parts of the lease that are held. The
// same tasks may be held again under a later lease: that one is left alone.
func (l *Ledger) restoreParts(note Note, record Record, do func(k key, r run)) Effects {
	le := l.leases[note.Lease]
	if le == nil {
		return Effects{Drop: []Record{record}}
	}
	le.records = append(le.records, record)
	for _, s := range note.Spans {
		for _, r := range l.held[keyOf(s)].within(s.Lo, s.Hi) {
			if r.lease == le {
				do(keyOf(s), r)
			}
		}
	}
	return Effects{}
}

// Restored ends the replay. What was taken is held until the service has
// compared: Answered or Drop follow for every span of Holdings. What does not
// show as dispatched, and was accepted by a process that may still live, may
// yet be dispatched by that one: it is forgotten here, and the service, which
// is not told that it is held, ends the attempt.
func (l *Ledger) Restored() Effects {
	var fx Effects
	for _, le := range l.leases {
		if le.need <= 0 {
			l.release(le, 0, &fx)
		}
	}
	for k, held := range l.held {
		for _, r := range held.within(0, maxIndex) {
			if r.state == Offered && !r.lease.sure {
				l.change(k, r, fate{})
				l.over(r.lease, k.span(r), &fx)
			}
		}
	}
	l.prune(&fx)
	return fx
}

// Holdings lists all that the service should believe to be here.
func (l *Ledger) Holdings() []wire.Holding {
	var all []wire.Holding
	for k, held := range l.held {
		for _, r := range held {
			state := yonder.RangeStarted
			if r.state == Offered || r.state == Accepted {
				state = yonder.RangeAccepted
			}
			all = append(all, wire.Holding{Span: k.granted(r, r.lease.Grant), State: state})
		}
	}
	for k, pending := range l.outbox.pending {
		for _, r := range pending {
			if r.grant != 0 { // else it is not held, only told
				all = append(all, wire.Holding{Span: k.granted(r, r.grant), State: yonder.RangeStarted})
			}
		}
	}
	return all
}
