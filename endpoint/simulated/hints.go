package simulated

import (
	"github.com/yonder-run/yonder/wire"
)

// maxIncoming bounds offers that wait for the ones before to be accepted. More
// are dropped: the service sends again what is not answered.
const maxIncoming = 4096

// hints is what the service says to an endpoint.
type hints struct{ e *Endpoint }

// Offer lets leases wait to be accepted.
func (h hints) Offer(offer wire.Offer, columns [][]byte) {
	e := h.e
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, lease := range offer.Leases {
		if lease.Columns < 0 || lease.Columns > len(columns) || lease.Form == wire.FormEach && lease.Columns != lease.Tasks() {
			e.log.Error("the service offered a lease that makes no sense", "lease", lease.Span)
			return
		}
		if offer.Epoch == e.epoch && len(e.incoming) < maxIncoming {
			e.incoming = append(e.incoming, offered{lease, columns[:lease.Columns]})
		}
		columns = columns[lease.Columns:]
	}
	notify(e.offers)
}

// Cancel comes too late: a task that was accepted has ended.
func (h hints) Cancel(wire.Spans) {}

// Fence ends the endpoint if its epoch is over.
func (h hints) Fence(fence wire.Fence) {
	e := h.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fence == nil || fence.Epoch == 0 || e.fence.Epoch != 0 && fence.Epoch > e.fence.Epoch {
		e.fence = &fence
	}
	e.checkFence()
}

// checkFence looks at the latest fence. One that comes before the session is
// open is most likely its own, for the session before. The caller holds the lock.
func (e *Endpoint) checkFence() {
	if e.epoch > 0 && e.fence != nil && (e.fence.Epoch == 0 || e.fence.Epoch > e.epoch) {
		notify(e.over)
	}
}

// Turn says whether the endpoint is to work.
func (h hints) Turn(turn wire.Turn) {
	e := h.e
	e.mu.Lock()
	defer e.mu.Unlock()
	if turn.Number > e.turn.Number {
		e.turn = turn
		notify(e.stale)
	}
}

// Tail asks about a task that has ended.
func (h hints) Tail(tail wire.Tail, answer func(told wire.Tailed, columns [][]byte)) {
	answer(wire.Tailed{Seq: tail.Seq, State: wire.TailUnknown, Next: tail.After}, nil)
}

// Look asks how the endpoint is.
func (h hints) Look(look wire.Look, reply func(wire.View)) {
	view := wire.View{Status: status(), Capacity: h.e.capacity()}
	if look.Task != nil {
		view.Task = &wire.AgentTask{State: wire.AgentUnknown}
	}
	reply(view)
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
