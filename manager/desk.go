package manager

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/breaker"
	"github.com/yonder-run/yonder/manager/depot"
	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/manager/outbox"
	"github.com/yonder-run/yonder/manager/pool"
	"github.com/yonder-run/yonder/manager/ranges"
	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/wire"
)

const (
	// backlog is how many events may wait; whoever brings more waits.
	backlog = 256
	// retryEvery is how often what the agent could not give or take is tried
	// again, and how often an end by itself is considered.
	retryEvery = 5 * time.Second
	// farewell is how long a manager that ends waits, beyond the grace period,
	// for its agent to have taken what there is to tell.
	farewell = 5 * time.Second
)

// desk owns all state. Everything happens on its one goroutine; others hand it
// events. It never waits for anybody.
type desk struct {
	cfg      Config
	log      *slog.Logger
	name     string // of this manager
	hostname string
	host     Workers
	outbox   *outbox.Outbox
	events   chan func()
	over     chan struct{} // closed when nobody takes events any more
	beat     atomic.Pointer[wire.Beat]

	pool      *pool.Pool
	jobs      map[pool.JobID]*work
	works     map[*work]bool
	held      held
	bytes     int64 // of payloads of works
	functions *depot.Functions
	blobs     *depot.Blobs
	wanting   map[string][]*work // works by the hash of a function that is not here
	awaiting  map[yonder.ID][]*work
	noRoom    roomless
	places    map[pool.Key]workerproc.Place
	placeNo   int
	inline    int64
	trouble   string
	draining  bool
	closing   bool
	live      *live.Book
	tails     []tail    // questions about running tasks that wait for an answer
	looked    time.Time // when there was a look at them last
	alone     time.Time // since when there is no agent; zero: there is one
	retry     time.Time
}

func newDesk(cfg Config, blobs string) *desk {
	var id [6]byte
	_, _ = rand.Read(id[:]) // never fails
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "unknown"
	}
	d := &desk{
		cfg: cfg, log: cfg.Logger, name: "m-" + hex.EncodeToString(id[:]), hostname: hostname,
		outbox: outbox.New(), events: make(chan func(), backlog), over: make(chan struct{}),
		pool: pool.New(pool.Config{
			Slots: cfg.Slots, Grace: cfg.Grace, StartTimeout: cfg.StartTimeout, IdleAfter: cfg.WorkerIdle,
			Breaker: breaker.Policy{Failures: cfg.Failures, Probe: cfg.Probe},
		}),
		jobs: map[pool.JobID]*work{}, works: map[*work]bool{}, held: held{},
		functions: depot.NewFunctions(cfg.FunctionBytes), blobs: depot.NewBlobs(blobs, cfg.BlobBytes),
		wanting: map[string][]*work{}, awaiting: map[yonder.ID][]*work{}, noRoom: roomless{}, places: map[pool.Key]workerproc.Place{},
		inline: cfg.InlineBytes, alone: time.Now(),
		live: live.NewBook(live.Config{
			OutputBytes: cfg.LiveBytes, ValueBytes: cfg.LiveValueBytes, Kept: keptTasks, KeptFor: keptFor,
		}),
	}
	d.beat.Store(&wire.Beat{Free: cfg.Slots})
	return d
}

// do has f run on the desk's goroutine. It is dropped once the desk has ended.
func (d *desk) do(f func()) {
	select {
	case d.events <- f:
	case <-d.over:
	}
}

// query is do for what has an answer.
func query[T any](d *desk, f func() T) (answer T) {
	answered := make(chan struct{})
	d.do(func() {
		defer close(answered)
		answer = f()
	})
	select {
	case <-answered:
	case <-d.over:
	}
	return answer
}

// run handles events until the manager is told to end or ends by itself.
func (d *desk) run(ctx context.Context) error {
	timer := time.NewTimer(retryEvery)
	defer timer.Stop()
	for {
		if why := d.finished(); why != "" {
			d.log.Info("the manager ends", slog.String("reason", why))
			return d.close(context.WithoutCancel(ctx))
		}
		select {
		case <-ctx.Done():
			d.log.Info("the manager is told to end", slog.Any("cause", context.Cause(ctx)))
			return d.close(context.WithoutCancel(ctx))
		case f := <-d.events:
			f()
		case <-timer.C:
			d.tick()
		}
		timer.Reset(d.untilNext())
		d.note()
	}
}

