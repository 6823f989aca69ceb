package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Cancel cancels a task ("tasks") or all tasks of a bundle ("bundles"), a
// group ("groups") or an endpoint ("endpoints"): everybody's for the
// endpoint's owner, one's own for others.
func (c *Client) Cancel(ctx context.Context, what string, id yonder.ID) (wire.Cancelled, error) {
	return c.CancelBecause(ctx, what, id, "", nil)
}

// CancelBecause is Cancel with a reason, which stands in the tasks' records
// and errors. If there are very many it takes several requests, and progress,
// unless it is nil, is called with what was done so far. After an error what
// was done stays done; cancelling again is harmless.
func (c *Client) CancelBecause(
	ctx context.Context, what string, id yonder.ID, reason string, progress func(wire.Cancelled),
) (wire.Cancelled, error) {
	return c.cancelPages(ctx, "/v1/"+what+"/"+id.String()+"/cancel", reason, progress)
}

// CancelAll cancels all tasks of the token's identity, wherever they are.
func (c *Client) CancelAll(ctx context.Context, reason string, progress func(wire.Cancelled)) (wire.Cancelled, error) {
	return c.cancelPages(ctx, "/v1/tasks/cancel", reason, progress)
}

func (c *Client) cancelPages(ctx context.Context, path, reason string, progress func(wire.Cancelled)) (total wire.Cancelled, err error) {
	body := wire.Cancel{Reason: reason}
	for {
		some, err := fetch[wire.Cancelled](ctx, c, http.MethodPost, path, nil, body)
		if err != nil {
			return total, err
		}
		total = total.Add(some)
		if body.After = some.Next; body.After.IsZero() {
			return total, nil
		}
		if progress != nil {
			progress(total)
		}
	}
}

// PauseEndpoint gives the endpoint no more work: tasks for it are accepted and
// wait. What is on its nodes goes on.
func (c *Client) PauseEndpoint(ctx context.Context, id yonder.ID, reason string) (yonder.Endpoint, error) {
	return c.pause(ctx, id, "pause", wire.PauseEndpoint{Reason: reason})
}

// DrainEndpoint is PauseEndpoint, and the agent finishes what it has taken and
// lets its nodes go; with exit it ends after that.
func (c *Client) DrainEndpoint(ctx context.Context, id yonder.ID, reason string, exit bool) (yonder.Endpoint, error) {
	return c.pause(ctx, id, "drain", wire.PauseEndpoint{Reason: reason, Exit: exit})
}

// ResumeEndpoint gives the endpoint work again.
func (c *Client) ResumeEndpoint(ctx context.Context, id yonder.ID) (yonder.Endpoint, error) {
	return c.pause(ctx, id, "resume", wire.PauseEndpoint{})
}

func (c *Client) pause(ctx context.Context, id yonder.ID, verb string, body wire.PauseEndpoint) (yonder.Endpoint, error) {
	return fetch[yonder.Endpoint](ctx, c, http.MethodPost, "/v1/endpoints/"+url.PathEscape(id.String())+"/"+verb, nil, body)
}

// Explain says why a task ("tasks") or an endpoint ("endpoints") is where it
// is, and what can be done about it.
func (c *Client) Explain(ctx context.Context, what string, id yonder.ID) (wire.Explanation, error) {
	return fetch[wire.Explanation](ctx, c, http.MethodGet, "/v1/"+what+"/"+id.String()+"/explain", nil, nil)
}
