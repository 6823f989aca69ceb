package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) tokens() {
	const tag = "tokens"
	route(a, op{
		id: "create-token", method: http.MethodPost, path: "/v1/tokens", scope: yonder.ScopeTokens, tag: tag,
		summary: "Make a token; its secret is shown once", status: http.StatusCreated,
	}, a.createToken)
	route(a, op{
		id: "list-tokens", method: http.MethodGet, path: "/v1/tokens", scope: yonder.ScopeTokens, tag: tag,
		summary: "List tokens, without their secrets",
	}, a.listTokens)
	routeEmpty(a, op{
		id: "revoke-token", method: http.MethodDelete, path: "/v1/tokens/{id}", scope: yonder.ScopeTokens, tag: tag,
		summary: "Revoke a token; it stops working at once",
	}, a.revokeToken)
}

func (a *API) createToken(ctx context.Context, p auth.Principal, in *struct{ Body wire.CreateToken }) (yonder.Token, error) {
	to := p.ID()
	if in.Body.Identity != nil && !in.Body.Identity.IsZero() {
		to = *in.Body.Identity
	}
	if to != p.ID() && !p.Viewer.Admin {
		return yonder.Token{}, yonder.FieldErrorf(yonder.CodeForbidden, "identity", "only admins may make tokens for others")
	}
	identity, err := a.Store.Identity(ctx, to)
	if err != nil {
		return yonder.Token{}, err
	}
	if identity.Kind == yonder.IdentityGroup {
		return yonder.Token{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "identity",
			"%s is a group, and groups do not act: make a token for a member", identity.Name)
	}
	scopes, err := p.Grant(in.Body.Scopes, identity)
	if err != nil {
		return yonder.Token{}, err
	}
	secret := auth.NewSecret()
	if !in.Body.ID.IsZero() {
		secret = auth.NewSecretOf(in.Body.ID)
	}
	token := yonder.Token{ID: secret.ID, Identity: to, Label: in.Body.Label, Scopes: scopes, Created: a.Now()}
	if in.Body.Seconds > 0 {
		end := token.Created.Add(time.Duration(in.Body.Seconds) * time.Second)
		token.Expires = &end
	}
	if limit := p.Token.Expires; limit != nil && (token.Expires == nil || token.Expires.After(*limit)) {
		token.Expires = limit // who may act until then cannot give away more
	}
	err = a.Store.CreateToken(ctx, token, secret.Hash)
	if yonder.CodeOf(err) == yonder.CodeConflict && !in.Body.ID.IsZero() {
		token, err = a.renewToken(ctx, token, secret)
	}
	if err != nil {
		return yonder.Token{}, err
	}
	token.Secret = secret.Text
	return token, nil
}

// repeatable is for how long a request that gave out a secret may be repeated:
// its answer is lost then, or on its way.
const repeatable = 15 * time.Minute

// renewToken answers a repeated request with a new secret for the same token:
// the one of the first answer was stored as a hash only, and nobody has used it.
func (a *API) renewToken(ctx context.Context, wanted yonder.Token, secret auth.Secret) (yonder.Token, error) {
	record, err := a.Store.TokenRecord(ctx, wanted.ID)
	if err != nil {
		return yonder.Token{}, err
	}
	there := record.Token
	same := there.Identity == wanted.Identity && there.Label == wanted.Label && slices.Equal(there.Scopes, wanted.Scopes)
	if !same || there.Endpoint != nil || a.Now().Sub(there.Created) > repeatable {
		return yonder.Token{}, yonder.FieldErrorf(yonder.CodeConflict, "id", "there is a token %s already: make a new id", wanted.ID)
	}
	return there, a.Store.RenewToken(ctx, wanted.ID, secret.Hash)
}

func (a *API) listTokens(ctx context.Context, p auth.Principal, in *struct {
	Paging

	Identity yonder.ID `query:"identity" doc:"whose; only admins may name another"`
},
) (wire.Page[yonder.Token], error) {
	whose := in.Identity
	if whose.IsZero() {
		whose = p.ID()
	}
	if whose != p.ID() && !p.Viewer.Admin {
		return wire.Page[yonder.Token]{}, yonder.FieldErrorf(yonder.CodeForbidden, "identity", "only admins may list tokens of others")
	}
	items, err := a.Store.ListTokens(ctx, whose, in.store())
	return pageOf(items, in.Limit, func(t yonder.Token) yonder.ID { return t.ID }), err
}

func (a *API) revokeToken(ctx context.Context, p auth.Principal, in *ByID) error {
	record, err := a.Store.TokenRecord(ctx, in.ID)
	if err == nil && record.Token.Identity != p.ID() && !p.Viewer.Admin || yonder.CodeOf(err) == yonder.CodeNotFound {
		return auth.NotFound("token", in.ID)
	}
	if err != nil {
		return err
	}
	if err := a.Store.RevokeToken(ctx, in.ID, a.Now()); err != nil {
		return err
	}
	var endpoint yonder.ID
	if record.Token.Endpoint != nil {
		endpoint = *record.Token.Endpoint
	}
	a.Revoked(in.ID, endpoint)
	return nil
}
