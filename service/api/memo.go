package api

import (
	"context"
	"net/http"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/wire"
)

func (a *API) memos() {
	route(a, op{
		id: "get-memo", method: http.MethodGet, path: "/v1/functions/{id}/memo", scope: yonder.ScopeRead, tag: "functions",
		summary: "What a function's memo holds, and how many calls it has answered",
	}, a.getMemo)
	route(a, op{
		id: "set-memo", method: http.MethodPut, path: "/v1/functions/{id}/memo", scope: yonder.ScopeFunctions, tag: "functions",
		summary: "Keep results of a function to answer equal calls, or stop doing so",
	}, a.setMemo)
	route(a, op{
		id: "forget-memo", method: http.MethodDelete, path: "/v1/functions/{id}/memo", scope: yonder.ScopeFunctions, tag: "functions",
		summary: "Forget all results that were kept: no call from now on is answered with one of them",
	}, a.forgetMemo)
}

func (a *API) getMemo(ctx context.Context, p auth.Principal, in *ByID) (wire.MemoReport, error) {
	if _, err := a.visibleFunction(ctx, p, in.ID, 0); err != nil {
		return wire.MemoReport{}, err
	}
	return a.Store.Memo(ctx, in.ID)
}

func (a *API) setMemo(ctx context.Context, p auth.Principal, in *struct {
	ByID

	Body wire.SetMemo
},
) (wire.MemoReport, error) {
	if _, err := a.managedFunction(ctx, p, in.ID); err != nil {
		return wire.MemoReport{}, err
	}
	scope := in.Body.Scope
	if scope == wire.MemoOff {
		scope = ""
	}
	if err := a.Store.SetMemo(ctx, in.ID, scope); err != nil {
		return wire.MemoReport{}, err
	}
	return a.Store.Memo(ctx, in.ID)
}

func (a *API) forgetMemo(ctx context.Context, p auth.Principal, in *ByID) (wire.MemoReport, error) {
	if _, err := a.managedFunction(ctx, p, in.ID); err != nil {
		return wire.MemoReport{}, err
	}
	if err := a.Store.ForgetMemo(ctx, in.ID); err != nil {
		return wire.MemoReport{}, err
	}
	return a.Store.Memo(ctx, in.ID)
}