// close ends all workers and gives the agent time to hear of it.
func (d *desk) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d.cfg.Grace+farewell, nil)
	defer cancel()
	d.closing = true
	d.closeWorks()
	d.act(d.pool.Close(time.Now()))
	timer := time.NewTimer(d.untilNext())
	defer timer.Stop()
	for d.pool.Workers() > 0 || d.alone.IsZero() && !d.outbox.Empty() {
		select {
		case <-ctx.Done():
			return nil
		case f := <-d.events:
			f()
		case <-timer.C:
			d.act(d.pool.Tick(time.Now()))
		}
		timer.Reset(d.untilNext())
	}
	return nil
}

// clear lets go of files.
func (d *desk) clear() {
	d.outbox.Close()
	d.blobs.Close()
}

// finished says why the manager is to end by itself, if it is.
func (d *desk) finished() string {
	idle := d.pool.Idle() && len(d.works) == 0 && d.outbox.Empty()
	if d.draining && idle {
		return "it is drained"
	}
	if d.alone.IsZero() {
		return ""
	}
	switch alone := time.Since(d.alone); {
	case idle && alone >= d.cfg.OrphanIdle:
		return "its agent is gone and there is nothing to do"
	case alone >= d.cfg.OrphanBusy:
		return "its agent has been gone for " + alone.Round(time.Second).String()
	}
	return ""
}

func (d *desk) tick() {
	now := time.Now()
	d.act(d.pool.Tick(now))
	if len(d.tails) > 0 && now.Sub(d.looked) >= lookEvery {
		d.answerTails(now)
	}
	if now.Before(d.retry) {
		return
	}
	d.retry = now.Add(retryEvery)
	if d.alone.IsZero() {
		d.outbox.Retry()
		d.needAgain()
	}
}

// untilNext is how long nothing is due.
func (d *desk) untilNext() time.Duration {
	wait := time.Until(d.retry)
	if !d.alone.IsZero() {
		wait = min(wait, max(d.cfg.OrphanIdle-time.Since(d.alone), time.Millisecond))
	}
	if len(d.tails) > 0 {
		wait = min(wait, time.Until(d.looked.Add(lookEvery)))
	}
	if next := d.pool.Next(); !next.IsZero() {
		wait = min(wait, time.Until(next))
	}
	return max(wait, 0)
}

// note leaves how the manager is where the link finds it.
func (d *desk) note() {
	beat := d.pool.Status()
	beat.Trouble = cmp.Or(d.pool.Trouble(), d.trouble, d.noRoom.trouble())
	if last := d.beat.Load(); *last != beat {
		d.beat.Store(&beat)
	}
}

// held knows which tasks are here, from their coming until the agent has their
// end: what comes twice runs once.
type held map[attempt]ranges.Set

// attempt names the bundle and attempt that task indexes belong to.
type attempt struct {
	bundle yonder.ID
	number int
}

func attemptOf(s wire.Span) attempt { return attempt{s.Bundle, s.Attempt} }

func (a attempt) span(r ranges.Range) wire.Span {
	return wire.Span{Bundle: a.bundle, Attempt: a.number, Lo: r.Lo, Hi: r.Hi}
}

func rangeOf(s wire.Span) ranges.Range { return ranges.Range{Lo: s.Lo, Hi: s.Hi} }

// add returns what was not here before.
func (h held) add(s wire.Span) ranges.Set {
	set := h[attemptOf(s)]
	fresh := set.Without(rangeOf(s))
	set.Add(rangeOf(s))
	h[attemptOf(s)] = set
	return fresh
}

func (h held) remove(spans []wire.Span) {
	for _, s := range spans {
		set := h[attemptOf(s)]
		set.Remove(rangeOf(s))
		if h[attemptOf(s)] = set; len(set) == 0 {
			delete(h, attemptOf(s))
		}
	}
}

// holdings lists all that is here, for the agent to compare.
func (d *desk) holdings() []wire.Holding {
	begun := held{}
	for _, h := range d.pool.Holdings() {
		if h.State == yonder.RangeStarted {
			begun.add(h.Span)
		}
	}
	for _, s := range d.outbox.Spans() {
		begun.add(s)
	}
	var all []wire.Holding
	for a, set := range d.held {
		started := begun[a]
		for _, r := range set {
			for _, part := range started.And(r) {
				all = append(all, wire.Holding{Span: a.span(part), State: yonder.RangeStarted})
			}
			for _, part := range started.Without(r) {
				all = append(all, wire.Holding{Span: a.span(part), State: yonder.RangeAccepted})
			}
		}
	}
	return all
}
