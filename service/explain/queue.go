package explain

import (
	"fmt"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// endpoint says whether the task's endpoint is there; false if that ends the
// explanation.
func (m *maker) endpoint(f Facts) bool {
	e := f.Endpoint.Endpoint
	queued := f.Task.State == yonder.RangeQueued
	switch {
	case e.Name == "":
		m.addf(StepEndpoint, wire.StepFailed, nil, nil, nil, "the endpoint was deleted")
		m.concludef("submit it to another endpoint", "its endpoint was deleted")
		return false
	case e.LastSeen == nil:
		m.addf(StepEndpoint, wire.StepWaiting, nil, nil, data{"name": e.Name}, "the endpoint %s has never been online", e.Name)
		m.concludef(startIt(e), "it waits because the endpoint %s has never been online", e.Name)
	case !e.Online:
		m.addf(StepEndpoint, wire.StepWaiting, e.LastSeen, nil, data{"name": e.Name, "session": e.Session},
			"the endpoint %s is offline, last seen %s ago", e.Name, ago(m.now, *e.LastSeen))
		if queued {
			m.concludef(startIt(e), "it waits because the endpoint %s is offline, last seen %s ago", e.Name, ago(m.now, *e.LastSeen))
		} else {
			m.concludef(startIt(e), "its endpoint %s has it, and was not heard of for %s; what runs there goes on", e.Name, ago(m.now, *e.LastSeen))
		}
	case e.Paused != nil:
		m.pause(e, queued)
	default:
		m.addf(StepEndpoint, wire.StepDone, &f.Endpoint.Opened, nil, data{"name": e.Name, "queued": e.Queued, "outstanding": e.Outstanding},
			"the endpoint %s is online, with %s queued and %d given to its agent", e.Name, count(e.Queued, "task"), e.Outstanding)
	}
	return true
}

func (m *maker) pause(e yonder.Endpoint, queued bool) {
	p := e.Paused
	state := wire.StepDone
	if queued {
		state = wire.StepWaiting
		m.concludef(`wait, or ask its owner, who ends it with "yonder endpoint resume"`,
			"it waits because the endpoint %s is %s%s", e.Name, p.Word(), after(": ", p.Reason))
	}
	m.addf(StepEndpoint, state, &p.Since, nil, data{"name": e.Name, "paused": p},
		"the endpoint %s is %s by its owner%s", e.Name, p.Word(), after(": ", p.Reason))
}

func startIt(e yonder.Endpoint) string {
	return fmt.Sprintf(`start its agent where it is configured with "yonder endpoint start %s", or ask its owner`, e.Name)
}

func (m *maker) queue(f Facts) {
	ahead, e := f.Ahead, f.Endpoint
	d := data{"own": ahead.Own, "others": ahead.Others, "more": ahead.More, "capacity_tasks": e.Capacity.Tasks, "outstanding": e.Outstanding}
	first := before(ahead)
	if rest := f.Task.NotBefore; rest != nil {
		d["not_before"] = rest
		m.addf(StepQueue, wire.StepWaiting, &f.Since, nil, d, "queued; rests until %s after an attempt that was lost", rest.Format(time.RFC3339))
		m.concludef("wait, or submit it anew with a shorter retry backoff",
			"it rests after a lost attempt, as its retry policy says, and attempt %d may begin at %s", f.Task.Attempt, rest.Format(time.RFC3339))
		return
	}
	m.addf(StepQueue, wire.StepWaiting, &f.Since, nil, d, "queued; %s", first)
	trouble := ""
	if e.Status != nil {
		trouble = e.Status.Trouble
	}
	switch {
	case e.Capacity.Tasks == 0 && trouble != "":
		m.concludef(`"yonder endpoint explain" says more`, "it waits because the endpoint takes nothing now: %s", trouble)
	case e.Capacity.Tasks == 0:
		m.concludef("wait a moment; if its agent is ending, start it again where it is configured",
			"it waits for the endpoint's agent to say that it takes tasks: it was started or resumed just now, or is ending")
	case e.Outstanding >= e.Capacity.Tasks || e.Bytes >= e.Capacity.Bytes && e.Outstanding > 0:
		m.concludef("wait, or use an endpoint with more room", "it waits because the endpoint has all it takes at once, %s; of those queued, %s",
			count(e.Outstanding, "task"), first)
	case ahead.Own > 0 || ahead.More:
		m.concludef("wait, or raise its priority when you submit", "it waits because %s", first)
	case ahead.Others > 0:
		m.concludef("wait for its turn", "it waits because %s", first)
	default:
		m.concludef("wait a moment", "it is next and is about to be offered to the endpoint")
	}
}

// before says who comes first, without names. Owners have turns: only tasks of
// the same one are really before a task.
func before(a store.Ahead) string {
	first := "no other task of its owner comes first"
	switch {
	case a.More:
		first = fmt.Sprintf("more than %d tasks of its owner come first", a.Own)
	case a.Own == 1:
		first = "1 task of its owner comes first"
	case a.Own > 1:
		first = fmt.Sprintf("%d tasks of its owner come first", a.Own)
	}
	if a.Others > 0 {
		first += fmt.Sprintf("; %s of others wait too, and owners have turns", count(a.Others, "task"))
	}
	return first
}
