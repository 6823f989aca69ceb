package pool

import (
	"time"

	"github.com/yonder-run/yonder"
)

// patience is how long a job waits for a worker of its own key to come free
// while other keys' workers, which have work too, are left alone. Without it
// two queues that take turns would restart a worker for every task.
const patience = 250 * time.Millisecond

// schedule gives waiting tasks to idle workers and starts or ends workers for
// the rest, in the order of the queue.
func (p *Pool) schedule(now time.Time) {
	if p.closing {
		return
	}
	s := p.supply()
	for i := 0; i < len(p.queue) && (s.idle > 0 || s.more); {
		j := p.queue[i]
		p.assignIdle(now, j, &s)
		if len(j.waiting) == 0 {
			continue // the queue has moved up
		}
		p.startFor(now, j, &s)
		i++
	}
}

// supply is what a pass of the scheduler can still hand out.
type supply struct {
	idle     int
	starting map[Key]int // workers that will say hello
	ending   int         // workers whose slots come free
	more     bool        // a later job may still get a worker started
}

func (p *Pool) supply() supply {
	s := supply{starting: map[Key]int{}, more: true}
	for _, w := range p.workers {
		switch w.state {
		case yonder.WorkerIdle:
			s.idle++
		case yonder.WorkerForking:
			s.starting[w.key]++
		case yonder.WorkerKilling:
			s.ending++
		default: // busy: nothing to hand out
		}
	}
	return s
}

func (p *Pool) assignIdle(now time.Time, j *job, s *supply) {
	for len(j.waiting) > 0 && s.idle > 0 {
		w := p.pick(func(w *worker) bool { return w.key == j.Key }, newest)
		if w == nil {
			return
		}
		s.idle--
		p.assign(now, w, j)
	}
}

// startFor finds slots for workers that the job still needs: one that starts
// already, a free one, one that comes free, or an idle worker's.
func (p *Pool) startFor(now time.Time, j *job, s *supply) {
	allowed := p.key(j.Key).starts.Allows(now, p.cfg.Slots) - s.starting[j.Key]
	for range p.demand(j) {
		switch {
		case s.starting[j.Key] > 0:
			s.starting[j.Key]--
		case now.Before(p.short), allowed <= 0:
			return
		case len(p.workers) < p.cfg.Slots:
			p.fork(now, j.Key)
			allowed--
		case s.ending > 0:
			s.ending--
		default:
			victim := p.victim(now, j)
			if victim == nil {
				s.more = s.idle > 0 && s.more
				return
			}
			s.idle--
			p.stop(now, victim, stopEvicted, "")
		}
	}
}

// victim is the idle worker to end so that the job gets its slot: of those
// that nobody waits for, the one idle for longest, or any other if the job has
// no worker at all or has waited for long.
func (p *Pool) victim(now time.Time, j *job) *worker {
	unwanted := func(w *worker) bool { return p.key(w.key).waiting == 0 }
	if w := p.pick(unwanted, oldest); w != nil {
		return w
	}
	if p.key(j.Key).workers > 0 && now.Sub(j.added) < patience {
		return nil
	}
	return p.pick(func(w *worker) bool { return w.key != j.Key }, oldest)
}

// pick returns the idle worker that fits and comes first.
func (p *Pool) pick(fits func(*worker) bool, before func(a, b *worker) bool) *worker {
	var best *worker
	for _, w := range p.workers {
		if w.state == yonder.WorkerIdle && fits(w) && (best == nil || before(w, best)) {
			best = w
		}
	}
	return best
}

// newest prefers the worker that was used last: its memory is warm, and the
// others grow old enough to end. Equal times are told apart by number, so that
// the same events give the same decisions.
func newest(a, b *worker) bool {
	if a.since.Equal(b.since) {
		return a.number < b.number
	}
	return a.since.After(b.since)
}

func oldest(a, b *worker) bool { return a != b && !newest(a, b) }
