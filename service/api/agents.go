package api

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/wire"
)

// agents registers what only endpoints' agents use.
func (a *API) agents() {
	const tag = "agents"
	scope := yonder.ScopeAgent
	a.raw(op{
		id: "fabric", method: http.MethodGet, path: "/v1/fabric", scope: scope, tag: tag,
		summary: "A WebSocket whose binary messages carry the fabric's protocol",
	}, func(o *huma.Operation) {
		gives(o, http.StatusSwitchingProtocols, "WebSocket", nil)
	}, socket(a.fabric))
	a.raw(op{
		id: "get-task-blob", method: http.MethodGet, path: "/v1/agent/tasks/{task}/blobs/{blob}", scope: scope, tag: tag,
		summary: "A payload of a task that the endpoint holds",
	}, func(o *huma.Operation) {
		inPath(o, "task", "blob")
		gives(o, http.StatusOK, "Bytes", map[string]*huma.MediaType{wire.TypeBytes: binaryMedia()})
	}, a.taskBlob)
	a.raw(op{
		id: "put-result-blob", method: http.MethodPut, path: "/v1/agent/tasks/{task}/result-blob", scope: scope, tag: tag,
		summary: "Upload a result that is too large to be reported inline",
	}, func(o *huma.Operation) {
		inPath(o, "task")
		inQuery(o, "attempt", huma.TypeInteger, "the attempt that made the result")
		takes(o, map[string]*huma.MediaType{wire.TypeBytes: binaryMedia()})
		gives(o, http.StatusCreated, "Stored", map[string]*huma.MediaType{"application/json": jsonMedia(a.schema(wire.Blob{}))})
	}, a.resultBlob)
	a.raw(op{
		id: "get-leased-function", method: http.MethodGet, path: "/v1/agent/functions/{hash}", scope: scope, tag: tag,
		summary: "The body of a function of a task that the endpoint holds",
	}, func(o *huma.Operation) {
		inPath(o, "hash")
		gives(o, http.StatusOK, "Body", map[string]*huma.MediaType{wire.TypeBytes: binaryMedia()})
	}, a.leasedFunction)
}

func (a *API) fabric(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	endpoint, err := p.Endpoint()
	if err != nil {
		return err
	}
	return a.Agent(w, r, endpoint, p.Token.ID)
}

// heldTask returns the task in the path and its current attempt, if the
// agent's endpoint holds it. Whether the task exists is not for others to know.
func (a *API) heldTask(r *http.Request, p auth.Principal) (task yonder.ID, attempt int, err error) {
	endpoint, err := p.Endpoint()
	if err != nil {
		return task, 0, err
	}
	if task, err = pathID(r, "task"); err != nil {
		return task, 0, err
	}
	attempt, held, err := a.Store.EndpointHolds(r.Context(), endpoint, task)
	if err == nil && !held || yonder.CodeOf(err) == yonder.CodeNotFound {
		err = yonder.Errorf(yonder.CodeNotFound, "this endpoint does not hold task %s", task)
	}
	return task, attempt, err
}

func (a *API) taskBlob(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	task, _, err := a.heldTask(r, p)
	if err != nil {
		return err
	}
	blob, err := pathID(r, "blob")
	if err != nil {
		return err
	}
	record, err := a.Store.TaskBlob(r.Context(), task, blob)
	if err != nil {
		return err
	}
	return a.sendBlob(w, r, record)
}

// resultBlob stores a result for the task's owner, who alone may read it.
func (a *API) resultBlob(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	task, current, err := a.heldTask(r, p)
	if err != nil {
		return err
	}
	attempt, err := strconv.Atoi(r.URL.Query().Get("attempt"))
	if err != nil {
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "attempt", "say which attempt made the result: ?attempt=1")
	}
	if attempt > current {
		return yonder.FieldErrorf(yonder.CodeConflict, "attempt", "task %s is in attempt %d, not in %d", task, current, attempt)
	}
	owner, err := a.Store.BundleOwner(r.Context(), task.Bundle())
	if err != nil {
		return err
	}
	return a.receiveBlob(w, r, owner, 0) // a result that exists is never refused
}

func (a *API) leasedFunction(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	endpoint, err := p.Endpoint()
	if err != nil {
		return err
	}
	body, err := a.Store.LeasedFunctionBody(r.Context(), endpoint, r.PathValue("hash"))
	if err != nil {
		return err
	}
	writeBytes(w, body)
	return nil
}
