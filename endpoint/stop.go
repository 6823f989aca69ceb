package endpoint

import (
	"context"
	"log/slog"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/endpoint/managers"
	"github.com/yonder-run/yonder/wire"
)

// farewell is how long the last reports and the goodbye may take when the
// service is not there to hear them: nothing is lost by leaving without.
const farewell = 5 * time.Second

// Detach stops the agent for an upgrade or a restart: managers and what runs
// on them go on, and wait for the next agent.
func (a *Agent) Detach(ctx context.Context) error {
	if p := a.running(); p != nil {
		p.desk.locked(func() { p.desk.draining = true })
		ctx, cancel := context.WithTimeout(ctx, farewell)
		defer cancel()
		p.desk.waitReported(ctx)
		a.goodbye(ctx, p)
	}
	a.Stop()
	return a.Err()
}

// Shutdown ends the endpoint's work: nothing new is taken, what no manager
// has goes back to the service, what runs may finish within the grace period,
// and then managers and blocks end.
func (a *Agent) Shutdown(ctx context.Context) error {
	if p := a.running(); p != nil {
		p.desk.beginShutdown()
		a.awaitWork(ctx, p)
		p.provision.cancelAll(ctx)
		p.desk.abandon("the endpoint was shut down before the task ended")
		ctx, cancel := context.WithTimeout(ctx, farewell)
		defer cancel()
		p.desk.waitReported(ctx)
		p.server.Flush(ctx)
		a.goodbye(ctx, p)
	}
	a.Stop()
	return a.Err()
}

func (d *desk) beginShutdown() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.draining = true
	d.queue.Drain()
	clear(d.payloads)
	d.apply(d.ledger.Return(wire.Loss{
		Code: yonder.CodeUnavailable, Message: "the endpoint was shut down before the task began",
	}))
	d.drainAll("the endpoint is being shut down")
}

// awaitWork waits until managers have nothing left, or the grace period is
// over.
func (a *Agent) awaitWork(ctx context.Context, p *parts) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.DrainGrace)
	defer cancel()
	p.desk.wait(ctx, func() bool { return len(p.desk.ledger.Outstanding()) == 0 })
}

// abandon ends what managers still have.
func (d *desk) abandon(why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.ledger.Outstanding() {
		d.apply(d.ledger.Lost(id, why))
	}
}

// waitReported waits until the service has answered all that ended, and all
// that is being accepted.
func (d *desk) waitReported(ctx context.Context) {
	d.wait(ctx, func() bool { return d.ledger.Unanswered() == 0 && d.ledger.Count(ledger.Offered) == 0 })
}

// wait looks at the condition until it holds or ctx ends.
func (d *desk) wait(ctx context.Context, done func() bool) {
	for {
		holds := false
		d.locked(func() { holds = done() })
		if holds || !pause(ctx, 20*time.Millisecond) {
			return
		}
	}
}

func (a *Agent) goodbye(ctx context.Context, p *parts) {
	if epoch := p.server.Epoch(); epoch > 0 && p.link.Connected() {
		if err := p.link.Close(ctx, epoch); err != nil {
			a.opts.Logger.Info("left without a goodbye", slog.Any("error", err))
		}
	}
}

// yieldManagers is the last act of a fenced agent. If a newer agent has put
// its address where managers look, they are its business; else nobody will
// ever come for them, and they are asked to end.
func (a *Agent) yieldManagers(ctx context.Context, p *parts) {
	r, err := managers.ReadRendezvous(a.dir("rendezvous.json"))
	if err != nil || r.Epoch != p.server.Epoch() {
		return
	}
	p.desk.locked(func() { p.desk.drainAll("another agent took over the endpoint") })
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	p.server.Flush(ctx)
}
