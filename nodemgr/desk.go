//go:build unix

package manager

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/nodemgr/pool"
	"github.com/yonder-run/yonder/nodemgr/workers"
	"github.com/yonder-run/yonder/wire"
)

// desk owns all state of a manager. Everything happens on its one goroutine:
// others hand it events.
type desk struct {
	cfg     Config
	log     *slog.Logger
	name    string
	pythons []wire.Interpreter
	host    *workers.Host
	events  chan func()
	done    chan struct{} // closed when the desk has ended

	pool     *pool.Pool
	works    map[*wire.Lease]*work
	seen     seen // spans that are here or wait for the agent's acknowledgement
	bodies   *bodies
	blobs    *blobs
	zygotes  map[pool.Key]*zygoteState
	outbox   outbox
	inline   int64
	names    int
	draining bool
	lost     time.Time // since when there has been no agent; zero: there is one
}

// zygoteState is how the processes of one key come up.
type zygoteState struct {
	ready    bool
	starting bool
	failures int // in a row, without a worker that came to work
	waiting  []string
}

// maxFailures of a zygote or of fresh workers in a row fail the tasks that
// wait for them: trying on would only hide the cause.
const maxFailures = 3

func newDesk(cfg Config, pythons []wire.Interpreter, dir string, log *slog.Logger) *desk {
	var id [4]byte
	_, _ = rand.Read(id[:])
	return &desk{
		cfg: cfg, log: log, name: "m-" + hex.EncodeToString(id[:]), pythons: pythons,
		events: make(chan func(), 1024), done: make(chan struct{}),
		pool: pool.New(cfg.Slots, cfg.Grace, cfg.WorkerIdle), works: map[*wire.Lease]*work{}, seen: seen{},
		bodies: newBodies(cfg.CacheBytes), blobs: newBlobs(dir), zygotes: map[pool.Key]*zygoteState{},
		inline: cfg.InlineBytes, lost: time.Now(),
	}
}

// do runs f on the desk's goroutine. It is dropped once the desk has ended.
func (d *desk) do(f func()) {
	select {
	case d.events <- f:
	case <-d.done:
	}
}

// run handles events until ctx ends or the manager is to end by itself.
func (d *desk) run(ctx context.Context) error {
	defer close(d.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(d.tick()))
		if why := d.over(); why != "" {
			d.log.Info("ending", slog.String("reason", why))
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case f := <-d.events:
			f()
		case <-timer.C:
		}
	}
}

// over says why the manager is to end by itself, if it is.
func (d *desk) over() string {
	idle := d.pool.Idle() && d.outbox.empty() && d.bodies.waiting() == 0 && d.blobs.waiting() == 0
	alone := time.Duration(0)
	if !d.lost.IsZero() {
		alone = time.Since(d.lost)
	}
	switch {
	case d.draining && idle:
		return "drained"
	case alone > d.cfg.OrphanIdle && idle:
		return "no agent, and nothing to do"
	case alone > d.cfg.OrphanBusy:
		return "no agent for " + alone.Round(time.Second).String()
	}
	return ""
}

// tick acts on the clock and plans; it returns when to look again.
func (d *desk) tick() time.Time {
	now := time.Now()
	actions, next := d.pool.Tick(now)
	d.act(actions)
	d.act(d.pool.Plan(d.newName, now))
	if !d.lost.IsZero() {
		if check := now.Add(time.Second); check.Before(next) {
			next = check
		}
	}
	return next
}

func (d *desk) newName() string {
	d.names++
	return "w" + strconv.Itoa(d.names)
}

func (d *desk) act(a pool.Actions) {
	for _, w := range a.Fork {
		d.fork(w)
	}
	for _, w := range a.Assign {
		d.assign(w)
	}
	for _, w := range a.Term {
		d.host.Signal(w.ID, unix.SIGTERM)
	}
	for _, w := range a.Kill {
		d.host.Signal(w.ID, unix.SIGKILL)
	}
}

func keyName(k pool.Key) string { return k.Owner.String() + " " + k.Environment }

