package api

import (
	"context"
	"net/http"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/explain"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) explains() {
	route(a, op{
		id: "explain-task", method: http.MethodGet, path: "/v1/tasks/{id}/explain", scope: yonder.ScopeRead, tag: "tasks",
		summary: "Why a task is where it is: the whole chain, with times and causes, and what can be done",
	}, a.explainTask)
	route(a, op{
		id: "explain-endpoint", method: http.MethodGet, path: "/v1/endpoints/{id}/explain", scope: yonder.ScopeRead, tag: "endpoints",
		summary: "How an endpoint is, why it does or does not work, and what can be done",
	}, a.explainEndpoint)
}

// explainTask is for the task's owner and admins, and with less in it for the
// endpoint's owner, whose machine it keeps.
func (a *API) explainTask(ctx context.Context, p auth.Principal, in *ByID) (wire.Explanation, error) {
	facts, err := a.Store.ExplainTask(ctx, in.ID)
	reads := auth.MayRead(p.Viewer, facts.Task.Owner)
	if err == nil && !reads && p.ID() != facts.Endpoint.Owner || yonder.CodeOf(err) == yonder.CodeNotFound {
		return wire.Explanation{}, auth.NotFound("task", in.ID)
	}
	if err != nil {
		return wire.Explanation{}, err
	}
	f := explain.Facts{TaskFacts: facts, Now: a.Now(), Limited: !reads}
	if facts.Task.State == yonder.RangeAccepted || facts.Task.State == yonder.RangeStarted {
		f.View, f.Silence = a.look(ctx, facts.Endpoint.Endpoint, wire.Look{Task: &in.ID, Attempt: facts.Task.Attempt})
	}
	if state := facts.Task.State; reads && (state == yonder.TaskFailed || state == yonder.TaskCancelled) {
		f.Output = a.lastWords(ctx, in.ID)
	}
	return explain.Task(f), nil
}

// lastWords is what a task wrote that ended; nothing if its result has expired.
func (a *API) lastWords(ctx context.Context, task yonder.ID) wire.Output {
	r, _, err := a.Streams.Store.TaskResult(ctx, task)
	if err != nil || r.Hi-r.Lo > 1 {
		return wire.Output{}
	}
	return wire.Output{Stdout: r.Stdout, Stderr: r.Stderr}
}

// explainEndpoint is for whoever may use the endpoint; its owner learns more.
func (a *API) explainEndpoint(ctx context.Context, p auth.Principal, in *ByID) (wire.Explanation, error) {
	e, err := a.getEndpoint(ctx, p, in)
	if err != nil {
		return wire.Explanation{}, err
	}
	facts, err := a.Store.ExplainEndpoint(ctx, in.ID)
	if err != nil {
		return wire.Explanation{}, err
	}
	f := explain.EndpointFacts{EndpointFacts: facts, Now: a.Now(), Limited: !auth.MayManage(p.Viewer, e.Owner)}
	f.View, f.Silence = a.look(ctx, facts.Endpoint, wire.Look{})
	return explain.Endpoint(f), nil
}

// look asks an agent that is there; what keeps it from answering is said.
func (a *API) look(ctx context.Context, e yonder.Endpoint, question wire.Look) (*wire.View, string) {
	if e.LastSeen == nil || !e.Online {
		return nil, "it is not connected"
	}
	view, err := a.Dispatcher.Look(ctx, e.ID, question)
	if err != nil {
		return nil, yonder.Public(err).Message
	}
	return &view, ""
}
