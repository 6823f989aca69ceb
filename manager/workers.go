package manager

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/manager/outbox"
	"github.com/yonder-run/yonder/manager/pool"
	"github.com/yonder-run/yonder/manager/ranges"
	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/wire"
)

// Workers runs what the desk gives it and tells the sink what comes of it; the
// contract is that of workerproc.Host, which is the one that does.
type Workers interface {
	startstop.Service
	Watcher

	Fork(place workerproc.Place, id string) error
	Run(id string, load wire.Load, body []byte, run wire.Run, columns [][]byte) error
	// Take takes back what a worker has not claimed of a run, and returns where
	// the run ends then; false: the worker does not have the run.
	Take(id string, run int64) (hi int, ok bool)
	Signal(id string, kill bool)
	Retire(place string)
}

// Watcher says what a worker is doing; of one that there is not, nothing.
type Watcher interface {
	// Look is the task that the worker has begun last, and its progress.
	Look(id string) (live.Place, *yonder.Progress)
	// Whereabouts is Look without progress.
	Whereabouts(id string) (run int64, index int)
	// Process is the worker's, and when it wrote something last.
	Process(id string) (pid int, printed time.Time)
}

// fromWorkers brings the host's calls to the desk.
type fromWorkers struct{ desk *desk }

// Hello of a worker.
func (f fromWorkers) Hello(worker string) {
	d := f.desk
	d.do(func() {
		d.trouble = ""
		d.act(d.pool.Hello(time.Now(), worker))
	})
}

// Ran of a worker.
func (f fromWorkers) Ran(worker string, report workerproc.Report) {
	f.desk.do(func() { f.desk.ran(worker, report) })
}

// Exited of a worker.
func (f fromWorkers) Exited(worker string, exit workerproc.Exit) {
	f.desk.do(func() { f.desk.exited(worker, exit) })
}

// act carries out what the pool has decided.
func (d *desk) act(actions []pool.Action) {
	for len(actions) > 0 {
		action := actions[0]
		actions = actions[1:]
		switch a := action.(type) {
		case pool.Fork:
			if err := d.host.Fork(d.place(a.Key), a.Worker); err != nil {
				actions = append(actions, d.unborn(a.Worker, err)...)
			}
		case pool.Run:
			d.start(a)
		case pool.Take:
			if hi, ok := d.host.Take(a.Worker, a.Run); ok {
				d.live.Shorten(a.Worker, a.Run, hi)
				actions = append(actions, d.pool.Took(time.Now(), a.Worker, a.Run, hi)...)
			}
		case pool.Signal:
			d.host.Signal(a.Worker, a.Kill)
		case pool.Look:
			run, index := d.host.Whereabouts(a.Worker)
			actions = append(actions, d.pool.At(time.Now(), a.Worker, run, index)...)
		case pool.End:
			d.ended(a)
		case pool.Release:
			w := d.jobs[a.Job]
			delete(d.jobs, a.Job)
			w.jobs--
			d.settle(w)
		case pool.Retire:
			d.host.Retire(d.place(a.Key).ID)
			delete(d.places, a.Key)
		}
	}
}

// unborn tells the pool of a worker that could not be started.
func (d *desk) unborn(worker string, err error) []pool.Action {
	d.trouble = "workers do not start: " + err.Error()
	d.log.Warn("a worker could not be started", slog.String("worker", worker), slog.Any("error", err))
	return d.pool.Exited(time.Now(), pool.Exit{Worker: worker, Message: err.Error(), Short: short(err)})
}