func (d *desk) zygote(key pool.Key) *zygoteState {
	z := d.zygotes[key]
	if z == nil {
		z = &zygoteState{}
		d.zygotes[key] = z
	}
	return z
}

// fork asks for a worker, once the key's zygote is there.
func (d *desk) fork(w *pool.Worker) {
	z := d.zygote(w.Key)
	if z.ready {
		if err := d.host.Fork(keyName(w.Key), w.ID); err != nil {
			d.workerGone(w.ID, workers.End{Code: -1}, err.Error())
		}
		return
	}
	z.waiting = append(z.waiting, w.ID)
	if z.starting {
		return
	}
	z.starting = true
	if err := d.host.StartZygote(keyName(w.Key), w.Key.Environment); err != nil {
		d.do(func() { d.zygoteGone(w.Key, err) })
	}
}

func (d *desk) zygoteReady(key pool.Key) {
	z := d.zygote(key)
	z.ready, z.starting = true, false
	waiting := z.waiting
	z.waiting = nil
	for _, id := range waiting {
		if w := d.pool.Worker(id); w != nil {
			d.fork(w)
		}
	}
}

func (d *desk) zygoteGone(key pool.Key, err error) {
	z := d.zygote(key)
	waiting := z.waiting
	z.ready, z.starting, z.waiting = false, false, nil
	for _, id := range waiting {
		d.pool.Exited(id, -1, time.Now())
	}
	if err != nil {
		d.log.Warn("a zygote ended", slog.String("environment", key.Environment), slog.Any("cause", err))
		d.failed(key, yonder.CodeNoInterpreter, err.Error())
	}
}

// failed counts failures to bring up a key's processes, and fails what waits
// for them when they go on.
func (d *desk) failed(key pool.Key, code yonder.Code, message string) {
	z := d.zygote(key)
	z.failures++
	if z.failures < maxFailures {
		return
	}
	z.failures = 0
	for _, j := range d.pool.Fail(key) {
		d.fail(j.Lease, j.Lo, j.Hi, code, message)
	}
}

// assign starts a run on a worker.
func (d *desk) assign(w *pool.Worker) {
	j := w.Job
	wk := d.works[j.Lease]
	run := wire.Run{
		Run: w.Run, Function: j.Lease.Hash, Form: j.Lease.Form, Codec: j.Lease.Codec, Lo: j.Lo, Hi: j.Hi, Total: j.Lease.Total,
		Task: j.Lease.Bundle.Task(j.Lo).String(), Attempt: j.Lease.Attempt, Inline: d.inline,
	}
	column := 0
	if j.Lease.Form == wire.FormEach {
		column = j.Lo - j.Lease.Lo
	}
	if path := wk.files[column]; path != "" {
		run.Files = map[int]string{0: path}
	}
	d.send(wire.KindBegun, wire.Spans{Spans: []wire.Span{j.Span()}})
	if err := d.host.Run(w.ID, run, d.bodies.get(j.Lease.Hash), [][]byte{wk.columns[column]}); err != nil {
		d.log.Warn("could not reach a worker", slog.String("worker", w.ID), slog.Any("error", err))
		d.host.Signal(w.ID, unix.SIGKILL) // its end tells what to do
	}
}

// ran takes outcomes of a run.
func (d *desk) ran(id string, ran wire.Ran, columns [][]byte, stdout, stderr string) {
	w := d.pool.Worker(id)
	if w == nil || w.Run != ran.Run || w.Job.Lease == nil {
		return
	}
	l := w.Job.Lease
	var done finished
	for i, e := range ran.Entries {
		if i >= len(columns) || e.Lo < w.Job.Lo || e.Hi > w.Job.Hi || e.Lo >= e.Hi {
			d.log.Error("a worker reports tasks that it was not given", slog.String("worker", id))
			d.host.Signal(id, unix.SIGKILL)
			return
		}
		entry := wire.Entry{
			Bundle: l.Bundle, Attempt: l.Attempt, Lo: e.Lo, Hi: e.Hi, Outcome: e.Outcome, Form: e.Form,
			Started: e.Started, Finished: e.Finished, Worker: d.cfg.Hostname + "/" + d.name + "/" + id,
		}
		if i == len(ran.Entries)-1 {
			entry.Stdout, entry.Stderr = stdout, stderr
		}
		d.pool.Progress(id, e.Hi, time.Now())
		done.add(entry, columns[i], ran.Files[i])
		d.release(l, e.Hi-e.Lo)
	}
	d.zygote(w.Key).failures = 0
	if ran.Last {
		if w.Job.Lo < w.Job.Hi { // it forgot some: a bug there must not strand them
			d.host.Signal(id, unix.SIGKILL)
		} else {
			d.pool.Finish(id, time.Now())
		}
	}
	d.finish(done)
}

