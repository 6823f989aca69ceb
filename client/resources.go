package client

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Whoami is who the token stands for.
type Whoami struct {
	Identity yonder.Identity `json:"identity"`
	Token    yonder.Token    `json:"token"`
}

// Version returns the service's version and limits; it needs no token.
func (c *Client) Version(ctx context.Context) (wire.VersionInfo, error) {
	return fetch[wire.VersionInfo](ctx, c, http.MethodGet, "/v1/version", nil, nil)
}

// Whoami returns the identity and the token in use.
func (c *Client) Whoami(ctx context.Context) (Whoami, error) {
	return fetch[Whoami](ctx, c, http.MethodGet, "/v1/whoami", nil, nil)
}

// List reads a page of a listing such as "functions", "endpoints", "tasks",
// "groups", "tokens" or "identities", with the filters of docs/protocol.md.
func List[T any](ctx context.Context, c *Client, what string, filters url.Values) (wire.Page[T], error) {
	return fetch[wire.Page[T]](ctx, c, http.MethodGet, "/v1/"+what, filters, nil)
}

// All reads every page of a listing.
func All[T any](ctx context.Context, c *Client, what string, filters url.Values) ([]T, error) {
	query := url.Values{}
	maps.Copy(query, filters)
	var items []T
	for {
		page, err := List[T](ctx, c, what, query)
		if err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.Next == "" {
			return items, nil
		}
		query.Set("after", page.Next)
	}
}

// RegisterFunction stores code; the same body under the same name is the same version.
func (c *Client) RegisterFunction(ctx context.Context, f wire.RegisterFunction) (yonder.Function, error) {
	return repeat[yonder.Function](ctx, c, "/v1/functions", f)
}

// Function returns a version of a function, 0 meaning the newest.
func (c *Client) Function(ctx context.Context, id yonder.ID, version int) (yonder.Function, error) {
	query := url.Values{}
	if version > 0 {
		query.Set("version", strconv.Itoa(version))
	}
	return fetch[yonder.Function](ctx, c, http.MethodGet, "/v1/functions/"+id.String(), query, nil)
}

// FunctionBody returns what a version's worker loads, 0 meaning the newest.
func (c *Client) FunctionBody(ctx context.Context, id yonder.ID, version int) ([]byte, error) {
	answer, err := c.send(ctx, request{
		method: http.MethodGet, path: "/v1/functions/" + id.String() + "/body", idempotent: true,
		query: url.Values{"version": {strconv.Itoa(version)}},
	})
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	body, err := io.ReadAll(answer)
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeUnavailable, "reading the function's body: %w", err)
	}
	return body, nil
}

// ShareFunction replaces who besides the owner may use the function.
func (c *Client) ShareFunction(ctx context.Context, id yonder.ID, s yonder.Sharing) error {
	return c.call(ctx, http.MethodPut, "/v1/functions/"+id.String()+"/sharing", nil, s, nil)
}

// Delete removes a resource such as ("functions", id).
func (c *Client) Delete(ctx context.Context, what string, id yonder.ID) error {
	return c.call(ctx, http.MethodDelete, "/v1/"+what+"/"+id.String(), nil, nil, nil)
}

// RegisterEndpoint returns the endpoint with its agent's credential. It is
// repeated until answered: the ID makes that harmless.
func (c *Client) RegisterEndpoint(ctx context.Context, e wire.RegisterEndpoint) (wire.RegisteredEndpoint, error) {
	if e.ID.IsZero() {
		e.ID = yonder.NewID()
	}
	return repeat[wire.RegisteredEndpoint](ctx, c, "/v1/endpoints", e)
}

// Endpoint returns an endpoint with its status.
func (c *Client) Endpoint(ctx context.Context, id yonder.ID) (yonder.Endpoint, error) {
	return fetch[yonder.Endpoint](ctx, c, http.MethodGet, "/v1/endpoints/"+id.String(), nil, nil)
}

// ChangeEndpoint changes what the change names.
func (c *Client) ChangeEndpoint(ctx context.Context, id yonder.ID, change wire.ChangeEndpoint) (yonder.Endpoint, error) {
	return fetch[yonder.Endpoint](ctx, c, http.MethodPatch, "/v1/endpoints/"+id.String(), nil, change)
}

