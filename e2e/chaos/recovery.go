package main

import (
	"sync"
	"time"
)

// recovery measures how long the affected part takes from the end of a fault
// to its next progress: an execution at an endpoint, a line in a client's
// notebook. A fault within that time that holds up the same part ends the
// measurement without a result; its own end begins another one.
type recovery struct {
	size func(Part) int64 // grows with every progress of the part
	now  func() time.Time

	mu      sync.Mutex
	active  map[int]Fault
	watched map[int]watch
	worst   time.Duration
	by      string
}

type watch struct {
	fault Fault
	since time.Time
	size  int64
}

func newRecovery(size func(Part) int64, now func() time.Time) *recovery {
	return &recovery{size: size, now: now, active: map[int]Fault{}, watched: map[int]watch{}}
}

// holdsUp says whether a fault of one part can hold up another one: what
// belongs to an endpoint or a client holds up only that.
func holdsUp(one, other Part) bool {
	a, an := affects(one)
	b, bn := affects(other)
	return a == Service || b == Service || a == b && an == bn
}

// affects is what makes no progress while the part is in trouble.
func affects(p Part) (Class, int) {
	switch p.Class {
	case Agent, Manager, Worker, AgentRoute, AgentDisk, ManagerDisk:
		return Agent, p.N
	case Client, ClientRoute:
		return Client, p.N
	default:
		return Service, 0
	}
}

func (r *recovery) begin(id int, f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active[id] = f
	for other, w := range r.watched {
		if holdsUp(f.Part, w.fault.Part) {
			delete(r.watched, other)
		}
	}
}

func (r *recovery) end(id int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.active[id]
	delete(r.active, id)
	for _, other := range r.active {
		if holdsUp(other.Part, f.Part) {
			return
		}
	}
	r.watched[id] = watch{f, r.now(), r.size(f.Part)}
}

// look takes note of what has made progress since its fault ended.
func (r *recovery) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, w := range r.watched {
		if r.size(w.fault.Part) > w.size {
			r.note(w)
			delete(r.watched, id)
		}
	}
}

func (r *recovery) note(w watch) {
	if took := r.now().Sub(w.since); took > r.worst {
		r.worst, r.by = took, w.fault.String()
	}
}

// idle ends all measurements: there is nothing left to make progress with.
func (r *recovery) idle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.watched)
}
