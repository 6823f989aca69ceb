package api

import (
	"context"
	"net/http"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) limits() {
	const tag = "limits"
	route(a, op{
		id: "get-own-limits", method: http.MethodGet, path: "/v1/limits", scope: yonder.ScopeRead, tag: tag,
		summary: "Your limits, and what counts against them",
	}, func(ctx context.Context, p auth.Principal, _ *struct{}) (wire.LimitsOf, error) {
		return a.limitsOf(ctx, p.ID())
	})
	route(a, op{
		id: "get-identity-limits", method: http.MethodGet, path: "/v1/identities/{id}/limits", scope: yonder.ScopeAdmin, tag: tag,
		summary: "Limits of an identity, and what counts against them",
	}, a.identityLimits)
	route(a, op{
		id: "set-identity-limits", method: http.MethodPut, path: "/v1/identities/{id}/limits", scope: yonder.ScopeAdmin, tag: tag,
		summary: "Set limits of an identity; those that are 0 are as configured",
	}, a.setIdentityLimits)
	route(a, op{
		id: "get-endpoint-limits", method: http.MethodGet, path: "/v1/endpoints/{id}/limits", scope: yonder.ScopeRead, tag: tag,
		summary: "Limits of an endpoint, and what counts against them",
	}, a.endpointLimits)
	route(a, op{
		id: "set-endpoint-limits", method: http.MethodPut, path: "/v1/endpoints/{id}/limits", scope: yonder.ScopeEndpoints, tag: tag,
		summary: "Set limits of an endpoint; those that are 0 are as configured",
	}, a.setEndpointLimits)
	route(a, op{
		id: "get-storage", method: http.MethodGet, path: "/v1/storage", scope: yonder.ScopeAdmin, tag: tag,
		summary: "What the service takes of its disks",
	}, a.storage)
}

func (a *API) limitsOf(ctx context.Context, identity yonder.ID) (wire.LimitsOf, error) {
	set, err := a.Store.Limits(ctx, identity)
	if err != nil {
		return wire.LimitsOf{}, err
	}
	used, err := a.Store.Usage(ctx, identity)
	return wire.LimitsOf{Set: set, Effective: set.Or(a.Quota.Identity), Used: usedOf(used)}, err
}

func usedOf(u store.Usage) yonder.Allowance {
	return yonder.Allowance{
		QueuedTasks: u.QueuedTasks, QueuedBytes: u.QueuedBytes, RunningTasks: u.RunningTasks, Bundles: u.Bundles, BlobBytes: u.BlobBytes,
	}
}

func (a *API) identityLimits(ctx context.Context, _ auth.Principal, in *ByID) (wire.LimitsOf, error) {
	if _, err := a.Store.Identity(ctx, in.ID); err != nil {
		return wire.LimitsOf{}, err
	}
	return a.limitsOf(ctx, in.ID)
}

// ByIDWithLimits is the input of routes that set limits.
type ByIDWithLimits struct {
	ByID

	Body yonder.Allowance
}

func (a *API) setIdentityLimits(ctx context.Context, p auth.Principal, in *ByIDWithLimits) (wire.LimitsOf, error) {
	if _, err := a.Store.Identity(ctx, in.ID); err != nil {
		return wire.LimitsOf{}, err
	}
	holds := in.Body.Or(a.Quota.Identity)
	if err := a.Store.SetLimits(ctx, in.ID, in.Body, holds); err != nil {
		return wire.LimitsOf{}, err
	}
	a.Quota.Forget(in.ID)
	return a.identityLimits(ctx, p, &in.ByID)
}

func (a *API) endpointLimits(ctx context.Context, p auth.Principal, in *ByID) (wire.LimitsOf, error) {
	if _, err := a.getEndpoint(ctx, p, in); err != nil {
		return wire.LimitsOf{}, err
	}
	set, err := a.Store.Limits(ctx, in.ID)
	if err != nil {
		return wire.LimitsOf{}, err
	}
	used, err := a.Store.EndpointUsage(ctx, in.ID)
	return wire.LimitsOf{Set: set, Effective: set.Or(a.Quota.Endpoint), Used: usedOf(used)}, err
}

func (a *API) setEndpointLimits(ctx context.Context, p auth.Principal, in *ByIDWithLimits) (wire.LimitsOf, error) {
	e, err := a.managedEndpoint(ctx, p, in.ID)
	if err != nil {
		return wire.LimitsOf{}, err
	}
	if b := in.Body; b.Bundles != 0 || b.BlobBytes != 0 || b.Streams != 0 || b.Weight != 0 {
		return wire.LimitsOf{}, yonder.Errorf(yonder.CodeInvalidRequest,
			"endpoint %q can be given queued_tasks, queued_bytes and running_tasks; other limits are identities'", e.Name)
	}
	if over := a.overService(in.Body); over != nil && !p.Viewer.Admin {
		return wire.LimitsOf{}, over
	}
	if err := a.Store.SetLimits(ctx, in.ID, in.Body, yonder.Allowance{}); err != nil {
		return wire.LimitsOf{}, err
	}
	a.Quota.Forget(in.ID)
	return a.endpointLimits(ctx, p, &in.ByID)
}

// overService refuses limits by which an endpoint's owner would take more of
// the service than its operator gives.
func (a *API) overService(l yonder.Allowance) error {
	for field, over := range map[string]bool{
		yonder.LimitQueuedTasks: l.QueuedTasks > a.Quota.Endpoint.QueuedTasks,
		yonder.LimitQueuedBytes: l.QueuedBytes > a.Quota.Endpoint.QueuedBytes,
	} {
		if over {
			return yonder.FieldErrorf(yonder.CodeForbidden, field, "only an admin may set more than the service gives every endpoint")
		}
	}
	return nil
}

func (a *API) storage(ctx context.Context, _ auth.Principal, _ *struct{}) (wire.Storage, error) {
	size, err := a.Store.Size(ctx)
	if err != nil {
		return wire.Storage{}, err
	}
	blobs, err := a.Store.BlobBytes(ctx)
	return wire.Storage{Database: size.Bytes, DatabaseFree: size.Free, Blobs: blobs}, err
}