// short says whether an error means that the node has no room just now.
func short(err error) bool {
	for _, lack := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// place is where workers of a key run. Its name is never used for another.
func (d *desk) place(key pool.Key) workerproc.Place {
	place, known := d.places[key]
	if !known {
		d.placeNo++
		place = workerproc.Place{ID: fmt.Sprintf("z%d", d.placeNo), Python: key.Environment}
		d.places[key] = place
	}
	return place
}

// start gives a worker its next run.
func (d *desk) start(a pool.Run) {
	w := d.jobs[a.Job]
	l := &w.lease
	run := wire.Run{
		Run: a.Run, Function: l.Hash, Form: l.Form, Codec: l.Codec, Lo: a.Lo, Hi: a.Hi, Block: a.Block, Total: l.Total,
		Task: l.Bundle.Task(a.Lo).String(), Attempt: l.Attempt, Inline: d.inline,
		Patience: d.cfg.RoomPatience.Seconds(),
	}
	first, columns := 0, w.columns
	if l.Form == wire.FormEach {
		first, columns = a.Lo-l.Lo, w.columns[a.Lo-l.Lo:a.Hi-l.Lo]
	}
	for column, blob := range l.Blobs {
		if at := column - first; at >= 0 && at < len(columns) {
			if run.Files == nil {
				run.Files = map[int]string{}
			}
			run.Files[at] = d.blobs.Path(blob.ID)
		}
	}
	d.outbox.Begun(attemptOf(l.Span).span(ranges.Range{Lo: a.Lo, Hi: a.Hi}))
	d.beginLive(a, w)
	err := d.host.Run(a.Worker, wire.Load{Function: l.Hash}, d.functions.Body(l.Hash), run, columns)
	if err != nil {
		d.log.Warn("a worker cannot be given work and is ended", slog.String("worker", a.Worker), slog.Any("error", err))
		d.host.Signal(a.Worker, true) // Exited follows
	}
}

// ran takes outcomes.
func (d *desk) ran(worker string, report workerproc.Report) {
	now := time.Now()
	told := pool.Ran{
		Worker: worker, Run: report.Run, Last: report.Last, Printed: report.Stdout != "" || report.Stderr != "",
	}
	job, due, known := d.pool.Running(worker)
	told.Lo, told.Hi = due, due
	for _, e := range report.Entries {
		if e.Lo != told.Hi || e.Hi <= e.Lo {
			told.Lo = -1 // out of order: the pool refuses it
		}
		told.Hi = e.Hi
		told.Took += time.Duration(e.Finished-e.Started) * time.Microsecond
	}
	ok, actions := d.pool.Ran(now, told)
	if ok && known {
		d.results(d.jobs[job], worker, report)
	} else {
		discard(report)
	}
	if report.Last {
		d.live.End(worker, d.host.Look)
	}
	d.act(actions)
}

// results passes outcomes on. Output belongs to the first of them.
func (d *desk) results(w *work, worker string, report workerproc.Report) {
	ends := make([]outbox.End, len(report.Entries))
	for i, e := range report.Entries {
		entry := &wire.Entry{
			Bundle: w.lease.Bundle, Attempt: w.lease.Attempt, Lo: e.Lo, Hi: e.Hi, Outcome: e.Outcome, Form: e.Form, Message: e.Message,
			Started: e.Started, Finished: e.Finished, Worker: d.where(worker),
		}
		if i == 0 {
			entry.Stdout, entry.Stderr = report.Stdout, report.Stderr
		}
		ends[i] = outbox.End{Result: entry, Payload: report.Columns[i]}
		if file, large := report.Files[i]; large {
			entry.Blob, ends[i].File = &file.Blob, file.Path
		}
	}
	d.outbox.Add(ends...)
}

func discard(report workerproc.Report) {
	for _, file := range report.Files {
		_ = os.Remove(file.Path)
	}
}

func (d *desk) exited(worker string, exit workerproc.Exit) {
	said := d.live.Said(worker, live.Place{Run: exit.Run, Index: exit.Index})
	d.live.End(worker, d.host.Look)
	if d.pool.Starting(worker) {
		d.trouble = "workers do not start: " + exit.Message
		d.log.Warn("a worker did not start", slog.String("worker", worker), slog.String("reason", exit.Message))
	}
	d.act(d.pool.Exited(time.Now(), pool.Exit{
		Worker: worker, Run: exit.Run, Index: exit.Index, Message: exit.Message, Output: said,
	}))
}

// ended passes on how tasks ended without a result.
func (d *desk) ended(a pool.End) {
	w := d.jobs[a.Job]
	r := ranges.Range{Lo: a.Lo, Hi: a.Hi}
	span := attemptOf(w.lease.Span).span(r)
	switch a.How {
	case pool.EndCancelled:
		d.outbox.Add(outbox.End{Cancelled: stopped(a, span)})
	case pool.EndFailed:
		d.failTasks(w, r, a.Code, a.Message)
	case pool.EndLost, pool.EndReturned:
		d.outbox.Add(outbox.End{Lost: &wire.Loss{
			Span: span, Started: a.How == pool.EndLost, Code: a.Code, Message: a.Message, Where: d.where(a.Worker), Output: a.Output,
		}})
	}
}

// stopped says how a span took being cancelled.
func stopped(a pool.End, span wire.Span) *wire.Stopped {
	how := wire.StoppedTerminated
	switch {
	case a.Worker == "":
		how = wire.StoppedWaiting
	case a.Killed:
		how = wire.StoppedKilled
	}
	return &wire.Stopped{Span: span, How: how, Seconds: a.Took.Seconds(), Output: a.Output}
}

// where names a worker of this node for people.
func (d *desk) where(worker string) string {
	if worker == "" {
		return d.hostname
	}
	return d.hostname + "/" + worker
}
