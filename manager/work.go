package manager

import (
	"log/slog"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager/outbox"
	"github.com/yonder-run/yonder/manager/pool"
	"github.com/yonder-run/yonder/manager/ranges"
	"github.com/yonder-run/yonder/wire"
)

// work is a lease with its payloads, kept until its last task has ended.
type work struct {
	lease    wire.Lease
	key      pool.Key
	columns  [][]byte
	bytes    int64
	waiting  ranges.Set // tasks that are not in the pool yet
	jobs     int        // in the pool
	needs    int        // bodies and blobs that are not here yet
	function bool       // is in use
	blobs    bool       // are in use
}

// take accepts leases with their columns, in order.
func (d *desk) take(leases []wire.Lease, columns [][]byte) error {
	for _, lease := range leases {
		if lease.Columns < 1 || lease.Columns > len(columns) || lease.Lo < 0 || lease.Hi <= lease.Lo ||
			lease.Form == wire.FormEach && lease.Columns != lease.Tasks() {
			return yonder.Errorf(yonder.CodeMalformedFrame, "a lease of %d tasks came with %d payloads", lease.Tasks(), lease.Columns)
		}
		own := columns[:lease.Columns]
		columns = columns[lease.Columns:]
		if fresh := d.held.add(lease.Span); len(fresh) > 0 {
			d.accept(lease, own, fresh)
		}
	}
	return nil
}

// accept begins with the tasks of a lease that are new here.
func (d *desk) accept(lease wire.Lease, columns [][]byte, fresh ranges.Set) {
	w := &work{lease: lease, columns: columns, waiting: fresh}
	for _, column := range columns {
		w.bytes += int64(len(column))
	}
	d.works[w] = true
	d.bytes += w.bytes
	switch {
	case d.closing:
		d.giveBack(w, yonder.CodeUnavailable, "the manager was stopped")
		return
	case d.bytes > d.cfg.HeldBytes:
		d.giveBack(w, yonder.CodeLimitReached, "the node holds as many payloads as it may")
		return
	}
	environment, err := d.environment(lease)
	if err != nil {
		d.failWork(w, err)
		return
	}
	w.key = pool.Key{Identity: lease.Owner, Environment: environment}
	d.want(w)
	if w.needs == 0 {
		d.enqueue(w)
	}
}

// native is the environment of functions that need no interpreter.
const native = ""

// environment is where a function runs: the interpreter that it needs, or the
// first one if it runs on any.
func (d *desk) environment(lease wire.Lease) (string, error) {
	if !slices.Contains(d.cfg.Kinds, lease.Kind) {
		return "", yonder.Errorf(yonder.CodeUnsupportedKind, "node %s does not run functions of kind %s", d.hostname, lease.Kind)
	}
	if lease.Kind != yonder.KindPython {
		return native, nil
	}
	for _, python := range d.cfg.Pythons {
		if lease.Requires.Python == "" || minor(python.Version) == lease.Requires.Python {
			return python.Path, nil
		}
	}
	return "", yonder.Errorf(yonder.CodeNoInterpreter, "node %s has no Python %s", d.hostname, lease.Requires.Python)
}

// want asks for what the work needs and is not here.
func (d *desk) want(w *work) {
	hash := w.lease.Hash
	if w.function = d.functions.Use(hash); !w.function {
		w.needs++
		d.wanting[hash] = append(d.wanting[hash], w)
		if len(d.wanting[hash]) == 1 {
			d.outbox.Need(wire.Need{Function: hash})
		}
	}
	w.blobs = true
	for _, blob := range w.lease.Blobs {
		here, ask := d.blobs.Use(blob)
		if here {
			continue
		}
		w.needs++
		d.awaiting[blob.ID] = append(d.awaiting[blob.ID], w)
		if ask {
			d.outbox.Need(wire.Need{Blob: &blob, Task: w.blobTask(blob.ID)})
		}
	}
}

// blobTask is a task that entitles to the blob.
func (w *work) blobTask(id yonder.ID) *yonder.ID {
	task := w.lease.Bundle.Task(w.lease.Lo)
	for column, blob := range w.lease.Blobs {
		if blob.ID == id && w.lease.Form == wire.FormEach {
			task = w.lease.Bundle.Task(w.lease.Lo + column)
		}
	}
	return &task
}

// got says that one of the work's needs is met.
func (d *desk) got(w *work) {
	if w.needs--; w.needs == 0 && d.works[w] {
		d.enqueue(w)
	}
}

// sliceBytes is about how many bytes of payloads one run carries.
const sliceBytes = 8 << 20

