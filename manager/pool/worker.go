package pool

import (
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/ranges"
)

// why a worker is being ended.
type stopCause string

const (
	stopCancelled stopCause = "cancelled"
	stopWalltime  stopCause = "walltime"
	stopEvicted   stopCause = "evicted" // its slot is needed, or it was idle for long
	stopClosing   stopCause = "closing"
	stopBroken    stopCause = "broken" // it did not start in time, or sent nonsense
)

type worker struct {
	id     string
	number int64
	key    Key
	state  yonder.State
	since  time.Time // in this state
	run    *run
	why    stopCause
	detail string
	asked  time.Time // of the last signal
	told   time.Time // of the first
	killed bool      // a signal was SIGKILL
	at     time.Time // when something is due
	place  int       // among those for which something is; -1: it is not
}

// run is a slice on a worker. What is below next has been reported.
type run struct {
	ranges.Range
	id        int64
	job       *job
	next      int
	began     time.Time
	heard     time.Time // when it last reported
	cancelled ranges.Set
	look      time.Time // when to look where it is; zero: nothing ahead is cancelled
	block     int       // tasks that it claims at a time
	late      time.Time // when what is left is to go to others; zero: never, or that was noted
}

func (r *run) left() ranges.Range { return ranges.Range{Lo: r.next, Hi: r.Hi} }

func (p *Pool) fork(now time.Time, key Key) {
	w := &worker{id: p.newWorkerID(), number: p.lastWID, key: key, state: yonder.WorkerMachine.Start, since: now, place: -1}
	p.workers[w.id] = w
	p.key(key).workers++
	p.enter(w)
	p.key(key).starts.Try(now)
	p.do(Fork{w.id, key})
}

func (p *Pool) assign(now time.Time, w *worker, j *job) {
	p.lastRun++
	r := &run{Range: j.waiting.Take(p.slice(j)), id: p.lastRun, job: j, began: now, heard: now}
	r.next, r.block = r.Lo, p.speeds.block(j.Function, r.Len())
	r.late = p.deadline(r)
	j.running += r.Len()
	w.run = r
	p.running++
	p.move(now, w, yonder.EventAssign)
	p.settle(j)
	p.do(Run{Run: r.id, Worker: w.id, Job: j.id, Lo: r.Lo, Hi: r.Hi, Block: r.block})
}

// stop asks a worker to end; Tick insists after the grace period.
func (p *Pool) stop(now time.Time, w *worker, why stopCause, detail string) {
	if w.state == yonder.WorkerKilling {
		return
	}
	w.why, w.detail, w.asked, w.told = why, detail, now, now
	w.killed = why == stopBroken
	p.move(now, w, yonder.EventKill)
	p.do(Signal{Worker: w.id, Kill: w.killed})
}

// Hello says that a worker is there.
func (p *Pool) Hello(now time.Time, id string) []Action {
	w := p.workers[id]
	if w == nil || w.state != yonder.WorkerForking {
		return nil // it was told to end before it was there
	}
	p.move(now, w, yonder.EventHello)
	p.key(w.key).starts.Succeed()
	p.schedule(now)
	return p.take()
}

// Close ends all workers and gives back what waits. The pool stays closed.
func (p *Pool) Close(now time.Time) []Action {
	p.closing = true
	for _, w := range p.inOrder() {
		p.stop(now, w, stopClosing, "")
	}
	for _, j := range append([]*job(nil), p.queue...) {
		for _, r := range j.waiting {
			p.end(j, r, EndReturned, yonder.CodeUnavailable, "the manager was stopped before the task began")
		}
		j.waiting = nil
		p.settle(j)
	}
	return p.take()
}

// end tells how tasks ended; they must be neither waiting nor running any more
// when the event is over.
func (p *Pool) end(j *job, r ranges.Range, how How, code yonder.Code, message string) {
	if r.Len() > 0 {
		p.do(End{Job: j.id, Lo: r.Lo, Hi: r.Hi, How: how, Code: code, Message: message})
	}
}
