// Package ledger is what an agent decides about the tasks it holds, without
// any I/O: what is taken from an offer, what may be given to a manager, what
// a cancel does in each state, what is reported and when it may be forgotten.
//
// Events are method calls; what has to be done about them comes back as
// Effects, which the caller carries out. The life of a span:
//
//	Offer → (journal, accept) → Answered → Dispatch → Begun → Done → Batch → Reported
//
// A Ledger is not safe for concurrent use: its owner serialises the calls.
package ledger

import (
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// State is where a held task stands.
type State uint8

// States of held tasks. A task that ended is not held any more; it waits in
// the outbox until the service has answered its report.
const (
	Offered    State = iota + 1 // being journalled and accepted; must not start
	Accepted                    // the service said yes; waits for a manager
	Dispatched                  // given to a manager
	Started                     // a worker began it
	states
)

// reported marks a pending part of the outbox that has a result.
const reported = states

// Record names a record of the journal. Zero is none.
type Record uint64

// Effects are what an event asks its caller to do.
type Effects struct {
	// Note holds parts of leases that are over while their lease goes on: to
	// be journalled, and the record passed to Noted. It comes before Drop.
	Note []Note
	// Drop lists records that nothing needs any more.
	Drop []Record
	// Stop lists what managers must stop.
	Stop map[string][]wire.Span
	// Ready lists what may be dispatched from now on.
	Ready []wire.Lease
	// Freed counts tasks that managers have no more.
	Freed map[string]int
	// Report says that Batch has something new.
	Report bool
}

// Note says that parts of the lease kept in Lease are over.
type Note struct {
	Lease Record      `json:"lease"`
	Spans []wire.Span `json:"spans"`
}

// key names the tasks that a span's indexes are of.
type key struct {
	bundle  yonder.ID
	attempt int
}

func keyOf(s wire.Span) key { return key{s.Bundle, s.Attempt} }

func (k key) span(r run) wire.Span {
	return wire.Span{Bundle: k.bundle, Attempt: k.attempt, Lo: r.lo, Hi: r.hi}
}

// granted is the span as the service knows it; managers know it without.
func (k key) granted(r run, grant int64) wire.Span {
	s := k.span(r)
	s.Grant = grant
	return s
}

// lease is what the journal needs to know of a lease to forget it.
type lease struct {
	wire.Lease
	sure    bool // whoever accepted it is this process, or certainly dead
	record  Record
	records []Record // of dispatches and notes, which go with it
	need    int      // tasks held, or ended with nothing but the lease to show for it
}

// Ledger holds tasks. The zero value is not usable; New makes one.
type Ledger struct {
	held    map[key]runs
	leases  map[Record]*lease
	tasks   [states]int
	running map[yonder.ID]int // tasks that managers have, by owner
	outbox  outbox
}

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{held: map[key]runs{}, leases: map[Record]*lease{}, running: map[yonder.ID]int{}, outbox: newOutbox()}
}

// Count is the number of held tasks in the state.
func (l *Ledger) Count(s State) int { return l.tasks[s] }

// Running is the number of the owner's tasks that managers have.
func (l *Ledger) Running(owner yonder.ID) int { return l.running[owner] }

// Held is the number of tasks that the service believes to be here: held ones
// and those whose end was not answered yet.
func (l *Ledger) Held() int {
	n := l.outbox.tasks
	for _, tasks := range l.tasks {
		n += tasks
	}
	return n
}

// Outstanding is the number of tasks that each manager has.
func (l *Ledger) Outstanding() map[string]int {
	out := map[string]int{}
	for _, held := range l.held {
		for _, r := range held {
			if r.manager != "" {
				out[r.manager] += r.tasks()
			}
		}
	}
	return out
}

// State returns the state of one task, or 0 if it is not held.
func (l *Ledger) State(bundle yonder.ID, attempt, index int) State {
	for _, r := range l.held[key{bundle, attempt}].within(index, index+1) {
		return r.state
	}
	return 0
}

// Seen is where a task stands, for people who wait for it.
type Seen struct {
	State   State // 0: it is not held
	Manager string
	Cancel  bool
	Lease   wire.Lease
	Ended   bool // it is not held any more, and its end is being reported
}

// See looks for one task.
func (l *Ledger) See(bundle yonder.ID, attempt, index int) Seen {
	k := key{bundle, attempt}
	for _, r := range l.held[k].within(index, index+1) {
		return Seen{State: r.state, Manager: r.manager, Cancel: r.cancel, Lease: r.lease.Lease}
	}
	return Seen{Ended: len(l.outbox.pending[k].within(index, index+1)) > 0}
}

// change gives a part of what is held another fate, or none with state 0.
func (l *Ledger) change(k key, part run, to fate) {
	l.count(part, -part.tasks())
	var with []run
	if to.state != 0 {
		l.count(run{fate: to}, part.tasks())
		with = []run{{lo: part.lo, hi: part.hi, fate: to}}
	}
	if held := l.held[k].replace(part.lo, part.hi, with...); len(held) > 0 {
		l.held[k] = held
	} else {
		delete(l.held, k)
	}
}

// count notes that so many tasks more have the fate of the part.
func (l *Ledger) count(part run, tasks int) {
	l.tasks[part.state] += tasks
	if part.manager == "" {
		return
	}
	owner := part.lease.Owner
	if l.running[owner] += tasks; l.running[owner] == 0 {
		delete(l.running, owner)
	}
}

// release takes tasks off a lease that has no use for them, and drops the
// lease's records with the last of them.
func (l *Ledger) release(le *lease, tasks int, fx *Effects) {
	le.need -= tasks
	if le.need > 0 {
		return
	}
	delete(l.leases, le.record)
	if le.record != 0 {
		fx.Drop = append(fx.Drop, le.record)
	}
	fx.Drop = append(fx.Drop, le.records...)
}

// over takes a part that ended without a trace in the journal off its lease;
// if the lease goes on, that has to be noted.
func (l *Ledger) over(le *lease, span wire.Span, fx *Effects) {
	l.release(le, span.Tasks(), fx)
	fx.note(le.record, span)
}

// prune takes out notes about leases that were dropped.
func (l *Ledger) prune(fx *Effects) {
	fx.Note = slices.DeleteFunc(fx.Note, func(n Note) bool { return l.leases[n.Lease] == nil })
}

func (fx *Effects) note(record Record, span wire.Span) {
	for i := range fx.Note {
		if fx.Note[i].Lease == record {
			fx.Note[i].Spans = appendSpan(fx.Note[i].Spans, span)
			return
		}
	}
	fx.Note = append(fx.Note, Note{Lease: record, Spans: []wire.Span{span}})
}

func (fx *Effects) stop(manager string, span wire.Span) {
	if fx.Stop == nil {
		fx.Stop = map[string][]wire.Span{}
	}
	fx.Stop[manager] = appendSpan(fx.Stop[manager], span)
}

func (fx *Effects) freed(r run) {
	if r.manager == "" {
		return
	}
	if fx.Freed == nil {
		fx.Freed = map[string]int{}
	}
	fx.Freed[r.manager] += r.tasks()
}

// appendSpan adds a span, as one with the last if they touch.
func appendSpan(spans []wire.Span, s wire.Span) []wire.Span {
	if n := len(spans); n > 0 && keyOf(spans[n-1]) == keyOf(s) && spans[n-1].Grant == s.Grant && spans[n-1].Hi == s.Lo {
		spans[n-1].Hi = s.Hi
		return spans
	}
	return append(spans, s)
}