// ReplaceCredential returns a new credential for the endpoint's agent; the
// old one stops working at once.
func (c *Client) ReplaceCredential(ctx context.Context, id yonder.ID) (string, error) {
	answer, err := fetch[map[string]string](ctx, c, http.MethodPost, "/v1/endpoints/"+id.String()+"/credential", nil, struct{}{})
	return answer["credential"], err
}

// CreateToken returns the token with its secret. It is repeated until
// answered: the ID makes that harmless.
func (c *Client) CreateToken(ctx context.Context, t wire.CreateToken) (yonder.Token, error) {
	if t.ID.IsZero() {
		t.ID = yonder.NewID()
	}
	return repeat[yonder.Token](ctx, c, "/v1/tokens", t)
}

// CreateIdentity makes a person, a service account or a group.
func (c *Client) CreateIdentity(ctx context.Context, i wire.CreateIdentity) (yonder.Identity, error) {
	return fetch[yonder.Identity](ctx, c, http.MethodPost, "/v1/identities", nil, i)
}

// Identity returns one identity; only admins may ask.
func (c *Client) Identity(ctx context.Context, id yonder.ID) (yonder.Identity, error) {
	return fetch[yonder.Identity](ctx, c, http.MethodGet, "/v1/identities/"+id.String(), nil, nil)
}

// SetMember adds an identity to a group, or takes it out.
func (c *Client) SetMember(ctx context.Context, group, member yonder.ID, in bool) error {
	method := http.MethodPut
	if !in {
		method = http.MethodDelete
	}
	return c.call(ctx, method, fmt.Sprintf("/v1/identities/%s/members/%s", group, member), nil, nil, nil)
}

// Task returns a task's record.
func (c *Client) Task(ctx context.Context, id yonder.ID) (yonder.Task, error) {
	return fetch[yonder.Task](ctx, c, http.MethodGet, "/v1/tasks/"+id.String(), nil, nil)
}

// Group returns a task group's record.
func (c *Client) Group(ctx context.Context, id yonder.ID) (yonder.Group, error) {
	return fetch[yonder.Group](ctx, c, http.MethodGet, "/v1/groups/"+id.String(), nil, nil)
}

// CreateGroup makes a task group ahead of its first bundle.
func (c *Client) CreateGroup(ctx context.Context, g wire.CreateGroup) (yonder.Group, error) {
	if g.ID.IsZero() {
		g.ID = yonder.NewID()
	}
	return repeat[yonder.Group](ctx, c, "/v1/groups", g)
}

// UploadBlob streams a body to the service.
func (c *Client) UploadBlob(ctx context.Context, body io.Reader) (wire.Blob, error) {
	return decode[wire.Blob](c.send(ctx, request{method: http.MethodPost, path: "/v1/blobs", stream: body, contentType: wire.TypeBytes}))
}

// DownloadBlob streams a blob back; the caller closes it.
func (c *Client) DownloadBlob(ctx context.Context, id yonder.ID) (io.ReadCloser, error) {
	return c.send(ctx, request{method: http.MethodGet, path: "/v1/blobs/" + id.String(), idempotent: true})
}

// Limits returns limits and what counts against them: of "identities" or
// "endpoints" with an id, or your own for a zero id.
func (c *Client) Limits(ctx context.Context, what string, id yonder.ID) (wire.LimitsOf, error) {
	return fetch[wire.LimitsOf](ctx, c, http.MethodGet, limitsPath(what, id), nil, nil)
}

// SetLimits replaces what is set for one of "identities" or "endpoints".
func (c *Client) SetLimits(ctx context.Context, what string, id yonder.ID, set yonder.Allowance) (wire.LimitsOf, error) {
	return fetch[wire.LimitsOf](ctx, c, http.MethodPut, limitsPath(what, id), nil, set)
}

func limitsPath(what string, id yonder.ID) string {
	if id.IsZero() {
		return "/v1/limits"
	}
	return "/v1/" + what + "/" + id.String() + "/limits"
}

// Storage says what the service takes of its disks.
func (c *Client) Storage(ctx context.Context) (wire.Storage, error) {
	return fetch[wire.Storage](ctx, c, http.MethodGet, "/v1/storage", nil, nil)
}
