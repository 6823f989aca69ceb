package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Submit sends bundles with their payload columns; when it returns without an
// error all of them are durable. It is repeated until answered: a bundle's ID
// makes that harmless.
func (c *Client) Submit(ctx context.Context, bundles ...BundlePayloads) (wire.Submitted, error) {
	var body []byte
	for _, b := range bundles {
		frame, err := wire.NewFrame(wire.KindBundle, b.Bundle, b.Payloads...)
		if err != nil {
			return wire.Submitted{}, fmt.Errorf("encoding bundle: %w", err)
		}
		body = frame.Append(body)
	}
	return c.submit(ctx, body, wire.TypeFrames)
}

// BundlePayloads is a bundle with its columns, as its Form says.
type BundlePayloads struct {
	wire.Bundle
	Payloads [][]byte
}

// submitCalls has the service pack the calls.
func (c *Client) submitCalls(ctx context.Context, b wire.Bundle, calls []wire.Call) (wire.Submitted, error) {
	b.Tasks, b.Form, b.Codec = len(calls), wire.FormEach, "json"
	body, err := json.Marshal(wire.Submit{Bundle: b, Calls: calls})
	if err != nil {
		return wire.Submitted{}, yonder.Errorf(yonder.CodeUnserialisable, "arguments are not JSON: %w", err)
	}
	return c.submit(ctx, body, "application/json")
}

// Result waits up to wait for a task's result; without one the error has
// CodeNotFound and says what the task is doing.
func (c *Client) Result(ctx context.Context, task yonder.ID, wait time.Duration) (wire.Result, error) {
	query := url.Values{"wait": {wait.String()}}
	return fetch[wire.Result](ctx, c, http.MethodGet, "/v1/tasks/"+task.String()+"/result", query, nil)
}
