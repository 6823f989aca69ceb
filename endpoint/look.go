package endpoint

import (
	"cmp"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/endpoint/router"
	"github.com/yonder-run/yonder/wire"
)

const (
	// lookTime is how long a manager may take to say how a task is: less than
	// the service waits for the agent.
	lookTime = time.Second
	// maxLooks bounds questions that managers have not answered; more are
	// answered without them.
	maxLooks = 64
	// maxShown bounds the blocks and the managers of a view.
	maxShown = 200
)

// looking is what a manager was asked on the service's behalf.
type looking struct {
	manager string
	view    wire.View
	reply   func(wire.View)
	timeout *time.Timer
}

// Look answers how things are here, after asking the manager that has the task.
func (d *desk) Look(look wire.Look, reply func(wire.View)) {
	if view, answered := d.lookNow(look, reply); answered {
		reply(view)
	}
}

func (d *desk) lookNow(look wire.Look, reply func(wire.View)) (wire.View, bool) {
	capacity := d.capacity()
	d.mu.Lock()
	defer d.mu.Unlock()
	view := d.view()
	view.Capacity = capacity
	if look.Task == nil {
		return view, true
	}
	m := d.viewTask(&view, *look.Task, look.Attempt)
	switch {
	case m == nil:
		return view, true
	case m.peer == nil:
		view.Task.Silence = "the manager is not connected"
		return view, true
	case !m.looks || len(d.looks) >= maxLooks:
		return view, true
	}
	d.lastLook++
	id := d.lastLook
	d.looks[id] = &looking{
		manager: m.id, view: view, reply: reply, timeout: time.AfterFunc(lookTime, func() { d.answerLook(m.id, id, nil) }),
	}
	m.peer.Send(wire.KindLookTask, wire.LookTask{ID: id, Task: *look.Task, Attempt: look.Attempt})
	return view, false
}

// TaskView is a manager's answer.
func (d *desk) TaskView(manager string, view wire.TaskView) { d.answerLook(manager, view.ID, &view) }

func (d *desk) answerLook(manager string, id int64, detail *wire.TaskView) {
	d.mu.Lock()
	q := d.looks[id]
	if q == nil || q.manager != manager {
		d.mu.Unlock()
		return
	}
	delete(d.looks, id)
	d.mu.Unlock()
	q.timeout.Stop()
	if q.view.Task.Detail = detail; detail == nil {
		q.view.Task.Silence = "the manager did not answer within " + lookTime.String()
	}
	q.reply(q.view)
}

// view is the endpoint at this moment. The caller holds the lock.
func (d *desk) view() wire.View {
	view := wire.View{Status: d.statusNow(""), Pythons: d.pythons, MaxBlocks: d.cfg.Scaling.MaxBlocks}
	if f := d.blocks.failures; f.Count > 0 {
		view.Failures, view.Failure, view.Failed = f.Count, f.Reason, f.Last.UnixMicro()
	}
	for _, b := range d.blocks.all {
		view.Blocks = append(view.Blocks, wire.BlockView{
			ID: b.ID, Handle: string(b.Handle), State: b.State, Since: b.Since, Reason: b.said,
		})
	}
	for _, m := range d.managers {
		shown := wire.ManagerView{
			ID: m.id, Block: m.block, Host: m.host, Slots: m.slots,
			Busy: max(m.beat.Busy, min(m.slots, d.router.Given(m.id))), Given: d.router.Given(m.id),
			Pythons: m.environments, Draining: m.draining, Trouble: m.beat.Trouble,
		}
		if m.peer == nil {
			shown.Lost = m.lost.UnixMicro()
		}
		view.Managers = append(view.Managers, shown)
	}
	slices.SortFunc(view.Blocks, func(a, b wire.BlockView) int { return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.ID, b.ID)) })
	slices.SortFunc(view.Managers, func(a, b wire.ManagerView) int { return cmp.Compare(a.ID, b.ID) })
	view.Blocks = view.Blocks[:min(len(view.Blocks), maxShown)]
	view.Managers = view.Managers[:min(len(view.Managers), maxShown)]
	return view
}

// viewTask adds a task to the view, and returns the manager that has it.
func (d *desk) viewTask(view *wire.View, task yonder.ID, attempt int) *manager {
	seen := d.ledger.See(task.Bundle(), attempt, task.Index())
	t := &wire.AgentTask{State: wire.AgentUnknown, Cancel: seen.Cancel}
	view.Task = t
	switch seen.State {
	case ledger.Offered:
		t.State = wire.AgentAccepting
	case ledger.Accepted:
		t.State, t.Waiting = wire.AgentWaiting, d.ledger.Count(ledger.Accepted)
	case ledger.Dispatched, ledger.Started:
		t.State, t.Manager = wire.AgentDispatched, seen.Manager
	default:
		if seen.Ended {
			t.State = wire.AgentEnded
		}
		return nil
	}
	t.Python, _ = router.Choose(seen.Lease.Requires.Python, d.pythons) // none is said otherwise
	m := d.managers[t.Manager]
	if m != nil {
		t.Host, t.Block = m.host, m.block
	}
	return m
}