// fail ends tasks with an error of the platform.
func (d *desk) fail(l *wire.Lease, lo, hi int, code yonder.Code, message string) {
	var done finished
	for i := lo; i < hi; i++ {
		done.add(wire.Entry{
			Bundle: l.Bundle, Attempt: l.Attempt, Lo: i, Hi: i + 1, Outcome: wire.OutcomeFailed, Form: wire.FormEach,
			Finished: time.Now().UnixMicro(), Worker: d.cfg.Hostname + "/" + d.name,
		}, taskError(code, message), "")
	}
	d.release(l, hi-lo)
	d.finish(done)
}

// finish puts what ended into the outbox, which keeps it until the agent has it.
func (d *desk) finish(done finished) {
	if done.empty() {
		return
	}
	if err := d.outbox.add(done); err != nil {
		d.log.Error("could not keep a result", slog.Any("error", err))
	}
}

// workerGone takes note of the end of a process and of the tasks it had.
func (d *desk) workerGone(id string, end workers.End, why string) {
	w := d.pool.Worker(id)
	if w == nil {
		return
	}
	key, fresh, at := w.Key, w.State == yonder.WorkerForking, -1
	if end.Run == w.Run && end.Run != 0 {
		at = end.At
	}
	if why == "" {
		why = describe(end)
	}
	over, _ := d.pool.Exited(id, at, time.Now())
	if fresh && w.Why == pool.NotKilled {
		d.log.Warn("a worker ended before it came to work", slog.String("worker", id), slog.String("end", why))
		d.failed(key, yonder.CodeWorkerFailed, "workers end before they come to work: "+why)
		return
	}
	if over.Lost.Tasks() <= 0 {
		return
	}
	d.ended(over, why)
}

func (d *desk) ended(over pool.End, why string) {
	l := over.Job.Lease
	switch over.Why {
	case pool.OverWalltime:
		d.fail(l, over.Lost.Lo, over.Lost.Hi, yonder.CodeWalltimeExceeded,
			"the task ran longer than its walltime of "+strconv.FormatFloat(l.Walltime, 'g', -1, 64)+" s and was stopped")
	case pool.Cancelled:
		d.release(l, over.Lost.Tasks())
		d.finish(finished{cancelled: []wire.Span{over.Lost}})
	default:
		d.release(l, over.Lost.Tasks())
		d.finish(finished{lost: []wire.Loss{{Span: over.Lost, Started: true, Code: yonder.CodeWorkerFailed, Message: why}}})
	}
}

// stop cancels spans: what waits ends at once, what runs is ended.
func (d *desk) stop(spans []wire.Span, tell bool) {
	at := func(w *pool.Worker) int {
		if run, index := d.host.At(w.ID); run == w.Run {
			return index
		}
		return w.Job.Lo
	}
	for _, s := range spans {
		stopped, actions := d.pool.Stop(s, at, time.Now())
		stopped = append(stopped, d.unready(s)...)
		for _, part := range stopped {
			if l := d.leaseOf(part); l != nil {
				d.release(l, part.Tasks())
			}
		}
		if tell && len(stopped) > 0 {
			d.finish(finished{cancelled: stopped})
		} else {
			d.seen.remove(stopped)
		}
		d.act(actions)
	}
}

// hostname is what people call this node.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
