package api

import (
	"context"
	"net/http"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Credential answers POST /v1/endpoints/{id}/credential.
type Credential struct {
	Credential string `json:"credential" doc:"token of the endpoint's agent; shown once"`
}

func (a *API) endpoints() {
	const tag = "endpoints"
	route(a, op{
		id: "register-endpoint", method: http.MethodPost, path: "/v1/endpoints", scope: yonder.ScopeEndpoints, tag: tag,
		summary: "Register an endpoint and get the credential of its agent", status: http.StatusCreated,
	}, a.registerEndpoint)
	route(a, op{
		id: "list-endpoints", method: http.MethodGet, path: "/v1/endpoints", scope: yonder.ScopeRead, tag: tag,
		summary: "List endpoints",
	}, a.listEndpoints)
	route(a, op{
		id: "get-endpoint", method: http.MethodGet, path: "/v1/endpoints/{id}", scope: yonder.ScopeRead, tag: tag,
		summary: "An endpoint with its live status",
	}, a.getEndpoint)
	route(a, op{
		id: "change-endpoint", method: http.MethodPatch, path: "/v1/endpoints/{id}", scope: yonder.ScopeEndpoints, tag: tag,
		summary: "Change description, sharing or allowed functions; absent fields stay",
	}, a.changeEndpoint)
	routeEmpty(a, op{
		id: "delete-endpoint", method: http.MethodDelete, path: "/v1/endpoints/{id}", scope: yonder.ScopeEndpoints, tag: tag,
		summary: "Delete an endpoint; its unfinished tasks fail",
	}, a.deleteEndpoint)
	route(a, op{
		id: "replace-credential", method: http.MethodPost, path: "/v1/endpoints/{id}/credential", scope: yonder.ScopeEndpoints, tag: tag,
		summary: "Replace the agent's credential; the old one stops working at once",
	}, a.replaceCredential)
}

// agentToken is the token of an endpoint's agent, which acts as the owner
// within one endpoint.
func (a *API) agentToken(secret auth.Secret, owner, endpoint yonder.ID) yonder.Token {
	return yonder.Token{
		ID: secret.ID, Identity: owner, Endpoint: &endpoint, Label: "agent",
		Scopes: []string{yonder.ScopeAgent}, Created: a.Now(),
	}
}

func (a *API) registerEndpoint(ctx context.Context, p auth.Principal, in *struct{ Body wire.RegisterEndpoint }) (wire.RegisteredEndpoint, error) {
	e := yonder.Endpoint{
		ID: yonder.NewID(), Name: in.Body.Name, Owner: p.ID(), OwnerName: p.Name, Description: in.Body.Description,
		Sharing: in.Body.Sharing, Functions: in.Body.Functions, Created: a.Now(),
	}
	if !in.Body.ID.IsZero() {
		e.ID = in.Body.ID
	}
	secret := auth.NewAgentSecret()
	err := a.Store.CreateEndpoint(ctx, e, a.agentToken(secret, p.ID(), e.ID), secret.Hash)
	if yonder.CodeOf(err) == yonder.CodeConflict && !in.Body.ID.IsZero() {
		e, err = a.registeredBefore(ctx, e, secret, err)
	}
	if err != nil {
		return wire.RegisteredEndpoint{}, err
	}
	return wire.RegisteredEndpoint{Endpoint: e, Credential: secret.Text}, nil
}

// registeredBefore answers a repeated request with a new credential, since the
// first is stored as a hash only. An endpoint whose agent was there is no
// repetition any more.
func (a *API) registeredBefore(ctx context.Context, wanted yonder.Endpoint, secret auth.Secret, conflict error) (yonder.Endpoint, error) {
	there, err := a.Store.Endpoint(ctx, wanted.ID)
	if yonder.CodeOf(err) == yonder.CodeNotFound {
		return wanted, conflict
	}
	if err != nil {
		return wanted, err
	}
	if there.Owner != wanted.Owner || there.Name != wanted.Name || there.Epoch > 0 || a.Now().Sub(there.Created) > repeatable {
		return wanted, yonder.FieldErrorf(yonder.CodeConflict, "id", "there is an endpoint %s already: make a new id", wanted.ID)
	}
	return there, a.Store.ReplaceAgentToken(ctx, a.agentToken(secret, there.Owner, there.ID), secret.Hash)
}

func (a *API) listEndpoints(ctx context.Context, p auth.Principal, in *struct {
	Paging

	Owner yonder.ID `query:"owner"`
	Name  string    `query:"name"`
},
) (wire.Page[yonder.Endpoint], error) {
	items, err := a.Store.ListEndpoints(ctx, store.EndpointFilter{
		Viewer: p.Viewer, Owner: in.Owner, Name: in.Name, Page: in.store(),
	})
	return pageOf(items, in.Limit, func(e yonder.Endpoint) yonder.ID { return e.ID }), err
}

func (a *API) getEndpoint(ctx context.Context, p auth.Principal, in *ByID) (yonder.Endpoint, error) {
	e, err := a.Store.Endpoint(ctx, in.ID)
	if err := visible(p, e, err, in.ID); err != nil {
		return yonder.Endpoint{}, err
	}
	return e, nil
}

// visible hides an endpoint that was looked up and that the viewer may not see.
func visible(p auth.Principal, e yonder.Endpoint, err error, id yonder.ID) error {
	if err == nil && !auth.MaySee(p.Viewer, e.Owner, e.Sharing) || yonder.CodeOf(err) == yonder.CodeNotFound {
		return auth.NotFound("endpoint", id)
	}
	return err
}

func (a *API) managedEndpoint(ctx context.Context, p auth.Principal, id yonder.ID) (yonder.Endpoint, error) {
	e, err := a.getEndpoint(ctx, p, &ByID{ID: id})
	if err == nil && !auth.MayManage(p.Viewer, e.Owner) {
		return e, yonder.Errorf(yonder.CodeForbidden, "only the owner of endpoint %q, %s, may do this", e.Name, e.OwnerName)
	}
	return e, err
}

func (a *API) changeEndpoint(ctx context.Context, p auth.Principal, in *struct {
	ByID

	Body wire.ChangeEndpoint
},
) (yonder.Endpoint, error) {
	if _, err := a.managedEndpoint(ctx, p, in.ID); err != nil {
		return yonder.Endpoint{}, err
	}
	return a.Store.ChangeEndpoint(ctx, in.ID, in.Body)
}

func (a *API) deleteEndpoint(ctx context.Context, p auth.Principal, in *ByID) error {
	if _, err := a.managedEndpoint(ctx, p, in.ID); err != nil {
		return err
	}
	woken, err := a.Store.DeleteEndpoint(ctx, in.ID)
	if err != nil {
		return err
	}
	a.Wake(woken)
	a.Dispatcher.Fence(ctx, in.ID, 0)
	a.Revoked(yonder.ID{}, in.ID)
	return nil
}

func (a *API) replaceCredential(ctx context.Context, p auth.Principal, in *ByID) (Credential, error) {
	e, err := a.managedEndpoint(ctx, p, in.ID)
	if err != nil {
		return Credential{}, err
	}
	secret := auth.NewAgentSecret()
	if err := a.Store.ReplaceAgentToken(ctx, a.agentToken(secret, e.Owner, e.ID), secret.Hash); err != nil {
		return Credential{}, err
	}
	a.Revoked(yonder.ID{}, in.ID)
	return Credential{Credential: secret.Text}, nil
}
