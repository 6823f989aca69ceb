// Package simworker stands in for the worker processes of a manager, so that
// an agent can be tried with more workers than machines hold. A task takes as
// long as it is told to and answers with its own payload: whoever sent that
// can tell whether the result is the right one. Everything else is the shipped
// manager's.
//
// A worker costs an entry in a map, and one that is busy another in a heap of
// what is due; a host has one goroutine, however many workers it has.
package simworker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/wire"
)

// Host is a service.
type Host struct {
	startstop.Base

	work Work
	sink workerproc.Sink
	wake chan struct{} // has a value when something may be due earlier

	mu      sync.Mutex
	workers map[string]*worker
	due     schedule
}

// New makes a host whose workers do the work, and tell the sink.
func New(work Work, sink workerproc.Sink) *Host {
	return &Host{work: work, sink: sink, wake: make(chan struct{}, 1), workers: map[string]*worker{}}
}

// Start begins to tell what is due.
func (h *Host) Start(ctx context.Context) error { return h.Base.Start(ctx, h.run) }

func (h *Host) run(ctx context.Context, ready func()) error {
	ready()
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		event, wait := h.next(time.Now())
		if event != nil {
			event(h.sink)
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// idle is how long nothing is due if nothing is.
const idle = time.Hour

// next returns what is due, or how long nothing is. The sink may block, so it
// is called without the lock.
func (h *Host) next(now time.Time) (tell func(workerproc.Sink), wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		first, found := h.due.first()
		if !found {
			return nil, idle
		}
		if wait := first.at.Sub(now); wait > 0 {
			return nil, wait
		}
		if tell := h.due.pop().tell(h); tell != nil {
			return tell, 0
		}
	}
}

// later has something told at a time. The caller holds the lock.
func (h *Host) later(at time.Time, w *worker, what occasion) {
	if h.due.push(entry{at: at, worker: w, what: what}) {
		select {
		case h.wake <- struct{}{}:
		default:
		}
	}
}

// Fork starts a worker, which says hello at once.
func (h *Host) Fork(_ workerproc.Place, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &worker{id: id}
	h.workers[id] = w
	h.later(time.Now(), w, born)
	return nil
}

// Run gives a worker its next run.
func (h *Host) Run(id string, _ wire.Load, _ []byte, run wire.Run, columns [][]byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.workers[id]
	if w == nil {
		return fmt.Errorf("there is no worker %s", id)
	}
	w.run, w.columns, w.began = run, columns, time.Now()
	h.later(w.began.Add(h.work.of(run.Hi-run.Lo)), w, finished)
	return nil
}

// Take takes nothing back: all tasks take equally long, so none is late.
func (h *Host) Take(id string, run int64) (hi int, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.workers[id]
	if w == nil || w.run.Run != run {
		return 0, false
	}
	return w.run.Hi, true
}

// Signal ends a worker, which never resists.
func (h *Host) Signal(id string, kill bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.workers[id]; w != nil {
		delete(h.workers, id)
		w.at, w.killed = h.index(w), kill
		h.later(time.Now(), w, gone)
	}
}

// Retire is of what these workers do not have: something to start them from.
func (h *Host) Retire(string) {}

// Whereabouts is the run a worker is in and the task that it has begun last.
func (h *Host) Whereabouts(id string) (run int64, index int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.workers[id]; w != nil {
		return w.run.Run, h.index(w)
	}
	return 0, 0
}

// index is the task that a worker has begun last, by the clock.
func (h *Host) index(w *worker) int {
	if h.work.Sleep == 0 || w.run.Hi == w.run.Lo {
		return w.run.Lo
	}
	return min(w.run.Lo+int(time.Since(w.began)/h.work.Sleep), w.run.Hi-1)
}

// Look is Whereabouts for those who follow a task; there is no progress.
func (h *Host) Look(id string) (live.Place, *yonder.Progress) {
	run, index := h.Whereabouts(id)
	return live.Place{Run: run, Index: index}, nil
}

// Process says that there is none.
func (h *Host) Process(string) (pid int, printed time.Time) { return 0, time.Time{} }
