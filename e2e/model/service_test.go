package model_test

import (
	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// offer is any replica claiming, and offering again what nobody answered. Its
// hint may be lost like every message.
func (w *world) offer() {
	w.bundle.Wake()
	if !w.live {
		return
	}
	lo := w.rng.IntN(modelTasks)
	w.grants++
	w.bundle.Offer(w.epoch, w.grants, lo, lo+1+w.rng.IntN(modelTasks-lo))
	var leases []wire.Lease
	for _, r := range w.bundle.Ranges {
		if r.State == yonder.RangeOffered && r.Epoch == w.epoch {
			leases = append(leases, wire.Lease{
				Span: wire.Span{Bundle: w.bundle.ID, Attempt: r.Attempt, Lo: r.Lo, Hi: r.Hi, Grant: r.Grant}, Form: wire.FormEach,
			})
		}
	}
	epoch := w.epoch
	for _, a := range w.agents {
		if a.epoch == epoch && len(leases) > 0 {
			w.send(func() { a.offered(epoch, leases) })
		}
	}
}

// open grants an epoch. A dead process's request dies with its connection.
func (w *world) open(a *agent) int64 {
	if w.owner != a && a.alive {
		w.owner = a
		w.epoch++
		w.live = false
		w.logf("open epoch %d", w.epoch)
	}
	return w.epoch
}

func (w *world) reconcile(held []wire.Holding) (drop []wire.Span) {
	for _, h := range held {
		drop = append(drop, w.bundle.Adopt(w.epoch, h)...)
	}
	w.end(w.bundle.Orphan(w.epoch))
	w.live = true
	w.logf("reconciled epoch %d: held %v, drop %v, now %+v", w.epoch, held, drop, w.bundle.Ranges)
	return drop
}

func (w *world) accept(epoch int64, a wire.Accept) (refused []wire.Span) {
	for _, s := range a.Spans {
		refused = append(refused, w.bundle.Accept(epoch, s)...)
	}
	for _, s := range a.Declined {
		w.end(w.bundle.Decline(epoch, s))
	}
	w.logf("accept %+v refused %v, now %+v", a, refused, w.bundle.Ranges)
	return refused
}

func (w *world) report(epoch int64, r wire.Report) {
	for _, s := range r.Started {
		w.bundle.Start(epoch, s)
	}
	for _, e := range r.Results {
		for _, s := range w.bundle.Result(wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi}) {
			w.count(s)
		}
	}
	for _, l := range r.Lost {
		w.end(w.bundle.Lose(epoch, l.Span, l.Started, l.Code))
	}
	for _, s := range r.Cancelled {
		w.end(w.bundle.Lose(epoch, s.Span, true, yonder.CodeTaskLost))
	}
	w.logf("report %+v, now %+v", r, w.bundle.Ranges)
}

// close is an agent's goodbye.
func (w *world) close(epoch int64) {
	w.bundle.Release(epoch)
	w.live, w.owner = false, nil
	w.logf("closed epoch %d", epoch)
}

// cancel is a user's; the agent hears of it by a hint, and again with heartbeats.
func (w *world) cancel() {
	i := w.rng.IntN(modelTasks)
	ended, _, stop := w.bundle.Cancel(i, i+1)
	for _, s := range ended {
		w.count(s)
	}
	w.logf("cancel task %d: ended %v, stop %v", i, ended, stop)
	w.hintCancel(stop)
}

func (w *world) hintCancel(stop []wire.Span) {
	epoch := w.epoch
	for _, a := range w.agents {
		if a.epoch == epoch && len(stop) > 0 {
			w.send(func() { a.cancel(epoch, stop) })
		}
	}
}

// marked is what heartbeat replies repeat.
func (w *world) marked() (spans []wire.Span) {
	for _, r := range w.bundle.Ranges {
		if r.Cancel {
			spans = append(spans, wire.Span{Bundle: w.bundle.ID, Attempt: r.Attempt, Lo: r.Lo, Hi: r.Hi})
		}
	}
	return spans
}
