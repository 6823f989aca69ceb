package doctor

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// endpoint finds the place where a task would run, and whether it is heard of.
func endpoint(_ context.Context, x *examination) Finding {
	if x.unplaced != nil {
		return failure(x.unplaced)
	}
	f := x.heard()
	if f.Mark == Failed && x.spared {
		f.Mark, f.Code = Warning, ""
	}
	return f
}

// heard says whether the endpoint is heard of.
func (x *examination) heard() Finding {
	e := x.endpoint
	next := "start its agent on its machine: yonder endpoint start " + e.Name
	switch {
	case e.Online:
		return fine("%s of %s is online", e.Name, e.OwnerName)
	case e.LastSeen == nil:
		return failed(yonder.CodeUnavailable, next, "%s of %s has never been online", e.Name, e.OwnerName)
	}
	return failed(yonder.CodeUnavailable, next, "%s of %s is offline, last seen %s ago",
		e.Name, e.OwnerName, x.now().Sub(*e.LastSeen).Round(time.Second))
}

// agent looks at what the endpoint's agent says of itself, and at its disk if
// it is of this machine.
func agent(ctx context.Context, x *examination) Finding {
	if trouble := x.endpoint.Status; trouble != nil && trouble.Trouble != "" {
		return warning("what it says has to be mended where the endpoint is", "it has trouble: %s", trouble.Trouble)
	}
	state, dir, here := x.Agent(x.endpoint.ID)
	if !here {
		return fine("on another machine, with nothing to complain of")
	}
	if f := space(ctx, existing(dir)); f.Mark != Fine {
		return f
	}
	return fine("%s on this machine, with its state in %s", state, dir)
}

func interpreter(_ context.Context, x *examination) Finding {
	var can wire.Capabilities
	data, err := json.Marshal(x.endpoint.Capabilities)
	if err == nil {
		err = json.Unmarshal(data, &can)
	}
	if err != nil || x.endpoint.Capabilities == nil {
		return warning("", "the endpoint has not said which it has")
	}
	if len(can.Pythons) == 0 {
		return failed(yonder.CodeNoInterpreter, "install Python 3.9 or newer there, or name one with pythons in its endpoint.yaml",
			"the endpoint has no Python to run functions with")
	}
	var all []string
	fits := x.minor == ""
	for _, p := range can.Pythons {
		all = append(all, p.Version)
		fits = fits || strings.HasPrefix(p.Version, x.minor+".")
	}
	has := strings.Join(all, ", ")
	if !fits {
		return warning("functions travel as source and run all the same; what can only travel as bytecode needs "+x.minor+" there",
			"the endpoint has Python %s, and here is %s", has, x.minor)
	}
	return fine("the endpoint has Python %s", has)
}

// room looks at how much the endpoint has to do.
func room(_ context.Context, x *examination) Finding {
	e := x.endpoint
	if e.Status == nil || e.Status.Slots == 0 {
		return fine("no node runs yet: one is started when a task comes; tasks that wait: %d", e.Queued)
	}
	if free := e.Status.Slots - e.Status.Busy; free > 0 {
		return fine("%d of %d slots are free; tasks that wait: %d", free, e.Status.Slots, e.Queued)
	}
	return warning("a task waits for its turn", "none of %d slots is free; tasks that wait: %d", e.Status.Slots, e.Queued)
}
