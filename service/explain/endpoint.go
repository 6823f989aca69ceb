package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Names of steps that only an endpoint's explanation has.
const (
	StepPythons = "pythons"
	StepSlots   = "slots"
	StepShare   = "share"   // of an owner in its tasks; as many as there are
	StepFailure = "failure" // an attempt that ended without a result here; the last ones
	StepSession = "session" // of its history; the last ones
)

// EndpointFacts are what is known about an endpoint at a moment.
type EndpointFacts struct {
	store.EndpointFacts

	Now     time.Time
	View    *wire.View
	Silence string
	// Limited leaves out what is for the endpoint's owner: whose tasks it has,
	// what they ended with, and its nodes.
	Limited bool
}

// Endpoint explains an endpoint.
func Endpoint(f EndpointFacts) wire.Explanation {
	m := &maker{now: f.Now}
	m.Explanation = wire.Explanation{Endpoint: f.ID, Asked: f.Now, Steps: []wire.Step{}}
	m.standing(f)
	m.load(f)
	if f.View != nil && !f.Limited {
		m.nodes(f.View)
	}
	if !f.Limited {
		m.history(f)
	}
	switch {
	case f.Status != nil && f.Status.Trouble != "" && f.Online:
		m.concludef("mend that; the agent goes on by itself", "it has trouble: %s", f.Status.Trouble)
	case f.Queued > 0 && f.Outstanding >= f.Capacity.Tasks:
		m.concludef("wait, or raise limits.tasks in its configuration",
			"it is online and has all it takes at once, %s; %d more wait", count(f.Outstanding, "task"), f.Queued)
	case f.Queued+f.Outstanding > 0:
		m.concludef("", "it is online and works: %d queued, %d given to its agent", f.Queued, f.Outstanding)
	}
	m.concludef("", "it is online and has nothing to do")
	return m.Explanation
}

func (m *maker) standing(f EndpointFacts) {
	e := f.Endpoint
	switch {
	case e.LastSeen == nil:
		m.addf(StepEndpoint, wire.StepWaiting, nil, nil, nil, "the endpoint %s has never been online", e.Name)
		m.concludef(startIt(e), "it has never been online")
	case !e.Online:
		m.addf(StepEndpoint, wire.StepWaiting, e.LastSeen, nil, data{"session": e.Session},
			"offline, last seen %s ago; its session is %s", ago(m.now, *e.LastSeen), e.Session)
		m.concludef(startIt(e), "it is offline, last seen %s ago", ago(m.now, *e.LastSeen))
	default:
		m.addf(StepEndpoint, wire.StepDone, &f.Opened, nil, data{"epoch": e.Epoch},
			"online, session %d, last heard %s ago", e.Epoch, ago(m.now, *e.LastSeen))
	}
	if p := e.Paused; p != nil {
		m.addf("paused", wire.StepWaiting, &p.Since, nil, data{"paused": p}, "%s by its owner%s", p.Word(), after(": ", p.Reason))
		m.concludef(fmt.Sprintf(`"yonder endpoint resume %s" lets it work again`, e.Name), "it is %s for %s%s; tasks for it are accepted and wait",
			p.Word(), ago(m.now, p.Since), after(": ", p.Reason))
	}
	if e.Online && f.Silence != "" {
		m.addf(StepAgent, wire.StepWaiting, nil, nil, nil, "the agent did not answer: %s; what follows is of its last heartbeat", f.Silence)
	}
}

// load is what the endpoint has to do.
func (m *maker) load(f EndpointFacts) {
	state := wire.StepDone
	if f.Queued > 0 {
		state = wire.StepWaiting
	}
	m.addf(StepQueue, state, nil, nil, data{"queued": f.Queued}, "%s queued in the service", count(f.Queued, "task"))
	m.addf(StepAccepted, wire.StepDone, nil, nil, data{"outstanding": f.Outstanding, "capacity_tasks": f.Capacity.Tasks},
		"%s given to the agent, which takes %d", count(f.Outstanding, "task"), f.Capacity.Tasks)
	if f.Status != nil {
		m.addf(StepSlots, wire.StepDone, nil, nil, data{"slots": f.Status.Slots, "busy": f.Status.Busy},
			"%d of %d slots are busy, on %s of %s", f.Status.Busy, f.Status.Slots,
			count(f.Status.Managers, "manager"), count(f.Status.Blocks, "block"))
	}
	if f.Limited {
		return
	}
	for _, s := range f.Shares {
		more := ""
		if f.More {
			more = " at least"
		}
		m.addf(StepShare, wire.StepDone, nil, nil, data{"owner": s.Owner, "queued": s.Queued, "given": s.Given},
			"%s has%s %d queued and %d given", orElse(s.Name, s.Owner.String()), more, s.Queued, s.Given)
	}
}

func (m *maker) nodes(v *wire.View) {
	var minors []string
	for _, python := range v.Pythons {
		minors = append(minors, python.Version)
	}
	state := wire.StepDone
	if len(minors) == 0 {
		state = wire.StepFailed
	}
	m.addf(StepPythons, state, nil, nil, data{"pythons": v.Pythons}, "interpreters: %s", orElse(strings.Join(minors, ", "), "none"))
	m.blocks(v)
	for _, manager := range v.Managers {
		state, text := wire.StepDone, fmt.Sprintf("%d of %d slots busy", manager.Busy, manager.Slots)
		switch {
		case manager.Lost != 0:
			state, text = wire.StepWaiting, "not connected for "+ago(m.now, *moment(manager.Lost))
		case manager.Draining:
			text += ", draining"
		}
		if manager.Trouble != "" {
			state = wire.StepFailed
		}
		m.addf(StepManager, state, moment(manager.Lost), nil, data{
			"id": manager.ID, "host": manager.Host, "block": manager.Block, "given": manager.Given,
		}, "manager %s on %s: %s%s", manager.ID, manager.Host, text, after("; ", manager.Trouble))
	}
	if v.Failures > 0 && len(v.Managers) == 0 {
		m.concludef("mend that; the agent tries again by itself, ever more slowly", "its last %s ended before a manager came up: %s",
			count(v.Failures, "block"), v.Failure)
	}
}

func (m *maker) history(f EndpointFacts) {
	for _, a := range f.Failures {
		m.addf(StepFailure, wire.StepFailed, &a.Since, &a.Ended, data{"code": a.Code, "place": a.Place},
			"an attempt %d ended without a result%s (%s)%s", a.Number, after(" on ", a.Place), a.Code, after(": ", a.Message))
	}
	for i, v := range f.Visits {
		state, end, text := wire.StepDone, v.Closed, "it was fenced or replaced by the next"
		switch {
		case v.Closed != nil:
			text = "it said goodbye"
		case i == 0 && v.Epoch == f.Epoch && f.Session != yonder.SessionClosed:
			state, text = wire.StepNow, "it is the newest"
		}
		opened := v.Opened
		m.addf(StepSession, state, &opened, end, data{"epoch": v.Epoch, "version": v.Version},
			"session %d of an agent on %s: %s", v.Epoch, orElse(v.Host, "an unknown host"), text)
	}
}
