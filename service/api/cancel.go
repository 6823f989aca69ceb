package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) cancels() {
	const tag = "tasks"
	for _, o := range []op{
		{id: "cancel-task", path: "/v1/tasks/{id}/cancel", summary: "Cancel a task"},
		{id: "cancel-bundle", path: "/v1/bundles/{id}/cancel", summary: "Cancel all tasks of a bundle"},
		{id: "cancel-group", path: "/v1/groups/{id}/cancel", summary: "Cancel all tasks of a group"},
		{
			id: "cancel-endpoint", path: "/v1/endpoints/{id}/cancel",
			summary: "Cancel all tasks on an endpoint of yours, or your own on another's",
		},
	} {
		find := map[string]finder{
			"cancel-task": a.taskToCancel, "cancel-bundle": a.bundleToCancel,
			"cancel-group": a.groupToCancel, "cancel-endpoint": a.endpointToCancel,
		}[o.id]
		o.method, o.scope, o.tag = http.MethodPost, yonder.ScopeSubmit, tag
		route(a, o, func(ctx context.Context, p auth.Principal, in *cancelByID) (wire.Cancelled, error) {
			c, err := find(ctx, p, in.ID)
			if err != nil {
				return wire.Cancelled{}, err
			}
			return a.cancel(ctx, c, in.Body)
		})
	}
	route(a, op{
		id: "cancel-all", method: http.MethodPost, path: "/v1/tasks/cancel", scope: yonder.ScopeSubmit, tag: tag,
		summary: "Cancel all your tasks, wherever they are",
	}, a.cancelAll)
}

type cancelByID struct {
	ByID

	Body *wire.Cancel
}

// finder says what a cancel of the thing covers, and how its tasks' records
// tell who did it.
type finder func(ctx context.Context, p auth.Principal, id yonder.ID) (store.Cancel, error)

func (a *API) taskToCancel(ctx context.Context, p auth.Principal, id yonder.ID) (store.Cancel, error) {
	t, err := a.readableTask(ctx, p, id)
	return store.Cancel{Task: id, Why: byWhom(p, t.Owner)}, err
}

func (a *API) bundleToCancel(ctx context.Context, p auth.Principal, id yonder.ID) (store.Cancel, error) {
	owner, err := a.Store.BundleOwner(ctx, id)
	if err == nil && !auth.MayRead(p.Viewer, owner) || yonder.CodeOf(err) == yonder.CodeNotFound {
		err = auth.NotFound("bundle", id)
	}
	return store.Cancel{Bundle: id, Why: byWhom(p, owner)}, err
}

func (a *API) groupToCancel(ctx context.Context, p auth.Principal, id yonder.ID) (store.Cancel, error) {
	g, err := a.readableGroup(ctx, p, id)
	return store.Cancel{Group: id, Why: byWhom(p, g.Owner)}, err
}

// endpointToCancel covers everybody's tasks for who manages the endpoint, and
// one's own for anybody else.
func (a *API) endpointToCancel(ctx context.Context, p auth.Principal, id yonder.ID) (store.Cancel, error) {
	e, err := a.getEndpoint(ctx, p, &ByID{ID: id})
	switch {
	case err != nil:
		return store.Cancel{}, err
	case p.ID() == e.Owner:
		return store.Cancel{Endpoint: id, Why: "the task was cancelled by the endpoint's owner, " + p.Name}, nil
	case auth.MayManage(p.Viewer, e.Owner):
		return store.Cancel{Endpoint: id, Why: "the task was cancelled by the admin " + p.Name}, nil
	}
	return store.Cancel{Endpoint: id, Owner: p.ID()}, nil
}

func (a *API) cancelAll(ctx context.Context, p auth.Principal, in *struct {
	Identity yonder.ID `query:"identity" doc:"whose tasks; only admins may name another"`
	Body     *wire.Cancel
},
) (wire.Cancelled, error) {
	owner := in.Identity
	if owner.IsZero() {
		owner = p.ID()
	}
	if !auth.MayManage(p.Viewer, owner) {
		return wire.Cancelled{}, yonder.FieldErrorf(yonder.CodeForbidden, "identity", "only admins may cancel the tasks of others")
	}
	return a.cancel(ctx, store.Cancel{Owner: owner, Why: byWhom(p, owner)}, in.Body)
}

func byWhom(p auth.Principal, owner yonder.ID) string {
	if p.ID() == owner {
		return ""
	}
	return "the task was cancelled by the admin " + p.Name
}

// cancelTime is after how long a cancel answers with what it has done so far:
// a sign of progress for the caller, and less than any proxy waits.
const cancelTime = 3 * time.Second

// cancel goes on in small transactions until there is no more, or the time is
// over. Agents and readers hear of each at once.
func (a *API) cancel(ctx context.Context, c store.Cancel, body *wire.Cancel) (total wire.Cancelled, err error) {
	if body != nil {
		c.After = body.After
		if reason := strings.Join(strings.Fields(body.Reason), " "); reason != "" {
			if c.Why == "" {
				c.Why = "the task was cancelled"
			}
			c.Why += ": " + reason
		}
	}
	end := a.Now().Add(cancelTime)
	for {
		some, err := a.Store.CancelTasks(ctx, c)
		if err != nil {
			return total, err
		}
		a.Dispatcher.StopTasks(ctx, some.Stops)
		a.Wake(some.Woken)
		total = total.Add(some.Cancelled)
		if c.After = some.Next; c.After.IsZero() || !a.Now().Before(end) {
			return total, nil
		}
	}
}
