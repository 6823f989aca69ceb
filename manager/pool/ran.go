package pool

import (
	"fmt"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/ranges"
	"github.com/yonder-run/yonder/wire"
)

// Ran is what a worker reported: the outcomes of tasks Lo..Hi of its run, in
// order, without gaps.
type Ran struct {
	Worker  string
	Run     int64
	Lo, Hi  int
	Last    bool
	Took    time.Duration
	Printed bool
}

// Ran takes note of a report. It is false if the report does not fit what the
// worker was given: it must then be ignored, and the worker is ended.
func (p *Pool) Ran(now time.Time, report Ran) (bool, []Action) {
	w := p.workers[report.Worker]
	if w == nil {
		return false, nil
	}
	if problem := w.check(report); problem != "" {
		p.stop(now, w, stopBroken, problem)
		return false, p.take()
	}
	r := w.run
	r.job.running -= report.Hi - r.next
	r.job.crashes = 0
	p.deaths.end(r.job.Function)
	r.next, r.heard = report.Hi, now
	p.speeds.learn(r.job.Function, report.Hi-report.Lo, report.Took, report.Printed)
	switch {
	case report.Last:
		p.finish(now, w)
	case len(r.cancelled.And(r.left())) > 0:
		p.approach(now, w)
	}
	p.watch(w)
	p.settle(r.job)
	p.schedule(now)
	return true, p.take()
}

// check says what is wrong with a report.
func (w *worker) check(report Ran) string {
	switch r := w.run; {
	case r == nil || r.id != report.Run:
		return fmt.Sprintf("it reported run %d, which it was not given", report.Run)
	case report.Lo != r.next || report.Hi < report.Lo || report.Hi > r.Hi:
		return fmt.Sprintf("it reported tasks %d to %d, but %d to %d were due", report.Lo, report.Hi, r.next, r.Hi)
	case report.Last && report.Hi != r.Hi:
		return fmt.Sprintf("it ended its run at task %d of %d", report.Hi, r.Hi)
	}
	return ""
}

func (p *Pool) finish(now time.Time, w *worker) {
	w.run = nil
	p.running--
	if w.state == yonder.WorkerBusy {
		p.move(now, w, yonder.EventFinish)
	}
	p.key(w.key).used = now
}

// Exit tells how a worker ended.
type Exit struct {
	Worker string
	// Run and Index are where the worker was: the task it had begun last. A
	// Run that is not the worker's means that it had not begun.
	Run     int64
	Index   int
	Message string // how the process ended, for people
	// Output is what the task there wrote.
	Output wire.Output
	// Short says that the node has no room for another worker just now: its
	// disk is full, or it has as many processes as it may. That mends itself
	// or is mended; no task is to fail for it.
	Short bool
}

const (
	// shortPause is how long a node that has no room is left alone.
	shortPause = time.Second
	// jobCrashes is after how many workers in a row that ended with a job before
	// they began one of its tasks the job is failed.
	jobCrashes = 3
)

// Exited takes note of the end of a worker, expected or not.
func (p *Pool) Exited(now time.Time, exit Exit) []Action {
	w := p.workers[exit.Worker]
	if w == nil {
		return nil
	}
	never := w.state == yonder.WorkerForking || w.why == stopBroken && w.run == nil
	p.move(now, w, yonder.EventExit)
	delete(p.workers, w.id)
	key := p.key(w.key)
	key.workers--
	key.used = now
	if w.run != nil {
		p.running--
		p.partition(w, exit)
		p.settle(w.run.job)
	}
	_, _, broken := key.starts.Broken()
	switch {
	case !never:
	case exit.Short && !broken:
		p.short = now.Add(shortPause)
	case w.number > key.volley:
		key.volley = p.lastWID
		key.starts.Fail(now, exit.Message)
	}
	if key.workers == 0 && key.starts.Open(now) {
		p.failKey(w.key)
	}
	p.schedule(now)
	return p.take()
}

