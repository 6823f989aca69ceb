package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) pauses() {
	const tag = "endpoints"
	route(a, op{
		id: "pause-endpoint", method: http.MethodPost, path: "/v1/endpoints/{id}/pause", scope: yonder.ScopeEndpoints, tag: tag,
		summary: "Give an endpoint no more work; what is on its nodes goes on, the rest waits in the service",
	}, a.pauseEndpoint)
	route(a, op{
		id: "drain-endpoint", method: http.MethodPost, path: "/v1/endpoints/{id}/drain", scope: yonder.ScopeEndpoints, tag: tag,
		summary: "Give an endpoint no more work; its agent finishes what it has taken and lets its nodes go",
	}, a.drainEndpoint)
	route(a, op{
		id: "resume-endpoint", method: http.MethodPost, path: "/v1/endpoints/{id}/resume", scope: yonder.ScopeEndpoints, tag: tag,
		summary: "Give an endpoint work again",
	}, a.resumeEndpoint)
}

type pauseByID struct {
	ByID

	Body *wire.PauseEndpoint
}

func (a *API) pauseEndpoint(ctx context.Context, p auth.Principal, in *pauseByID) (yonder.Endpoint, error) {
	if in.Body != nil && in.Body.Exit {
		return yonder.Endpoint{}, yonder.FieldErrorf(yonder.CodeInvalidRequest, "exit", "an agent ends only after a drain: drain it instead")
	}
	return a.setPause(ctx, p, in, &yonder.Pause{})
}

func (a *API) drainEndpoint(ctx context.Context, p auth.Principal, in *pauseByID) (yonder.Endpoint, error) {
	return a.setPause(ctx, p, in, &yonder.Pause{Drain: true})
}

func (a *API) resumeEndpoint(ctx context.Context, p auth.Principal, in *pauseByID) (yonder.Endpoint, error) {
	return a.setPause(ctx, p, in, nil)
}

// setPause tells the agent at once what its next heartbeat would bring too.
func (a *API) setPause(ctx context.Context, p auth.Principal, in *pauseByID, pause *yonder.Pause) (yonder.Endpoint, error) {
	e, err := a.managedEndpoint(ctx, p, in.ID)
	if err != nil {
		return e, err
	}
	if pause != nil {
		pause.Since = a.Now()
		if in.Body != nil {
			pause.Exit, pause.Reason = in.Body.Exit, strings.Join(strings.Fields(in.Body.Reason), " ")
		}
	}
	turn, err := a.Store.PauseEndpoint(ctx, in.ID, pause, a.Now())
	if err != nil {
		return e, err
	}
	e.Paused = pause
	a.Dispatcher.Turn(ctx, in.ID, turn)
	return e, nil
}
