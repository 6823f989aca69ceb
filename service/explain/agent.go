package explain

import (
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// agent goes on where the store's knowledge ends: with what the agent says.
func (m *maker) agent(f Facts) {
	e := f.Endpoint.Endpoint
	if f.View == nil || f.View.Task == nil {
		m.addf(StepAgent, wire.StepWaiting, nil, nil, nil, "the agent did not say how the task is: %s", orElse(f.Silence, "it is not connected"))
		if f.Task.State == yonder.RangeStarted {
			m.addf(StepRunning, wire.StepNow, &f.Since, nil, nil, "a worker began it, by the agent's last report")
			m.concludef("wait for it; it goes on while the service and the agent do not hear of each other",
				"it runs at the endpoint %s for %s, by the agent's last report", e.Name, ago(m.now, f.Since))
		}
		m.concludef("wait; the agent reports when it is back",
			"the endpoint %s has it for %s, and did not answer how it is", e.Name, ago(m.now, f.Since))
		return
	}
	switch t := f.View.Task; t.State {
	case wire.AgentAccepting:
		m.addf(StepAgent, wire.StepNow, nil, nil, nil, "the agent is keeping it in its journal")
		m.concludef("wait a moment", "the agent is about to take it up")
	case wire.AgentWaiting:
		m.waiting(f)
	case wire.AgentDispatched:
		m.dispatched(f)
	case wire.AgentEnded:
		m.addf(StepAgent, wire.StepNow, nil, nil, nil, "it has ended; the agent is reporting that")
		m.concludef("wait a moment", "it has ended at the endpoint, and its result is on its way")
	default:
		m.addf(StepAgent, wire.StepWaiting, nil, nil, nil,
			"the agent does not hold the task: a report of its end may be on its way, or it was given up")
		m.concludef("wait a moment; what was given up is offered again",
			"its agent does not hold it any more; what became of it is about to be known")
	}
}

// waiting is a task that waits at the agent for a manager.
func (m *maker) waiting(f Facts) {
	v, t := f.View, f.View.Task
	m.addf(StepAgent, wire.StepWaiting, nil, nil, data{"waiting": t.Waiting, "python": t.Python},
		"waits at the agent for a manager with Python %s and room, with %s in all", orElse(t.Python, "any"), count(t.Waiting, "task"))
	m.blocks(v)
	connected, room, serving := 0, 0, 0
	for _, manager := range v.Managers {
		if manager.Lost != 0 || manager.Draining {
			continue
		}
		connected++
		if has(manager.Pythons, t.Python) {
			serving++
			room += max(manager.Slots-manager.Given, 0)
		}
	}
	switch {
	case v.Failures > 0 && connected == 0:
		m.concludef(`mend that; the agent tries again by itself, "yonder endpoint explain" follows it`,
			"it waits because the endpoint's last %s ended before a manager came up: %s", count(v.Failures, "block"), v.Failure)
	case connected == 0 && len(v.Blocks) == 0:
		m.concludef("wait a moment", "it waits for the endpoint to ask for a block")
	case connected == 0:
		last := v.Blocks[len(v.Blocks)-1]
		m.concludef("wait for the provider, or for the manager to start", "it waits because no manager is up: block %s is %s for %s%s",
			last.ID, last.State, ago(m.now, *moment(max(last.Since, 1))), after(": ", last.Reason))
	case serving == 0:
		m.concludef("install that Python on the nodes, or submit with another one",
			"it waits because no node of the endpoint has Python %s", t.Python)
	case v.Status.Trouble != "" && room > 0:
		m.concludef(`"yonder endpoint explain" says more`, "it waits at the endpoint, which says: %s", v.Status.Trouble)
	default:
		m.concludef("wait for a slot", "it waits for a slot: %d of %d are busy, and %s at the agent%s", v.Status.Busy, v.Status.Slots,
			verb(t.Waiting, "waits", "wait"), after("; besides, the endpoint says: ", v.Status.Trouble))
	}
}

func verb(n int, one, many string) string {
	if n == 1 {
		return "1 task " + one
	}
	return count(n, "task") + " " + many
}

func has(list []string, item string) bool {
	return item == "" || slices.Contains(list, item)
}

func (m *maker) blocks(v *wire.View) {
	for _, b := range v.Blocks {
		state := wire.StepNow
		if b.State == yonder.BlockRequested || b.State == yonder.BlockIntended {
			state = wire.StepWaiting
		}
		m.addf(StepBlocks, state, moment(b.Since), nil, data{"id": b.ID, "handle": b.Handle, "state": b.State},
			"block %s is %s%s", b.ID, b.State, after(": ", b.Reason))
	}
	if v.Failures > 0 {
		m.addf(StepBlocks, wire.StepFailed, moment(v.Failed), nil, data{"failures": v.Failures}, "%s ended in a row before a manager came up: %s",
			count(v.Failures, "block"), v.Failure)
	}
}

// dispatched is a task that a manager has.
func (m *maker) dispatched(f Facts) {
	t := f.View.Task
	m.addf(StepManager, wire.StepDone, nil, nil, data{"id": t.Manager, "host": t.Host, "block": t.Block},
		"given to manager %s on %s", t.Manager, orElse(t.Host, "a lost node"))
	if t.Detail == nil {
		m.addf(StepWorker, wire.StepWaiting, nil, nil, nil,
			"the manager did not say how the task is: %s", orElse(t.Silence, "it is of an older version"))
		m.concludef("wait; a manager that does not come back is given up, and the task runs elsewhere while attempts are left",
			"manager %s on %s has it, and did not say how it is", t.Manager, orElse(t.Host, "a lost node"))
		return
	}
	d := *t.Detail
	info := data{"worker": d.Worker, "pid": d.PID, "environment": d.Environment, "busy": d.Busy, "slots": d.Slots, "siblings": d.Siblings}
	switch d.State {
	case wire.ManagerFetching:
		m.addf(StepWorker, wire.StepWaiting, nil, nil, info, "the manager is fetching its function or a large argument")
		if d.Trouble != "" {
			m.concludef("make room there; it goes on by itself", "it waits on %s, where %s", t.Host, d.Trouble)
		}
		m.concludef("wait a moment", "its function or a large argument is on the way to %s", t.Host)
	case wire.ManagerQueued:
		m.addf(StepWorker, wire.StepWaiting, moment(d.Since), nil, info,
			"waits for a worker; %d of %d slots are busy, %s before it", d.Busy, d.Slots, verb(d.Ahead, "comes", "come"))
		if d.Trouble != "" {
			m.concludef("mend the node's Python", "it waits on %s, where %s", t.Host, d.Trouble)
		}
		m.concludef("wait for a slot", "it waits for a slot on %s: %d of %d are busy", t.Host, d.Busy, d.Slots)
	case wire.ManagerStarting:
		m.starting(t.Host, d, info)
	case wire.ManagerRunning:
		m.running(f, d, info)
	case wire.ManagerStopping:
		m.addf(StepRunning, wire.StepNow, moment(d.Since), nil, info, "worker %s was told to end", d.Worker)
		m.concludef("wait for the grace period to end", "its worker on %s was told to end", t.Host)
	default:
		m.addf(StepWorker, wire.StepNow, nil, nil, info, "it has ended there, or is about to arrive")
		m.concludef("wait a moment", "it has just ended on %s, or is on its way there", t.Host)
	}
}

func (m *maker) starting(host string, d wire.TaskView, info data) {
	m.addf(StepWorker, wire.StepNow, moment(d.Since), nil, info, "worker %s is being started with %s", d.Worker, d.Environment)
	if d.Trouble != "" {
		m.addf(StepWorker, wire.StepFailed, nil, nil, data{"failures": d.Failures}, "%s", d.Trouble)
		m.concludef("mend the node's Python; after three failures in a row the task fails with this text",
			"its worker on %s does not start: %s", host, d.Trouble)
	}
	m.concludef("wait a moment", "a worker is being started for it on %s, with %s", host, d.Environment)
}

func (m *maker) running(f Facts, d wire.TaskView, info data) {
	host := f.View.Task.Host
	m.addf(StepWorker, wire.StepDone, nil, nil, info, "worker %s, process %d, with %s", d.Worker, d.PID, d.Environment)
	since := moment(d.Since)
	m.addf(StepRunning, wire.StepNow, since, nil, data{"attempt": f.Task.Attempt, "walltime_s": f.Walltime.Seconds()},
		"attempt %d runs", f.Task.Attempt)
	spoke := "it has printed nothing"
	if printed := moment(d.Printed); printed != nil && d.Printed >= d.Since { // and not for an earlier task
		m.addf(StepOutput, wire.StepDone, printed, nil, nil, "its worker last printed something")
		spoke = "its worker last printed something " + ago(m.now, *printed) + " ago"
	}
	next := "wait for it, or cancel it"
	if f.Walltime > 0 {
		next = "wait for it; it is stopped after its walltime of " + f.Walltime.String()
	}
	m.concludef(next, "attempt %d runs on %s, process %d; %s", f.Task.Attempt, host, d.PID, spoke)
}
