package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/admit"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) groups() {
	const tag = "groups"
	route(a, op{
		id: "create-group", method: http.MethodPost, path: "/v1/groups", scope: yonder.ScopeSubmit, tag: tag,
		summary: "Make a task group; one also comes to be with the first bundle that names it", status: http.StatusCreated,
	}, a.createGroup)
	route(a, op{
		id: "list-groups", method: http.MethodGet, path: "/v1/groups", scope: yonder.ScopeRead, tag: tag,
		summary: "List your task groups",
	}, a.listGroups)
	route(a, op{
		id: "get-group", method: http.MethodGet, path: "/v1/groups/{id}", scope: yonder.ScopeRead, tag: tag,
		summary: "A task group with its counts",
	}, a.getGroup)
}

func (a *API) createGroup(ctx context.Context, p auth.Principal, in *struct{ Body wire.CreateGroup }) (yonder.Group, error) {
	if err := admit.TooLong(in.Body.Retention, a.Limits); err != nil {
		return yonder.Group{}, err
	}
	g := yonder.Group{
		ID: in.Body.ID, Label: in.Body.Label, Owner: p.ID(), Created: a.Now(),
		Retention: cmp.Or(in.Body.Retention, int64(a.Retention/time.Second)),
	}
	if g.ID.IsZero() {
		g.ID = yonder.NewID()
	}
	if err := a.Store.CreateGroup(ctx, g); err != nil {
		return yonder.Group{}, err
	}
	return a.Store.Group(ctx, g.ID)
}

func (a *API) listGroups(ctx context.Context, p auth.Principal, in *struct{ Paging }) (wire.Page[yonder.Group], error) {
	items, err := a.Store.ListGroups(ctx, p.ID(), in.store())
	return pageOf(items, in.Limit, func(g yonder.Group) yonder.ID { return g.ID }), err
}

func (a *API) getGroup(ctx context.Context, p auth.Principal, in *ByID) (yonder.Group, error) {
	return a.readableGroup(ctx, p, in.ID)
}

func (a *API) readableGroup(ctx context.Context, p auth.Principal, id yonder.ID) (yonder.Group, error) {
	g, err := a.Store.Group(ctx, id)
	if err == nil && !auth.MayRead(p.Viewer, g.Owner) || yonder.CodeOf(err) == yonder.CodeNotFound {
		return yonder.Group{}, auth.NotFound("group", id)
	}
	return g, err
}
