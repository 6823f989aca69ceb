package api

import (
	"context"
	"net/http"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) tasks() {
	const tag = "tasks"
	route(a, op{
		id: "list-tasks", method: http.MethodGet, path: "/v1/tasks", scope: yonder.ScopeRead, tag: tag,
		summary: "List your tasks, newest first",
	}, a.listTasks)
	route(a, op{
		id: "get-task", method: http.MethodGet, path: "/v1/tasks/{id}", scope: yonder.ScopeRead, tag: tag,
		summary: "A task and its state",
	}, a.getTask)
}

func (a *API) listTasks(ctx context.Context, p auth.Principal, in *struct {
	Paging

	Group    yonder.ID    `query:"group"`
	Endpoint yonder.ID    `query:"endpoint"`
	Function yonder.ID    `query:"function"`
	State    yonder.State `query:"state" enum:"queued,offered,accepted,started,succeeded,failed,cancelled"`
},
) (wire.Page[yonder.Task], error) {
	items, err := a.Store.ListTasks(ctx, store.TaskFilter{
		Owner: p.ID(), Group: in.Group, Endpoint: in.Endpoint, Function: in.Function, State: in.State, Page: in.store(),
	})
	return pageOf(items, in.Limit, func(t yonder.Task) yonder.ID { return t.ID }), err
}

func (a *API) getTask(ctx context.Context, p auth.Principal, in *ByID) (yonder.Task, error) {
	return a.readableTask(ctx, p, in.ID)
}

func (a *API) readableTask(ctx context.Context, p auth.Principal, id yonder.ID) (yonder.Task, error) {
	t, err := a.Store.Task(ctx, id)
	if err == nil && !auth.MayRead(p.Viewer, t.Owner) || yonder.CodeOf(err) == yonder.CodeNotFound {
		return yonder.Task{}, auth.NotFound("task", id)
	}
	return t, err
}
