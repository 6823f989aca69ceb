// Package pool decides what the workers of one node do: who runs which tasks
// next, when a worker is started, and when one has to go. It is a state
// machine without I/O: every call says what happened and when, and gets back
// what is to be done.
//
// A worker serves one key, an identity in an environment, for all its life.
// There are never more workers than slots. Tasks of one job go to workers in
// slices of consecutive indexes, so that a thousand short calls cost few
// messages and a thousand long ones spread over all slots.
package pool

import (
	"slices"
	"strconv"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/breaker"
	"github.com/yonder-run/yonder/manager/ranges"
	"github.com/yonder-run/yonder/wire"
)

// Key is what a worker is for. Identities never share one.
type Key struct {
	Identity    yonder.ID
	Environment string
}

// Job is a lease as the pool sees it: tasks that are ready to run.
type Job struct {
	Span     wire.Span
	Key      Key
	Function string // content hash; what is learned of it is kept by that
	Name     string // of the function, for people
	Chunk    bool
	Walltime time.Duration // of one task; 0: no limit
	Priority int           // higher ones first
	MaxSlice int           // tasks that fit one message; 0: any number
}

// JobID names a job in the pool.
type JobID int64

// Config are the pool's limits. All are required.
type Config struct {
	Slots        int
	Grace        time.Duration  // between asking a worker to end and killing it
	StartTimeout time.Duration  // for a worker to say hello
	IdleAfter    time.Duration  // a worker without work for so long ends
	Breaker      breaker.Policy // of a key whose workers do not start
}

// Pool is not safe for concurrent use.
type Pool struct {
	cfg     Config
	jobs    map[JobID]*job
	queue   []*job // with waiting tasks, in order
	workers map[string]*worker
	states  map[yonder.State]int // how many workers there are in each
	times   times                // workers, by when something is due
	late    []*worker            // whose slices take too long, by number
	keys    map[Key]*keyState
	running int // workers that have a run
	speeds  speeds
	deaths  deaths
	closing bool
	short   time.Time // until when no worker is started; zero: now
	lastJob JobID
	lastRun int64
	lastWID int64
	actions []Action
}

// job is a Job with where its tasks are: waiting, on workers, or ended.
type job struct {
	Job
	id      JobID
	added   time.Time
	waiting ranges.Set
	running int   // tasks on workers
	crashes int   // workers in a row that ended before they began one of its tasks
	volley  int64 // as of a key: those that were there at the last one count with it
}

// keyState is what is known of all workers of a key.
type keyState struct {
	waiting  int // jobs in the queue
	workers  int
	starting int              // workers that will say hello
	idle     []*worker        // the one used last at the end
	starts   *breaker.Circuit // of its workers
	// volley is the number of the last worker that was started before the last
	// failure was known. What ends those may be what ended that one, such as
	// the zygote that they had in common: together they are one failure.
	volley int64
	used   time.Time
}

// New returns an empty pool.
func New(cfg Config) *Pool {
	return &Pool{
		cfg: cfg, jobs: map[JobID]*job{}, workers: map[string]*worker{}, states: map[yonder.State]int{}, keys: map[Key]*keyState{},
		speeds: speeds{}, deaths: deaths{},
	}
}

// Add takes a job.
func (p *Pool) Add(now time.Time, spec Job) (JobID, []Action) {
	p.lastJob++
	j := &job{Job: spec, id: p.lastJob, added: now}
	j.waiting.Add(ranges.Range{Lo: spec.Span.Lo, Hi: spec.Span.Hi})
	p.jobs[j.id] = j
	p.enqueue(j)
	if k := p.key(j.Key); k.workers == 0 && k.starts.Open(now) {
		p.failKey(j.Key)
	}
	p.schedule(now)
	return j.id, p.take()
}

// Status counts workers by what they do.
func (p *Pool) Status() wire.Beat {
	return wire.Beat{Workers: len(p.workers), Busy: p.running, Free: max(p.cfg.Slots-p.running, 0)}
}

// Idle says that no task waits or runs.
func (p *Pool) Idle() bool { return len(p.jobs) == 0 }

// Workers is the number of worker processes there are or will be.
func (p *Pool) Workers() int { return len(p.workers) }

// Holdings lists what waits and what runs.
func (p *Pool) Holdings() []wire.Holding {
	var all []wire.Holding
	for _, j := range p.jobs {
		for _, r := range j.waiting {
			all = append(all, wire.Holding{Span: j.span(r), State: yonder.RangeAccepted})
		}
	}
	for _, w := range p.workers {
		if r := w.run; r != nil && r.next < r.Hi {
			all = append(all, wire.Holding{Span: r.job.span(r.left()), State: yonder.RangeStarted})
		}
	}
	return all
}

func (j *job) span(r ranges.Range) wire.Span {
	return wire.Span{Bundle: j.Span.Bundle, Attempt: j.Span.Attempt, Lo: r.Lo, Hi: r.Hi}
}

// enqueue puts a job with waiting tasks into the queue, by priority and age.
func (p *Pool) enqueue(j *job) {
	at, found := slices.BinarySearchFunc(p.queue, j, order)
	if found {
		return
	}
	p.queue = slices.Insert(p.queue, at, j)
	p.key(j.Key).waiting++
}

func (p *Pool) dequeue(j *job) {
	if at, found := slices.BinarySearchFunc(p.queue, j, order); found {
		p.queue = slices.Delete(p.queue, at, at+1)
		p.key(j.Key).waiting--
	}
}

func order(a, b *job) int {
	if a.Priority != b.Priority {
		return b.Priority - a.Priority
	}
	return int(a.id - b.id)
}

// settle takes a job that changed out of the queue and, with its last task
// ended, out of the pool.
func (p *Pool) settle(j *job) {
	if len(j.waiting) > 0 {
		p.enqueue(j)
		return
	}
	p.dequeue(j)
	if j.running == 0 && p.jobs[j.id] != nil {
		delete(p.jobs, j.id)
		p.do(Release{j.id})
	}
}

func (p *Pool) key(k Key) *keyState {
	if p.keys[k] == nil {
		p.keys[k] = &keyState{starts: breaker.New(p.cfg.Breaker)}
	}
	return p.keys[k]
}

func (p *Pool) do(a Action) { p.actions = append(p.actions, a) }

// take hands over what is to be done since the last call.
func (p *Pool) take() []Action {
	actions := p.actions
	p.actions = nil
	return actions
}

func (p *Pool) newWorkerID() string {
	p.lastWID++
	return "w" + strconv.FormatInt(p.lastWID, 10)
}

// Running is what a worker has to report next: its job and the first task
// that it has not reported.
func (p *Pool) Running(id string) (job JobID, next int, ok bool) {
	w := p.workers[id]
	if w == nil || w.run == nil {
		return 0, 0, false
	}
	return w.run.job.id, w.run.next, true
}

// Starting says whether a worker was forked and has not said hello.
func (p *Pool) Starting(id string) bool {
	w := p.workers[id]
	return w != nil && w.state == yonder.WorkerForking
}
