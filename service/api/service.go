package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/version"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/wire"
)

// Whoami answers GET /v1/whoami.
type Whoami struct {
	Identity yonder.Identity `json:"identity"`
	Token    yonder.Token    `json:"token"`
}

// service registers what concerns the service itself.
func (a *API) service() {
	route(a, op{
		id: "version", method: http.MethodGet, path: "/v1/version", scope: noToken, tag: "service",
		summary: "Version, wire versions and limits",
	}, a.version)
	route(a, op{
		id: "whoami", method: http.MethodGet, path: "/v1/whoami", tag: "service",
		summary: "Whose token this is",
	}, a.whoami)
	a.raw(op{
		id: "healthz", method: http.MethodGet, path: "/healthz", scope: noToken, tag: "service",
		summary: "Whether the process lives",
	}, health, a.healthz)
	a.raw(op{
		id: "readyz", method: http.MethodGet, path: "/readyz", scope: noToken, tag: "service",
		summary: "Whether the service can do its work: store and fabric",
	}, health, a.readyz)
	figures := a.Metrics.Handler()
	a.raw(op{
		id: "metrics", method: http.MethodGet, path: "/metrics", scope: noToken, tag: "service",
		summary: "Figures for Prometheus",
	}, func(o *huma.Operation) {
		gives(o, http.StatusOK, "Figures", map[string]*huma.MediaType{"text/plain": {}})
	}, func(w http.ResponseWriter, r *http.Request, _ auth.Principal) error {
		figures.ServeHTTP(w, r)
		return nil
	})
}

func health(o *huma.Operation) {
	gives(o, http.StatusOK, "Well", map[string]*huma.MediaType{"application/json": {}})
}

func (a *API) version(context.Context, auth.Principal, *struct{}) (wire.VersionInfo, error) {
	return wire.VersionInfo{
		Version: version.Version, WireOldest: wire.Oldest, WireNewest: wire.Version, Limits: a.Limits.Limits,
	}, nil
}

func (a *API) whoami(ctx context.Context, p auth.Principal, _ *struct{}) (Whoami, error) {
	identity, err := a.Store.Identity(ctx, p.ID())
	return Whoami{Identity: identity, Token: p.Token}, err
}

func (a *API) healthz(w http.ResponseWriter, _ *http.Request, _ auth.Principal) error {
	a.answer(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

func (a *API) readyz(w http.ResponseWriter, r *http.Request, _ auth.Principal) error {
	if err := a.Ready(r.Context()); err != nil {
		return yonder.Errorf(yonder.CodeUnavailable, "the service is not ready: %w", err)
	}
	a.answer(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}