// partition ends the tasks that a worker took with it: those it had finished
// and not reported, the one it was at, and those it had not begun.
func (p *Pool) partition(w *worker, exit Exit) {
	r, j := w.run, w.run.job
	left := r.left()
	j.running -= left.Len()
	at := r.next - 1 // before all that is left
	if exit.Run == r.id {
		at = min(max(exit.Index, at), r.Hi-1)
	}
	first := len(p.actions)
	message := exit.Message
	if w.detail != "" {
		message = w.detail + "; " + message
	}
	p.endParts(r, left.And(ranges.Range{Lo: r.next, Hi: at}), EndLost, yonder.CodeTaskLost,
		"the worker ended before it could report the task: "+message)
	if at >= r.next {
		if w.why == "" {
			p.deaths.add(j, message)
		}
		code, message := w.verdict(j, message)
		p.endParts(r, ranges.Range{Lo: at, Hi: at + 1}, EndLost, code, message)
		j.crashes = 0
	} else if (w.why == "" || w.why == stopBroken) && w.number > j.volley {
		j.crashes++
		j.volley = p.lastWID
	}
	p.sign(w, first, at, exit.Output)
	p.giveBack(r, ranges.Range{Lo: max(at+1, r.next), Hi: r.Hi}, message)
}

// sign says of ends which worker had the tasks, how it took being told to end,
// and what the task wrote that it was at.
func (p *Pool) sign(w *worker, from, at int, said wire.Output) {
	for i, action := range p.actions[from:] {
		if end, ok := action.(End); ok {
			end.Worker, end.Killed = w.id, w.killed
			if !w.told.IsZero() {
				end.Took = w.since.Sub(w.told)
			}
			if end.Lo == at {
				end.Output = said
			}
			p.actions[from+i] = end
		}
	}
}

// verdict is why the task was lost that the worker was at.
func (w *worker) verdict(j *job, message string) (yonder.Code, string) {
	switch w.why {
	case stopWalltime:
		return yonder.CodeWalltimeExceeded,
			fmt.Sprintf("the task ran longer than its walltime of %s and was stopped", j.Walltime)
	case stopClosing:
		return yonder.CodeTaskLost, "the manager was stopped while the task ran"
	case stopCancelled:
		return yonder.CodeTaskLost, "the worker was stopped because another task of its slice was cancelled"
	case stopEvicted, stopBroken:
	}
	return yonder.CodeWorkerFailed, message
}

// endParts ends tasks, telling the cancelled ones as such.
func (p *Pool) endParts(r *run, part ranges.Range, how How, code yonder.Code, message string) {
	for _, c := range r.cancelled.And(part) {
		p.end(r.job, c, EndCancelled, yonder.CodeTaskCancelled, "")
	}
	for _, rest := range r.cancelled.Without(part) {
		p.end(r.job, rest, how, code, message)
	}
}

// giveBack puts tasks that were not begun back into the queue.
func (p *Pool) giveBack(r *run, part ranges.Range, message string) {
	if j := r.job; j.crashes >= jobCrashes && !p.closing {
		p.endParts(r, part, EndFailed, yonder.CodeWorkerFailed,
			fmt.Sprintf("%d workers in a row ended while they prepared to run the task: %s", j.crashes, message))
		return
	}
	p.putBack(r, part)
}

// failKey gives back all that waits for workers that do not come up: another
// node may have better ones, and who knows that none has says so.
func (p *Pool) failKey(key Key) {
	why := fmt.Sprintf("no worker could be started, %s", p.key(key).starts)
	for _, j := range append([]*job(nil), p.queue...) {
		if j.Key != key {
			continue
		}
		for _, r := range j.waiting {
			p.end(j, r, EndReturned, yonder.CodeEndpointBroken, why)
		}
		j.waiting = nil
		p.settle(j)
	}
}
