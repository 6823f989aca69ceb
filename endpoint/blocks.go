package endpoint

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/endpoint/provider"
	"github.com/yonder-run/yonder/endpoint/scaler"
	"github.com/yonder-run/yonder/internal/breaker"
)

// blocks is the agent's books of its jobs at the provider. The desk's lock
// guards it.
type blocks struct {
	all      map[string]*block
	over     map[string]string // ended lately → why
	failures scaler.Failures
	starts   *breaker.Circuit
	fresh    bool
	trouble  string
	suspect  bool // a manager was lost since the provider was asked
	none     bool // managers come by themselves and name no block
}

type block struct {
	blockRecord

	record ledger.Record
	idle   time.Time
	said   string // by the provider, last
}

func newBlocks(policy breaker.Policy) blocks {
	return blocks{all: map[string]*block{}, over: map[string]string{}, fresh: true, starts: breaker.New(policy)}
}

// restore replays a record.
func (b *blocks) restore(r blockRecord, record ledger.Record) ledger.Effects {
	var fx ledger.Effects
	if old := b.all[r.ID]; old != nil {
		fx.Drop = append(fx.Drop, old.record)
	}
	b.all[r.ID] = &block{blockRecord: r, record: record, idle: time.Now()}
	return fx
}

// ended says whether a block is known to be over, and why.
func (b *blocks) ended(id string) (string, bool) {
	why, ended := b.over[id]
	return why, ended
}

// connected notes that a manager of the block did, and returns whether it may
// be given work.
func (b *blocks) connected(d *desk, id string) bool {
	bl := b.all[id]
	if bl == nil {
		return b.none && id == ""
	}
	b.failures = scaler.Failures{}
	b.starts.Succeed()
	if bl.State == yonder.BlockRequested {
		d.move(bl, yonder.EventManager)
		bl.idle = d.now()
	}
	// A manager may be faster than the answer to the request for its block.
	return bl.State == yonder.BlockRunning || bl.State == yonder.BlockIntended
}

// move changes a block's state and journals it.
func (d *desk) move(b *block, event yonder.Event) {
	next, err := yonder.BlockMachine.Next(b.State, event)
	if err != nil {
		d.log.Error("block in an impossible state", slog.String("block", b.ID), slog.Any("error", err))
		return
	}
	d.log.Info("block", slog.String("block", b.ID), slog.String("from", string(b.State)), slog.String("to", string(next)))
	b.State, b.Since = next, d.now().UnixMicro()
	if next == yonder.BlockEnded || next == yonder.BlockFailed {
		delete(d.blocks.all, b.ID)
		d.forget(ledger.Effects{Drop: notZero(b.record)})
		return
	}
	d.storage(d.saveBlock(b))
}

// saveBlock writes the block's record in place of the one before.
func (d *desk) saveBlock(b *block) error {
	record, err := d.write(recordBlock, b.blockRecord)
	if err != nil {
		return err
	}
	old := b.record
	b.record = record
	if old == 0 {
		return nil
	}
	return d.journal.Drop(uint64(old))
}

// provision looks after blocks until ctx ends: what became of them, whether
// more are needed, whether some are not.
type provision struct {
	*desk

	provider provider.Provider
	command  func(block string) []string
	every    time.Duration
	policy   scaler.Policy
}

func (p *provision) run(ctx context.Context) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(p.every)
	defer tick.Stop()
	for look := true; ; { // at first: blocks may have ended while no agent was here
		if look {
			if err := p.look(ctx); err != nil {
				p.log.Warn("the provider did not answer", slog.Any("error", err))
			}
		}
		p.giveUp(p.now())
		if err := p.decide(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			look = true
		case <-time.After(p.untilGivenUp()):
			look = false
		case <-p.scale:
			// Changes come in swarms; one look at all of them is enough.
			if !pause(ctx, min(p.every/20, swarm)) {
				return context.Cause(ctx)
			}
			look = p.suspect()
		}
	}
}

// swarm is how long changes are gathered before they are looked at.
const swarm = 100 * time.Millisecond

// suspect says, once, that a manager was lost: its block may have ended, and
// its tasks need not wait for the next look.
func (p *provision) suspect() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	lost := p.blocks.suspect
	p.blocks.suspect = false
	return lost
}

// pause waits, or returns false because ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// settle finds out about blocks that an earlier agent meant to submit and may
// have submitted.
func (p *provision) settle(ctx context.Context) error {
	for _, b := range p.inState(yonder.BlockIntended) {
		var handle provider.Handle
		found := false
		if finder, ok := p.provider.(provider.Finder); ok {
			var err error
			if handle, found, err = finder.Find(ctx, b.ID); err != nil {
				return fmt.Errorf("looking for block %s: %w", b.ID, err)
			}
		}
		p.locked(func() {
			if !found {
				p.move(b, yonder.EventFail)
				return
			}
			b.Handle = handle
			p.move(b, yonder.EventSubmit)
		})
	}
	return nil
}

func (p *provision) inState(states ...yonder.State) []*block {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []*block
	for _, b := range p.blocks.all {
		for _, s := range states {
			if b.State == s {
				found = append(found, b)
			}
		}
	}
	return found
}