// longest is a walltime beyond which there might as well be none.
const longest = 10 * 365 * 24 * time.Hour

// enqueue hands a work to the pool: everything it needs is here.
func (d *desk) enqueue(w *work) {
	waiting := w.waiting
	w.waiting = nil
	job := pool.Job{
		Key: w.key, Function: w.lease.Hash, Name: w.lease.Function.String(), Chunk: w.lease.Form == wire.FormChunk, Priority: w.lease.Priority,
		Walltime: time.Duration(min(w.lease.Walltime, longest.Seconds()) * float64(time.Second)),
	}
	if !job.Chunk {
		largest := 1
		for _, column := range w.columns {
			largest = max(largest, len(column))
		}
		job.MaxSlice = max(sliceBytes/largest, 1)
	}
	w.jobs += len(waiting)
	for _, r := range waiting {
		job.Span = attemptOf(w.lease.Span).span(r)
		id, actions := d.pool.Add(time.Now(), job)
		d.jobs[id] = w
		d.act(actions)
	}
	d.settle(w)
}

// settle forgets a work whose last task has ended.
func (d *desk) settle(w *work) {
	if w.jobs > 0 || len(w.waiting) > 0 || !d.works[w] {
		return
	}
	delete(d.works, w)
	d.bytes -= w.bytes
	if w.function {
		d.functions.Release(w.lease.Hash)
	}
	d.unwant(w)
	if w.blobs {
		for _, blob := range w.lease.Blobs {
			d.blobs.Release(blob.ID)
		}
	}
}

// unwant takes a work out of the lists of those that wait.
func (d *desk) unwant(w *work) {
	if w.needs == 0 {
		return
	}
	drop(d.wanting, w.lease.Hash, w)
	for _, blob := range w.lease.Blobs {
		drop(d.awaiting, blob.ID, w)
		if d.awaiting[blob.ID] == nil {
			d.noRoom.ended(blob.ID)
		}
	}
}

func drop[K comparable](lists map[K][]*work, key K, w *work) {
	var left []*work
	for _, other := range lists[key] {
		if other != w {
			left = append(left, other)
		}
	}
	if lists[key] = left; len(left) == 0 {
		delete(lists, key)
	}
}

// stop cancels tasks, wherever they are.
func (d *desk) stop(spans []wire.Span) {
	for _, span := range spans {
		for w := range d.works {
			if attemptOf(w.lease.Span) == attemptOf(span) {
				for _, r := range w.waiting.Remove(rangeOf(span)) {
					cancelled := wire.Stopped{Span: attemptOf(span).span(r), How: wire.StoppedWaiting}
					d.outbox.Add(outbox.End{Cancelled: &cancelled})
				}
				d.settle(w)
			}
		}
		d.act(d.pool.Cancel(time.Now(), span))
	}
}

// failWorks ends works that cannot get what they need.
func (d *desk) failWorks(works []*work, cause error) {
	for _, w := range works {
		d.failWork(w, cause)
	}
}

func (d *desk) failWork(w *work, cause error) {
	d.log.Warn("tasks cannot run here", slog.String("bundle", w.lease.Bundle.String()), slog.Any("error", cause))
	for _, r := range w.waiting {
		d.failTasks(w, r, yonder.CodeOf(cause), cause.Error())
	}
	w.waiting = nil
	d.settle(w)
}

// giveBack returns what no worker has begun.
func (d *desk) giveBack(w *work, code yonder.Code, why string) {
	for _, r := range w.waiting {
		d.outbox.Add(outbox.End{Lost: &wire.Loss{Span: attemptOf(w.lease.Span).span(r), Code: code, Message: why}})
	}
	w.waiting = nil
	d.settle(w)
}

// closeWorks gives back all that is not in the pool.
func (d *desk) closeWorks() {
	for w := range d.works {
		d.giveBack(w, yonder.CodeUnavailable, "the manager was stopped before the task began")
	}
}

// failTasks ends tasks for good, one by one.
func (d *desk) failTasks(w *work, r ranges.Range, code yonder.Code, message string) {
	payload := outbox.Failure(code, message)
	now := time.Now().UnixMicro()
	for i := r.Lo; i < r.Hi; i++ {
		d.outbox.Add(outbox.End{Payload: payload, Result: &wire.Entry{
			Bundle: w.lease.Bundle, Attempt: w.lease.Attempt, Lo: i, Hi: i + 1, Outcome: wire.OutcomeFailed,
			Form: wire.FormEach, Finished: now, Worker: d.hostname,
		}})
	}
}
