package pool

import (
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/ranges"
	"github.com/yonder-run/yonder/wire"
)

// reportEvery is how long a worker may keep finished tasks of a slice to
// itself: the time that the one it is at can have run is known to that much.
const reportEvery = 200 * time.Millisecond

// lookEvery is how often a worker is looked at that has cancelled tasks ahead.
const lookEvery = 50 * time.Millisecond

// keptKeys bounds, per slot, the keys that have no worker and may have one
// soon again.
const keptKeys = 2

// Cancel ends tasks: those that wait at once, those that run by ending their
// worker. What has a result already keeps it.
func (p *Pool) Cancel(now time.Time, span wire.Span) []Action {
	part := ranges.Range{Lo: span.Lo, Hi: span.Hi}
	for _, j := range p.jobsOf(span) {
		for _, r := range j.waiting.Remove(part) {
			p.end(j, r, EndCancelled, yonder.CodeTaskCancelled, "")
		}
		p.settle(j)
	}
	for _, w := range p.inOrder() {
		if r := w.run; r != nil && r.job.Span.Bundle == span.Bundle && r.job.Span.Attempt == span.Attempt {
			if here := r.left().And(part); here.Len() > 0 {
				r.cancelled.Add(here)
				p.approach(now, w)
			}
		}
	}
	p.schedule(now)
	return p.take()
}

// approach stops a worker that has reached a cancelled task. One that is at
// another task of its slice is left to it; where it is, it tells only now and
// then, so it is looked at.
func (p *Pool) approach(now time.Time, w *worker) {
	r := w.run
	switch {
	case w.state != yonder.WorkerBusy:
	case r.left().Len() == 1 && r.cancelled.Has(r.next):
		p.stop(now, w, stopCancelled, "")
	default:
		r.look = now.Add(lookEvery)
		p.watch(w)
		p.do(Look{w.id})
	}
}

// At says which task of its run a worker has begun last. A run that is not
// the worker's means that it has not begun.
func (p *Pool) At(now time.Time, id string, run int64, index int) []Action {
	w := p.workers[id]
	if w == nil || w.state != yonder.WorkerBusy || w.run.id != run {
		return nil
	}
	r := w.run
	switch {
	case r.cancelled.Has(max(index, r.next)):
		p.stop(now, w, stopCancelled, "")
	case len(r.cancelled.And(ranges.Range{Lo: index + 1, Hi: r.Hi})) == 0:
		r.look = time.Time{} // all that was cancelled is behind it
		p.watch(w)
	}
	return p.take()
}

func (p *Pool) jobsOf(span wire.Span) []*job {
	var found []*job
	for _, j := range p.queue {
		if j.Span.Bundle == span.Bundle && j.Span.Attempt == span.Attempt {
			found = append(found, j)
		}
	}
	return found
}

// Tick does what is due: walltimes, signals to be repeated, workers to give up
// or to let go.
func (p *Pool) Tick(now time.Time) []Action {
	for _, w := range p.overdue(now) {
		p.remind(now, w)
		p.watch(w)
	}
	if !now.Before(p.short) {
		p.short = time.Time{}
	}
	p.retire(now)
	p.schedule(now)
	return p.take()
}

// Next is when Tick has something to do; zero: not before another event.
func (p *Pool) Next() time.Time {
	var next time.Time
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if !p.short.IsZero() {
		earlier(p.short)
	}
	if len(p.times) > 0 {
		earlier(p.times[0].at)
	}
	for _, k := range p.keys {
		if k.workers == 0 && k.waiting == 0 {
			earlier(k.used.Add(p.cfg.IdleAfter))
		}
	}
	return next
}

// due is when a worker's time in its state is over.
func (p *Pool) due(w *worker) (time.Time, bool) {
	switch w.state {
	case yonder.WorkerForking:
		return w.since.Add(p.cfg.StartTimeout), true
	case yonder.WorkerIdle:
		return w.since.Add(p.cfg.IdleAfter), true
	case yonder.WorkerKilling:
		return w.asked.Add(p.cfg.Grace), true
	case yonder.WorkerBusy:
		return w.run.due()
	default: // dead: forgotten
	}
	return time.Time{}, false
}

// due is when its walltime is over, or it is to be looked at.
func (r *run) due() (time.Time, bool) {
	due, limited := r.over()
	for _, at := range []time.Time{r.look, r.late} {
		if !at.IsZero() && (!limited || at.Before(due)) {
			due, limited = at, true
		}
	}
	return due, limited
}

// over is when the task that the worker is at has had its walltime.
func (r *run) over() (time.Time, bool) {
	slack := reportEvery
	if r.Len() == 1 {
		slack = 0
	}
	return r.heard.Add(r.job.Walltime + slack), r.job.Walltime > 0
}

// remind does what is due for a worker.
func (p *Pool) remind(now time.Time, w *worker) {
	switch w.state {
	case yonder.WorkerForking:
		p.stop(now, w, stopBroken, "the worker did not start within "+p.cfg.StartTimeout.String())
	case yonder.WorkerIdle:
		p.stop(now, w, stopEvicted, "")
	case yonder.WorkerBusy:
		if over, limited := w.run.over(); limited && !now.Before(over) {
			p.stop(now, w, stopWalltime, "")
			return
		}
		if late := w.run.late; !late.IsZero() && !now.Before(late) {
			p.lag(w)
		}
		if look := w.run.look; !look.IsZero() && !now.Before(look) {
			p.approach(now, w)
		}
	case yonder.WorkerKilling:
		w.asked, w.killed = now, true
		p.do(Signal{Worker: w.id, Kill: true})
	default: // dead: forgotten
	}
}

// retire lets go of keys that have neither workers nor work: for a while they
// are kept, because starting the first worker anew takes longest.
func (p *Pool) retire(now time.Time) {
	var unused []Key
	for key, k := range p.keys {
		if k.workers == 0 && k.waiting == 0 {
			unused = append(unused, key)
		}
	}
	slices.SortFunc(unused, func(a, b Key) int { return p.keys[a].used.Compare(p.keys[b].used) })
	for i, key := range unused {
		if len(unused)-i > keptKeys*p.cfg.Slots || now.Sub(p.keys[key].used) >= p.cfg.IdleAfter {
			delete(p.keys, key)
			p.do(Retire{key})
		}
	}
}
