package api

import (
	"context"
	"net/http"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) identities() {
	const tag = "identities"
	route(a, op{
		id: "create-identity", method: http.MethodPost, path: "/v1/identities", scope: yonder.ScopeAdmin, tag: tag,
		summary: "Make a person, a service account or a group", status: http.StatusCreated,
	}, a.createIdentity)
	route(a, op{
		id: "list-identities", method: http.MethodGet, path: "/v1/identities", scope: yonder.ScopeAdmin, tag: tag,
		summary: "List identities",
	}, a.listIdentities)
	route(a, op{
		id: "get-identity", method: http.MethodGet, path: "/v1/identities/{id}", scope: yonder.ScopeAdmin, tag: tag,
		summary: "An identity; a group with its members",
	}, a.getIdentity)
	routeEmpty(a, op{
		id: "delete-identity", method: http.MethodDelete, path: "/v1/identities/{id}", scope: yonder.ScopeAdmin, tag: tag,
		summary: "Delete an identity and revoke its tokens",
	}, a.deleteIdentity)
	routeEmpty(a, op{
		id: "add-member", method: http.MethodPut, path: "/v1/identities/{id}/members/{member}", scope: yonder.ScopeAdmin, tag: tag,
		summary: "Add a member to a group",
	}, a.addMember)
	routeEmpty(a, op{
		id: "remove-member", method: http.MethodDelete, path: "/v1/identities/{id}/members/{member}", scope: yonder.ScopeAdmin, tag: tag,
		summary: "Remove a member from a group",
	}, a.removeMember)
}

func (a *API) createIdentity(ctx context.Context, _ auth.Principal, in *struct{ Body wire.CreateIdentity }) (yonder.Identity, error) {
	b := in.Body
	if b.Kind == yonder.IdentityGroup && b.Admin {
		return yonder.Identity{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "admin", "a group cannot be an admin: make its members admins")
	}
	if b.Kind != yonder.IdentityGroup && len(b.Members) > 0 {
		return yonder.Identity{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "members", "only a group has members")
	}
	identity := yonder.Identity{ID: yonder.NewID(), Name: b.Name, Kind: b.Kind, Admin: b.Admin, Members: b.Members, Created: a.Now()}
	return identity, a.Store.CreateIdentity(ctx, identity)
}

func (a *API) listIdentities(ctx context.Context, _ auth.Principal, in *struct {
	Paging

	Name string `query:"name" doc:"the one with this name"`
},
) (wire.Page[yonder.Identity], error) {
	if in.Name != "" {
		one, err := a.Store.IdentityByName(ctx, in.Name)
		if yonder.CodeOf(err) == yonder.CodeNotFound {
			return pageOf([]yonder.Identity{}, 0, nil), nil
		}
		return wire.Page[yonder.Identity]{Items: []yonder.Identity{one}}, err
	}
	items, err := a.Store.ListIdentities(ctx, in.store())
	return pageOf(items, in.Limit, func(i yonder.Identity) yonder.ID { return i.ID }), err
}

func (a *API) getIdentity(ctx context.Context, _ auth.Principal, in *ByID) (yonder.Identity, error) {
	return a.Store.Identity(ctx, in.ID)
}

func (a *API) deleteIdentity(ctx context.Context, p auth.Principal, in *ByID) error {
	if in.ID == p.ID() {
		return yonder.Errorf(yonder.CodeForbidden, "nobody can delete the identity they act as: let another admin do it")
	}
	tokens, err := a.Store.ListTokens(ctx, in.ID, store.Page{Limit: maxListing})
	if err != nil {
		return err
	}
	if err := a.Store.DeleteIdentity(ctx, in.ID); err != nil {
		return err
	}
	for _, token := range tokens {
		a.Revoked(token.ID, yonder.ID{})
	}
	return nil
}

type membership struct {
	ByID

	Member yonder.ID `path:"member"`
}

func (a *API) addMember(ctx context.Context, _ auth.Principal, in *membership) error {
	return a.Store.AddMember(ctx, in.ID, in.Member)
}

func (a *API) removeMember(ctx context.Context, _ auth.Principal, in *membership) error {
	return a.Store.RemoveMember(ctx, in.ID, in.Member)
}