// look asks the provider about all blocks at once.
func (p *provision) look(ctx context.Context) error {
	known := p.inState(yonder.BlockRequested, yonder.BlockRunning, yonder.BlockDraining)
	if len(known) == 0 {
		return nil
	}
	handles := make([]provider.Handle, 0, len(known))
	for _, b := range known {
		handles = append(handles, b.Handle)
	}
	all, err := p.provider.Status(ctx, handles)
	if err != nil {
		return fmt.Errorf("asking about blocks: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range known {
		status := all[b.Handle]
		b.said = status.Reason
		if status.State == provider.Ended {
			p.gone(b, status.Reason)
		}
	}
	return nil
}

// maxOver bounds how many ended blocks are remembered.
const maxOver = 1000

// gone books the end of a block.
func (p *provision) gone(b *block, reason string) {
	if len(p.blocks.over) >= maxOver {
		clear(p.blocks.over)
	}
	p.blocks.over[b.ID] = reason
	if b.State == yonder.BlockRequested {
		p.fail(b, fmt.Sprintf("%s; %s", reason, p.lastWords(b.ID)))
		return
	}
	p.move(b, yonder.EventEnd)
}

func (p *provision) fail(b *block, reason string) {
	f := &p.blocks.failures
	f.Count, f.Last, f.Reason = f.Count+1, p.now(), reason
	p.blocks.starts.Fail(f.Last, reason)
	p.log.Warn("a block ended before a manager connected", slog.String("block", b.ID), slog.String("reason", reason))
	p.move(b, yonder.EventFail)
}

// decide asks the scaler and does what it says. Its error ends the agent.
func (p *provision) decide(ctx context.Context) error {
	p.mu.Lock()
	input := p.input()
	decision := scaler.Decide(p.policy, input)
	p.blocks.trouble = decision.Trouble
	if p.draining || !p.listening || p.resting() && input.Tasks == 0 {
		decision.Start = 0
	}
	decision.Start = p.blocks.starts.Allows(p.now(), decision.Start)
	for _, id := range decision.Drain {
		p.drainBlock(p.blocks.all[id], "nothing has run on it for long")
	}
	p.forgive(p.now(), false)
	if decision.Start == 0 {
		p.failHopeless()
	}
	err := p.rest()
	p.mu.Unlock()
	for range decision.Start {
		if err := p.start(ctx); err != nil {
			p.log.Warn("could not start a block", slog.Any("error", err))
			break
		}
	}
	return err
}

func (p *provision) input() scaler.Input {
	now := p.now()
	in := scaler.Input{
		Now: now, Failures: p.blocks.failures, Broken: p.blocks.starts.Open(now), Fresh: p.blocks.fresh,
	}
	for s := ledger.Accepted; s <= ledger.Started; s++ {
		in.Tasks += p.ledger.Count(s)
	}
	busy := map[string]bool{}
	outstanding := p.ledger.Outstanding()
	for id, m := range p.managers {
		busy[m.block] = busy[m.block] || outstanding[id] > 0
	}
	for _, b := range p.blocks.all {
		if busy[b.ID] {
			b.idle = now
		}
		in.Blocks = append(in.Blocks, scaler.Block{
			ID: b.ID, State: b.State, Since: time.UnixMicro(b.Since), Busy: busy[b.ID], Idle: b.idle,
		})
	}
	return in
}

func (d *desk) drainBlock(b *block, reason string) {
	for _, m := range d.managers {
		if m.block == b.ID {
			d.drainManager(m, reason)
		}
	}
	d.move(b, yonder.EventDrain)
}

// start gets one more block: intent, request, handle, each journalled before
// the next, so that none is forgotten however the agent ends.
func (p *provision) start(ctx context.Context) error {
	b := &block{blockRecord: blockRecord{
		ID: yonder.NewID().String(), State: yonder.BlockIntended, Since: p.now().UnixMicro(),
	}, idle: p.now()}
	p.mu.Lock()
	p.blocks.fresh = false
	p.blocks.starts.Try(p.now())
	err := p.saveBlock(b)
	if err == nil {
		err = p.journal.Sync()
	}
	if err != nil {
		p.storage(err)
		p.mu.Unlock()
		return err
	}
	p.blocks.all[b.ID] = b
	p.mu.Unlock()
	handle, err := p.provider.Submit(ctx, provider.Spec{
		Block: b.ID, Command: p.command(b.ID), Dir: p.cfg.StateDir, Log: p.blockLog(b.ID),
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.fail(b, err.Error())
		return fmt.Errorf("asking for a block: %w", err)
	}
	b.Handle = handle
	p.move(b, yonder.EventSubmit)
	for _, m := range p.managers {
		if m.block == b.ID && b.State == yonder.BlockRequested {
			p.move(b, yonder.EventManager)
		}
	}
	return nil
}

// cancelAll ends every block, at the end of a shutdown.
func (p *provision) cancelAll(ctx context.Context) {
	for _, b := range p.inState(yonder.BlockRequested, yonder.BlockRunning, yonder.BlockDraining) {
		if err := p.provider.Cancel(ctx, b.Handle); err != nil {
			p.log.Warn("could not cancel a block", slog.String("block", b.ID), slog.Any("error", err))
		}
	}
}

// drainAll asks every manager to end when it has nothing left.
func (d *desk) drainAll(reason string) {
	for _, b := range d.blocks.all {
		if b.State == yonder.BlockRunning || b.State == yonder.BlockRequested {
			d.drainBlock(b, reason)
		}
	}
	for _, m := range d.managers {
		if !m.draining {
			d.drainManager(m, reason)
		}
	}
}
