package endpoint

import (
	"log/slog"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/bodies"
	"github.com/yonder-run/yonder/endpoint/journal"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/endpoint/managers"
	"github.com/yonder-run/yonder/endpoint/router"
	"github.com/yonder-run/yonder/internal/breaker"
	"github.com/yonder-run/yonder/wire"
)

// desk is where all that the agent knows comes together: events of the
// service, of managers and of blocks go through the ledger and the router, and
// what these ask for is done here. Decisions are made under one lock; what
// takes long (fsync, requests, providers) is done outside it, by the loops of
// the session and of the blocks.
type desk struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	journal *journal.Journal
	spool   *bodies.Spool
	pythons []wire.Interpreter

	offers signal // something came in
	report signal // something ended; for those who report small results
	large  signal // the same, for the one who reports large ones
	scale  signal // the number of blocks may be wrong now
	stale  signal // what the last heartbeat said
	ended  signal // nothing is held any more

	mu          sync.Mutex
	ledger      *ledger.Ledger
	router      *router.Router
	queue       router.Queue[wire.Lease]
	payloads    map[ledger.Record]*payload
	incoming    []offered
	managers    map[string]*manager
	tails       tails
	blocks      blocks
	epoch       epochRecord
	epochRecord ledger.Record
	listening   bool // managers find their way: blocks may be started
	opened      bool // the epoch is this session's, not the last one's
	live        bool // reconciled: work may be dispatched
	draining    bool // no new work
	turn        wire.Turn
	full        error
	room        noRoom
	fence       *wire.Fence
	fenced      signal
	looks       map[int64]*looking // that managers have not answered yet
	lastLook    int64
}

// manager is one that is connected, or that has tasks and may come back.
type manager struct {
	id, block string
	host      string
	peer      managers.Peer // nil while it is lost
	lost      time.Time
	slots     int
	beat      wire.Beat
	draining  bool
	looks     bool             // it answers LookTask
	unfit     map[string]unfit // environments that do not work there

	environments []string
}

// payload is what a lease's tasks need, in memory until all are dispatched.
type payload struct {
	columns [][]byte
	uses    int // entries of the queue
}

// signal wakes one loop; signals that come together wake it once.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) notify() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// noRoom is what became of the last piece of a large result that came.
type noRoom struct {
	err error
	at  time.Time
}

// roomFor is for how long that tells how things are: managers try again sooner.
const roomFor = time.Minute

// trouble is why large results are not kept, if they are not.
func (n noRoom) trouble(now time.Time) string {
	if yonder.CodeOf(n.err) != yonder.CodeStorageFull || now.Sub(n.at) > roomFor {
		return ""
	}
	return n.err.Error()
}

func newDesk(cfg Config, log *slog.Logger, j *journal.Journal, spool *bodies.Spool, pythons []wire.Interpreter) *desk {
	d := &desk{
		cfg: cfg, log: log, now: time.Now, journal: j, spool: spool, pythons: pythons,
		offers: newSignal(), report: newSignal(), large: newSignal(), scale: newSignal(), stale: newSignal(), fenced: newSignal(),
		ledger: ledger.New(), router: router.New(cfg.Managers.Prefetch),
		payloads: map[ledger.Record]*payload{}, managers: map[string]*manager{},
		blocks: newBlocks(breaker.Policy{Failures: cfg.Breaker.Failures, Probe: cfg.Breaker.Probe}),
		tails:  newTails(cfg.Limits.LiveBytes),
		looks:  map[int64]*looking{},
	}
	d.blocks.none = cfg.TakesStrangers()
	return d
}

// apply does what the ledger asks for. The caller holds the lock.
func (d *desk) apply(fx ledger.Effects) {
	for _, lease := range fx.Ready {
		d.enqueue(lease)
	}
	for id, tasks := range fx.Freed {
		d.router.Ended(d.now(), id, tasks)
	}
	for id, spans := range fx.Stop {
		if m := d.managers[id]; m != nil && m.peer != nil {
			m.peer.Send(wire.KindStop, wire.Spans{Epoch: d.epoch.Epoch, Spans: spans})
		}
	}
	d.forget(fx)
	if fx.Report {
		d.report.notify()
		d.large.notify()
	}
	if len(fx.Ready) > 0 || len(fx.Freed) > 0 {
		d.dispatch()
	}
	if d.ledger.Held() == 0 {
		d.ended.notify()
		d.scale.notify()
	}
}

// forget writes what must be noted, and then drops what is not needed. If the
// notes cannot be written, nothing is dropped: a restart would then report
// something twice, which the service ignores, and that is better than the
// other way round.
func (d *desk) forget(fx ledger.Effects) {
	drops := fx.Drop
	for _, note := range fx.Note {
		record, err := d.write(recordOver, note)
		if err != nil {
			d.storage(err)
			return
		}
		drops = append(drops, d.ledger.Noted(note.Lease, record).Drop...)
	}
	ids := make([]uint64, 0, len(drops))
	for _, record := range drops {
		ids = append(ids, uint64(record))
		delete(d.payloads, record)
	}
	if len(ids) > 0 {
		d.storage(d.journal.Drop(ids...))
	}
}

// storage remembers whether the journal takes what it is given: while it does
// not, nothing new is accepted.
func (d *desk) storage(err error) {
	if err != nil && (d.full == nil || d.full.Error() != err.Error()) {
		d.log.Error("the journal cannot be written", slog.Any("error", err))
	}
	d.full = err
}

// locked runs f under the lock.
func (d *desk) locked(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

// Cancel is a hint of the service, and what heartbeats repeat.
func (d *desk) Cancel(spans wire.Spans) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.apply(d.ledger.Cancel(spans.Spans))
}

// Fence ends the agent if the epoch is newer than its own, or the endpoint
// was deleted. A fence that comes before the session is open is most likely
// its own, meant for the session before: it is looked at again then.
func (d *desk) Fence(fence wire.Fence) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fence == nil || fence.Epoch == 0 || d.fence.Epoch != 0 && fence.Epoch > d.fence.Epoch {
		d.fence = &fence
	}
	d.checkFence()
}

func (d *desk) checkFence() {
	if d.opened && d.fence != nil && (d.fence.Epoch == 0 || d.fence.Epoch > d.epoch.Epoch) {
		d.live = false
		d.fenced.notify()
	}
}

func errFenced(fence wire.Fence) error {
	if fence.Epoch == 0 {
		return yonder.Errorf(yonder.CodeSessionFenced, "the endpoint was deleted at the service")
	}
	return yonder.Errorf(yonder.CodeSessionFenced,
		"another agent serves this endpoint since epoch %d: stop it before starting this one again", fence.Epoch)
}
