package endpoint

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/endpoint/managers"
	"github.com/yonder-run/yonder/endpoint/router"
	"github.com/yonder-run/yonder/wire"
)

// Hello adopts a manager: what it has and what it was given are compared, and
// from then on it is given work.
func (d *desk) Hello(peer managers.Peer, hello wire.ManagerHello) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := &manager{
		id: hello.Manager, block: hello.Block, host: hello.Hostname, peer: peer, slots: hello.Slots,
		environments: d.environments(hello), looks: hello.Looks, unfit: d.broken(hello.Broken),
	}
	if old := d.managers[m.id]; old != nil {
		m.draining = old.draining
	}
	d.managers[m.id] = m
	drop, fx := d.ledger.Returned(m.id, hello.Holds)
	peer.Send(wire.KindManagerWelcome, wire.ManagerWelcome{
		Wire: min(wire.Version, hello.WireNewest), Epoch: d.epoch.Epoch,
		BeatEvery: d.cfg.Managers.Heartbeat.Seconds(), InlineBytes: ledger.LargePayload, Drop: drop,
	})
	d.log.Info("manager connected", slog.String("manager", m.id), slog.String("host", m.host),
		slog.String("block", m.block), slog.Int("slots", m.slots), slog.Int("holds", len(hello.Holds)))
	known := d.blocks.connected(d, m.block)
	if m.draining || d.draining || !known {
		d.drainManager(m, "its block is to end")
	} else {
		d.rejoin(m)
	}
	d.apply(fx)
	d.dispatch()
	d.scale.notify()
	d.stale.notify()
	return nil
}

// environments lists what a manager can run: the interpreters that it has, or
// those of the endpoint if it does not say, and what needs none.
func (d *desk) environments(hello wire.ManagerHello) []string {
	pythons := hello.Pythons
	if len(pythons) == 0 && len(hello.Kinds) == 0 {
		pythons = d.pythons
	}
	found := make([]string, 0, len(pythons)+1)
	for _, python := range pythons {
		found = append(found, router.Minor(python.Version))
	}
	if slices.Contains(hello.Kinds, yonder.KindShell) {
		found = append(found, router.Native)
	}
	return found
}

// Begun says that workers began.
func (d *desk) Begun(_ string, spans []wire.Span) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.apply(d.ledger.Begun(spans))
}

// Done journals what a manager finished. Large results must have come whole
// before; those that found no room are not among them.
func (d *desk) Done(id string, done wire.Done, columns [][]byte) error {
	for _, e := range done.Results {
		span := wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi}
		if e.Blob != nil && !d.spool.Has(span, e.Blob.Size) {
			return yonder.Errorf(yonder.CodeStorageFull, "a result of %d bytes of manager %s was not kept", e.Blob.Size, id)
		}
	}
	d.mu.Lock()
	d.heed(id, done.Lost)
	finished, columns := d.ledger.Sift(id, done, columns)
	d.mu.Unlock()
	if len(finished.Results)+len(finished.Lost)+len(finished.Cancelled) == 0 {
		return nil
	}
	record, err := d.write(recordDone, finished, columns...)
	if err != nil {
		d.locked(func() { d.storage(err) })
		return fmt.Errorf("keeping results of manager %s: %w", id, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.apply(d.ledger.Done(finished, payloadSizes(finished.Results, columns), record))
	return nil
}

// Beat notes how a manager is.
func (d *desk) Beat(id string, beat wire.Beat) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.managers[id]; m != nil {
		m.beat = beat
	}
}

// Gone takes a manager out of routing. Its tasks wait for it to come back.
func (d *desk) Gone(id string, cause error) {
	d.mu.Lock()
	defer refuse(d.tails.forsake(id), "manager "+id+", which runs it, is not connected") // when it is unlocked
	defer d.mu.Unlock()
	m := d.managers[id]
	if m == nil {
		return
	}
	m.peer, m.lost, m.beat = nil, d.now(), wire.Beat{}
	d.blocks.suspect = true
	d.router.Leave(id)
	d.log.Info("manager lost", slog.String("manager", id), slog.Any("cause", cause),
		slog.Int("tasks", d.ledger.Outstanding()[id]))
	d.scale.notify()
}

func (d *desk) drainManager(m *manager, reason string) {
	m.draining = true
	d.router.Leave(m.id)
	if m.peer != nil {
		m.peer.Send(wire.KindDrain, wire.Drain{Reason: reason})
	}
}

// untilGivenUp is how long the first of the lost managers may still take.
func (d *desk) untilGivenUp() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait := time.Hour
	for _, m := range d.managers {
		if m.peer == nil {
			wait = min(wait, m.lost.Add(d.cfg.Managers.Grace).Sub(d.now()))
		}
	}
	return max(wait, 0)
}

// giveUp ends the tasks of managers that do not come back: their block is
// over, or they have been away for longer than the grace period.
func (d *desk) giveUp(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	outstanding := d.ledger.Outstanding()
	for id, m := range d.managers {
		if m.peer != nil {
			continue
		}
		var why string
		switch reason, ended := d.blocks.ended(m.block); {
		case ended:
			why = "its block ended: " + reason
		case now.Sub(m.lost) >= d.cfg.Managers.Grace:
			why = fmt.Sprintf("it was not heard of for %s", now.Sub(m.lost).Round(time.Second))
		default:
			continue
		}
		delete(d.managers, id)
		if outstanding[id] > 0 {
			d.apply(d.ledger.Lost(id, fmt.Sprintf("manager %s on %s was lost: %s", id, m.host, why)))
		}
	}
}
