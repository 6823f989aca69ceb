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
	defer p.takeBack()
	if len(p.queue) == 0 {
		return
	}
	s := p.supply()
	for i := 0; i < len(p.queue) && (p.states[yonder.WorkerIdle] > 0 || s.more); {
		j := p.queue[i]
		p.assignIdle(now, j)
		if len(j.waiting) == 0 {
			continue // the queue has moved up
		}
		p.startFor(now, j, &s)
		i++
	}
}

// supply is what a pass of the scheduler can still hand out.
type supply struct {
	starting map[Key]int // workers that will say hello, of the keys that were asked for
	ending   int         // workers whose slots come free
	more     bool        // a later job may still get a worker started
}

func (p *Pool) supply() supply {
	return supply{starting: map[Key]int{}, ending: p.states[yonder.WorkerKilling], more: true}
}

// startingFor is how many workers of a key will say hello and are not counted on yet.
func (p *Pool) startingFor(key Key, s *supply) int {
	left, known := s.starting[key]
	if !known {
		left = p.key(key).starting
		s.starting[key] = left
	}
	return left
}

func (p *Pool) assignIdle(now time.Time, j *job) {
	for idle := &p.key(j.Key).idle; len(j.waiting) > 0 && len(*idle) > 0; {
		p.assign(now, (*idle)[len(*idle)-1], j)
	}
}

// startFor finds slots for workers that the job still needs: one that starts
// already, a free one, one that comes free, or an idle worker's.
func (p *Pool) startFor(now time.Time, j *job, s *supply) {
	allowed := p.key(j.Key).starts.Allows(now, p.cfg.Slots) - p.startingFor(j.Key, s)
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
				s.more = p.states[yonder.WorkerIdle] > 0 && s.more
				return
			}
			p.stop(now, victim, stopEvicted, "")
		}
	}
}

// victim is the idle worker to end so that the job gets its slot: of those
// that nobody waits for, the one idle for longest, or any other if the job has
// no worker at all or has waited for long.
func (p *Pool) victim(now time.Time, j *job) *worker {
	unwanted := func(_ Key, k *keyState) bool { return k.waiting == 0 }
	if w := p.oldestIdle(unwanted); w != nil {
		return w
	}
	if p.key(j.Key).workers > 0 && now.Sub(j.added) < patience {
		return nil
	}
	return p.oldestIdle(func(key Key, _ *keyState) bool { return key != j.Key })
}

// oldestIdle is the worker idle for longest, of the keys that fit.
func (p *Pool) oldestIdle(fits func(Key, *keyState) bool) *worker {
	var best *worker
	if p.states[yonder.WorkerIdle] == 0 {
		return best
	}
	for key, k := range p.keys {
		if len(k.idle) > 0 && fits(key, k) && (best == nil || oldest(k.idle[0], best) < 0) {
			best = k.idle[0]
		}
	}
	return best
}
