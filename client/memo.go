package client

import (
	"context"
	"net/http"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Memo returns what a function's memo holds, and how many calls it answered.
func (c *Client) Memo(ctx context.Context, function yonder.ID) (wire.MemoReport, error) {
	return fetch[wire.MemoReport](ctx, c, http.MethodGet, memoPath(function), nil, nil)
}

// SetMemo sets whose results are kept to answer whose equal calls:
// yonder.MemoPrivate, yonder.MemoShared or wire.MemoOff.
func (c *Client) SetMemo(ctx context.Context, function yonder.ID, scope string) (wire.MemoReport, error) {
	return fetch[wire.MemoReport](ctx, c, http.MethodPut, memoPath(function), nil, wire.SetMemo{Scope: scope})
}

// ForgetMemo lets go all kept results of a function: no call that is submitted
// from now on is answered with one of them.
func (c *Client) ForgetMemo(ctx context.Context, function yonder.ID) (wire.MemoReport, error) {
	return fetch[wire.MemoReport](ctx, c, http.MethodDelete, memoPath(function), nil, nil)
}

func memoPath(function yonder.ID) string { return "/v1/functions/" + function.String() + "/memo" }
