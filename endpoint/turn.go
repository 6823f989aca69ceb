package endpoint

import (
	"errors"
	"log/slog"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// errDrained ends an agent that was to end once it has nothing left.
var errDrained = errors.New("the endpoint is drained")

// Turn is the service's word whether to work: a hint, what a reconciliation
// brings, and what heartbeats repeat. Only a later word than the last counts.
func (d *desk) Turn(turn wire.Turn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.takeTurn(turn)
}

func (d *desk) takeTurn(turn wire.Turn) {
	if turn.Number <= d.turn.Number {
		return
	}
	resumed := d.turn.Paused != nil && turn.Paused == nil
	d.turn = turn
	if resumed {
		d.closeBreakers() // somebody has looked after it
	}
	if turn.Paused == nil {
		d.log.Info("the endpoint works")
	} else {
		d.log.Info("the endpoint takes nothing", slog.String("turn", turn.Paused.Word()),
			slog.String("reason", turn.Paused.Reason), slog.Time("since", turn.Paused.Since))
	}
	if d.paused() {
		d.giveBack(pausedBefore)
	}
	d.dispatch()
	d.scale.notify()
	d.stale.notify() // nothing is offered until the service hears of room
}

// resting says that nothing new is taken, paused that nothing waits here for
// a manager either.
func (d *desk) resting() bool { return d.turn.Paused != nil }
func (d *desk) paused() bool  { return d.resting() && !d.turn.Paused.Drain }

// Why tasks that no manager has go back.
const (
	pausedBefore = "the endpoint was paused before the task began"
	notOnDisk    = "the disk of the endpoint's agent did not take the task"
)

// giveBack returns what no manager has to the service, where it waits for the
// end of the trouble or the pause, or for being cancelled. No attempt is spent.
func (d *desk) giveBack(why string) {
	d.queue.Drain()
	clear(d.payloads)
	d.apply(d.ledger.Return(wire.Loss{Code: yonder.CodeUnavailable, Message: why}))
}

// rest lets a resting endpoint's nodes go, and says when an agent that was to
// end after that may. The caller holds the lock.
func (p *provision) rest() error {
	pause := p.turn.Paused
	if pause == nil || !pause.Drain || p.ledger.Held() > 0 {
		return nil
	}
	p.drainAll("the endpoint is being drained")
	for _, m := range p.managers {
		if m.peer != nil {
			return nil
		}
	}
	if !pause.Exit || len(p.blocks.all) > 0 {
		return nil
	}
	p.log.Warn("the agent ends because the endpoint was drained: resume the endpoint before starting it again")
	return errDrained
}
