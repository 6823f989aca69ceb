package pool

import (
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/ranges"
)

const (
	// A worker claims about so much work at a time. What it has claimed waits
	// for a slow call among it; claiming costs half a microsecond.
	claimWorth = 50 * time.Microsecond
	// claimsMost bounds how often a worker claims in one run.
	claimsMost = 4000
	// lateFactor is how many times longer than expected a slice may take before
	// other workers are to have what is left, lateAtLeast the least that this
	// is: what is late by less is soon done.
	lateFactor  = 2
	lateAtLeast = 20 * time.Millisecond
)

// block is how many of n tasks a worker claims at a time.
func (s speeds) block(function string, n int) int {
	block := (n + claimsMost - 1) / claimsMost
	if known := s[function]; known != nil {
		block = max(block, int(claimWorth/known.mean))
	}
	return max(block, 1)
}

// deadline is when a run is late; zero: never, because its worker claims all of
// it at once. It does not move with what the run's calls turn out to take: with
// a slow one learned, the others would be expected to be slow as well.
func (p *Pool) deadline(r *run) time.Time {
	known := p.speeds[r.job.Function]
	if r.Len() <= r.block || known == nil {
		return time.Time{}
	}
	return r.began.Add(max(lateFactor*known.mean*time.Duration(r.Len()), lateAtLeast))
}

// spare is how many slots nobody makes use of.
func (p *Pool) spare() int {
	return p.cfg.Slots - len(p.workers) + p.states[yonder.WorkerIdle]
}

// takeBack asks for what late workers have not begun, if there is somebody who
// could begin it.
func (p *Pool) takeBack() {
	for spare := p.spare(); spare > 0 && len(p.late) > 0; spare-- {
		at := slices.IndexFunc(p.late, func(w *worker) bool { return p.key(w.key).waiting == 0 })
		if at < 0 {
			return
		}
		w := p.late[at]
		p.late = slices.Delete(p.late, at, at+1)
		p.do(Take{Worker: w.id, Run: w.run.id})
	}
}

// lag notes that a worker is late.
func (p *Pool) lag(w *worker) {
	w.run.late = time.Time{}
	if at, found := slices.BinarySearchFunc(p.late, w, byNumber); !found {
		p.late = slices.Insert(p.late, at, w)
	}
}

// catchUp notes that it is not any more.
func (p *Pool) catchUp(w *worker) {
	if at, found := slices.BinarySearchFunc(p.late, w, byNumber); found {
		p.late = slices.Delete(p.late, at, at+1)
	}
}

// Took says where a run ends from now on: its worker will not begin the tasks
// from hi on.
func (p *Pool) Took(now time.Time, id string, run int64, hi int) []Action {
	w := p.workers[id]
	if w == nil || w.run == nil || w.run.id != run {
		return nil
	}
	r := w.run
	back := ranges.Range{Lo: max(hi, r.next), Hi: r.Hi}
	if back.Len() == 0 {
		return nil
	}
	r.Hi = back.Lo
	r.job.running -= back.Len()
	p.putBack(r, back)
	p.watch(w)
	p.settle(r.job)
	p.schedule(now)
	return p.take()
}

// putBack has tasks of a run wait again that no worker has begun, but for
// those that were cancelled.
func (p *Pool) putBack(r *run, part ranges.Range) {
	if p.closing {
		p.endParts(r, part, EndReturned, yonder.CodeUnavailable, "the manager was stopped before the task began")
		return
	}
	for _, c := range r.cancelled.And(part) {
		p.end(r.job, c, EndCancelled, yonder.CodeTaskCancelled, "")
	}
	for _, rest := range r.cancelled.Without(part) {
		r.job.waiting.Add(rest)
	}
}
