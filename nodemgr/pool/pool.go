// Package pool decides, without any I/O, which worker runs what on one node:
// when to fork, what to give to an idle worker, whom to end to make room, and
// what a cancel, a time limit or a death means for the tasks concerned.
//
// Events are method calls; Plan and Tick return what has to be done. A Pool is
// not safe for concurrent use.
package pool

import (
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Key is what a worker can serve: one identity in one environment. A worker
// never serves two.
type Key struct {
	Owner       yonder.ID
	Environment string
}

// Job is one task, or a stretch of a chunk that one worker runs in its own
// loop: tasks Lo..Hi of Lease.
type Job struct {
	Lease  *wire.Lease
	Key    Key
	Lo, Hi int
}

// Span names the job's tasks.
func (j Job) Span() wire.Span {
	return wire.Span{Bundle: j.Lease.Bundle, Attempt: j.Lease.Attempt, Lo: j.Lo, Hi: j.Hi}
}

// Worker is one process.
type Worker struct {
	ID      string
	Key     Key
	State   yonder.State
	Run     int64 // of the job it has
	Job     Job   // what is left of it: Lo moves on with every outcome
	Why     Why   // it is being killed
	since   time.Time
	killed  bool // SIGKILL was sent
	started time.Time
}

// Why says for what reason a worker is being ended.
type Why int

// Reasons to end a worker.
const (
	NotKilled Why = iota
	Cancelled
	OverWalltime
	Evicted
)

// Actions are what Plan and Tick ask for.
type Actions struct {
	Fork   []*Worker
	Assign []*Worker // run Worker.Job as Worker.Run
	Term   []*Worker // SIGTERM to the process group
	Kill   []*Worker // SIGKILL to the process group
}

// Pool is the state of a node.
type Pool struct {
	slots   int
	grace   time.Duration // between SIGTERM and SIGKILL
	idle    time.Duration // after which an unused worker is ended
	workers map[string]*Worker
	queue   []Job
	lastRun int64
}

// New returns a pool of the given number of slots.
func New(slots int, grace, idle time.Duration) *Pool {
	return &Pool{slots: slots, grace: grace, idle: idle, workers: map[string]*Worker{}}
}

// Add queues a job.
func (p *Pool) Add(j Job) { p.queue = append(p.queue, j) }

// Worker returns a worker by its name, or nil.
func (p *Pool) Worker(id string) *Worker { return p.workers[id] }

// Busy is the number of workers that run something.
func (p *Pool) Busy() int { return p.count(yonder.WorkerBusy) }

// Workers is the number of processes.
func (p *Pool) Workers() int { return len(p.workers) }

// Queued is the number of jobs that wait.
func (p *Pool) Queued() int { return len(p.queue) }

// Fail takes all waiting jobs of a key out of the queue.
func (p *Pool) Fail(key Key) []Job {
	var failed []Job
	p.queue = slices.DeleteFunc(p.queue, func(j Job) bool {
		if j.Key == key {
			failed = append(failed, j)
		}
		return j.Key == key
	})
	return failed
}

// Idle says whether there is nothing to do.
func (p *Pool) Idle() bool {
	return len(p.queue) == 0 && p.Busy() == 0 && p.count(yonder.WorkerKilling) == 0
}

func (p *Pool) count(state yonder.State) int {
	n := 0
	for _, w := range p.workers {
		if w.State == state {
			n++
		}
	}
	return n
}

// Each visits every job: queued ones, and what is left of running ones.
func (p *Pool) Each(visit func(j Job, running bool)) {
	for _, j := range p.queue {
		visit(j, false)
	}
	for _, w := range p.workers {
		if w.hasJob() {
			visit(w.Job, true)
		}
	}
}

func (w *Worker) hasJob() bool { return w.Job.Lease != nil && w.Job.Lo < w.Job.Hi }

// step moves a worker along the state table and says whether that was allowed.
func (w *Worker) step(event yonder.Event, now time.Time) bool {
	next, err := yonder.WorkerMachine.Next(w.State, event)
	if err != nil {
		return false
	}
	w.State, w.since = next, now
	return true
}

// Hello says that a forked worker has connected.
func (p *Pool) Hello(id string, now time.Time) bool {
	w := p.workers[id]
	return w != nil && w.step(yonder.EventHello, now)
}

// Progress says that the tasks of a run up to hi have their outcome.
func (p *Pool) Progress(id string, hi int, now time.Time) {
	if w := p.workers[id]; w != nil && w.hasJob() {
		w.Job.Lo = min(max(w.Job.Lo, hi), w.Job.Hi)
		w.started = now
	}
}

// Finish says that a run is over; the worker is idle, or about to be gone.
func (p *Pool) Finish(id string, now time.Time) {
	if w := p.workers[id]; w != nil {
		w.Job = Job{}
		w.step(yonder.EventFinish, now)
	}
}

// End is what became of the tasks that a dead worker had.
type End struct {
	Job  Job
	Why  Why
	Lost wire.Span // begun without an outcome; may be empty
}

// Exited takes a dead worker out. at is the index of the task that it was at
// when it died, or -1 if it had not begun its run; the tasks after it are
// first in the queue again.
func (p *Pool) Exited(id string, at int, now time.Time) (End, bool) {
	w := p.workers[id]
	if w == nil {
		return End{}, false
	}
	w.step(yonder.EventExit, now)
	delete(p.workers, id)
	if !w.hasJob() {
		return End{Why: w.Why}, true
	}
	end := End{Job: w.Job, Why: w.Why, Lost: w.Job.Span()}
	rest := w.Job
	if at >= 0 {
		rest.Lo = min(max(at, w.Job.Lo), w.Job.Hi-1) + 1
	}
	end.Lost.Hi = rest.Lo
	if rest.Lo < rest.Hi {
		p.queue = slices.Insert(p.queue, 0, rest)
	}
	return end, true
}

// Stop cancels the tasks of a span: those that wait are returned, workers
// that are at one of them are to be ended.
func (p *Pool) Stop(s wire.Span, at func(*Worker) int, now time.Time) (stopped []wire.Span, actions Actions) {
	var left []Job
	for _, j := range p.queue {
		if !same(j, s) || j.Hi <= s.Lo || j.Lo >= s.Hi {
			left = append(left, j)
			continue
		}
		cut := j.Span()
		cut.Lo, cut.Hi = max(j.Lo, s.Lo), min(j.Hi, s.Hi)
		stopped = append(stopped, cut)
		for _, part := range [][2]int{{j.Lo, cut.Lo}, {cut.Hi, j.Hi}} {
			if part[0] < part[1] {
				rest := j
				rest.Lo, rest.Hi = part[0], part[1]
				left = append(left, rest)
			}
		}
	}
	p.queue = left
	for _, w := range p.workers {
		if w.hasJob() && same(w.Job, s) && w.State == yonder.WorkerBusy {
			if i := at(w); s.Lo <= i && i < s.Hi {
				p.end(w, Cancelled, now, &actions)
			}
		}
	}
	return stopped, actions
}

func same(j Job, s wire.Span) bool { return j.Lease.Bundle == s.Bundle && j.Lease.Attempt == s.Attempt }

func (p *Pool) end(w *Worker, why Why, now time.Time, actions *Actions) {
	if w.step(yonder.EventKill, now) {
		w.Why = why
		actions.Term = append(actions.Term, w)
	}
}

// Tick looks at the clock: tasks over their walltime, workers that do not
// heed SIGTERM, workers that nobody has needed for long. Next is when to call
// it again.
func (p *Pool) Tick(now time.Time) (actions Actions, next time.Time) {
	next = now.Add(p.idle)
	sooner := func(t time.Time) {
		if t.Before(next) {
			next = t
		}
	}
	for _, w := range p.workers {
		switch w.State {
		case yonder.WorkerKilling:
			if due := w.since.Add(p.grace); !w.killed && !now.Before(due) {
				w.killed = true
				actions.Kill = append(actions.Kill, w)
			} else if !w.killed {
				sooner(due)
			}
		case yonder.WorkerBusy:
			if limit := w.Job.limit(); limit > 0 {
				if due := w.started.Add(limit); !now.Before(due) {
					p.end(w, OverWalltime, now, &actions)
					sooner(now.Add(p.grace))
				} else {
					sooner(due)
				}
			}
		case yonder.WorkerIdle:
			if due := w.since.Add(p.idle); !now.Before(due) {
				p.end(w, Evicted, now, &actions)
				sooner(now.Add(p.grace))
			} else {
				sooner(due)
			}
		}
	}
	return actions, next
}

// limit is the time the job may take from its last outcome on. The tasks of a
// chunk are not timed one by one: together they may take their sum.
func (j Job) limit() time.Duration {
	if j.Lease == nil {
		return 0
	}
	return time.Duration(j.Lease.Walltime * float64(j.Hi-j.Lo) * float64(time.Second))
}

// Plan gives waiting jobs to idle workers, forks where slots are free, and
// ends idle workers of other keys where none is.
func (p *Pool) Plan(name func() string, now time.Time) Actions {
	var actions Actions
	idle := map[Key][]*Worker{}
	coming := map[Key]int{}
	for _, w := range p.workers {
		switch w.State {
		case yonder.WorkerIdle:
			idle[w.Key] = append(idle[w.Key], w)
		case yonder.WorkerForking:
			coming[w.Key]++
		}
	}
	var left []Job
	for i, j := range p.queue {
		switch free := idle[j.Key]; {
		case len(free) > 0:
			idle[j.Key] = free[:len(free)-1]
			p.assign(free[len(free)-1], j, now, &actions)
		case coming[j.Key] > 0:
			coming[j.Key]--
			left = append(left, j)
		case len(p.workers) < p.slots:
			p.fork(j.Key, name(), now, &actions)
			left = append(left, j)
		default:
			left = append(left, p.queue[i])
			p.makeRoom(idle, now, &actions)
		}
	}
	p.queue = left
	return actions
}

func (p *Pool) assign(w *Worker, j Job, now time.Time, actions *Actions) {
	p.lastRun++
	w.Run, w.Job, w.started = p.lastRun, j, now
	w.step(yonder.EventAssign, now)
	actions.Assign = append(actions.Assign, w)
}

func (p *Pool) fork(key Key, id string, now time.Time, actions *Actions) {
	w := &Worker{ID: id, Key: key, State: yonder.WorkerMachine.Start, since: now}
	p.workers[id] = w
	actions.Fork = append(actions.Fork, w)
}

// makeRoom ends the idle worker that has been unused for longest. Its slot is
// free once it is gone.
func (p *Pool) makeRoom(idle map[Key][]*Worker, now time.Time, actions *Actions) {
	var oldest *Worker
	for _, workers := range idle {
		for _, w := range workers {
			if oldest == nil || w.since.Before(oldest.since) {
				oldest = w
			}
		}
	}
	if oldest == nil {
		return
	}
	idle[oldest.Key] = slices.DeleteFunc(idle[oldest.Key], func(w *Worker) bool { return w == oldest })
	p.end(oldest, Evicted, now, actions)
}
