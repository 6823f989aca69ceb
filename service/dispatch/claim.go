package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// claimBytes bounds what one claim takes out of the store at once.
const claimBytes = 4 << 20

// claims lets one goroutine at a time claim for an endpoint: others that come
// meanwhile make it look once more instead of working in parallel.
type claims struct {
	mu    sync.Mutex
	state map[yonder.ID]claimState
}

type claimState struct{ again bool }

func (c *claims) enter(endpoint yonder.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, busy := c.state[endpoint]; busy {
		c.state[endpoint] = claimState{again: true}
		return false
	}
	c.state[endpoint] = claimState{}
	return true
}

// leave says whether the endpoint is to be looked at once more.
func (c *claims) leave(endpoint yonder.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state[endpoint].again {
		c.state[endpoint] = claimState{}
		return true
	}
	delete(c.state, endpoint)
	return false
}

// Claim offers the endpoint what is queued for it, as far as its credit goes.
func (d *Dispatcher) Claim(ctx context.Context, endpoint yonder.ID) {
	if !d.claims.enter(endpoint) {
		return
	}
	left := false
	defer func() {
		if !left { // a panic must not keep others out
			d.claims.leave(endpoint)
			d.claims.leave(endpoint)
		}
	}()
	for !left {
		d.claimAll(ctx, endpoint)
		left = !d.claims.leave(endpoint)
	}
}

// claimAll reads before it claims: most often nothing is queued, and then
// submissions need not wait for a transaction that does nothing.
func (d *Dispatcher) claimAll(ctx context.Context, endpoint yonder.ID) {
	for ctx.Err() == nil {
		waits, err := d.Store.Waits(ctx, endpoint)
		if err == nil && !waits {
			return
		}
		var offered []store.Offered
		if err == nil {
			offered, err = d.Store.Claim(ctx, endpoint, claimBytes, d.Now())
		}
		if err != nil {
			if ctx.Err() == nil {
				d.Log.WarnContext(ctx, "cannot claim", "endpoint", endpoint, "error", err)
			}
			return
		}
		if len(offered) == 0 {
			return
		}
		d.offer(ctx, offered)
	}
}

// Bounds of one Resend.
const (
	unansweredAfter = 2 * time.Second
	resendEndpoints = 1000
)

// Resend repeats offers that no agent has answered, and claims what a hint
// that was lost has left in the queue. It is to be called about every second.
func (d *Dispatcher) Resend(ctx context.Context) error {
	before := d.Now().Add(-unansweredAfter)
	unsettled, err := d.Store.Unsettled(ctx, before, resendEndpoints)
	if err != nil {
		return err
	}
	for _, endpoint := range unsettled {
		offered, err := d.Store.Unanswered(ctx, endpoint, before, claimBytes)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil { // the others are not to wait for this one
			d.Log.WarnContext(ctx, "cannot offer again", "endpoint", endpoint, "error", err)
			continue
		}
		d.offer(ctx, offered)
	}
	claimable, err := d.Store.Claimable(ctx, resendEndpoints)
	if err != nil {
		return err
	}
	for _, endpoint := range claimable {
		d.Claim(ctx, endpoint)
	}
	return nil
}
