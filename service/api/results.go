package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/results"
	"github.com/yonder-run/yonder/wire"
)

// maxWait bounds how long one request waits for a result: less than what
// proxies on the way allow.
const maxWait = 50 * time.Second

func (a *API) results() {
	const tag = "results"
	read := yonder.ScopeRead
	a.raw(op{
		id: "get-result", method: http.MethodGet, path: "/v1/tasks/{id}/result", scope: read, tag: tag, lasting: true,
		summary: "The result of a task, waiting for it at most as long as asked",
	}, func(o *huma.Operation) {
		inPath(o, "id")
		inQuery(o, "wait", huma.TypeString, "like 10s")
		gives(o, http.StatusOK, "Result", map[string]*huma.MediaType{"application/json": jsonMedia(a.schema(wire.Result{}))})
	}, a.taskResult)
	a.raw(op{
		id: "list-results", method: http.MethodGet, path: "/v1/groups/{id}/results", scope: read, tag: tag, lasting: true,
		summary: "Results of a group after a cursor, waiting for the first at most as long as asked",
	}, func(o *huma.Operation) {
		inPath(o, "id")
		inQuery(o, "cursor", huma.TypeInteger, "the last one seen; 0: from the start")
		inQuery(o, "limit", huma.TypeInteger, "most entries to return")
		inQuery(o, "wait", huma.TypeString, "like 10s")
		list := &huma.Schema{Type: huma.TypeArray, Items: a.schema(wire.Result{})}
		gives(o, http.StatusOK, "Results; the cursor of the last is where to go on from", map[string]*huma.MediaType{
			"application/json": jsonMedia(list), wire.TypeFrames: binaryMedia(),
		})
	}, a.groupResults)
	a.raw(op{
		id: "follow-group", method: http.MethodGet, path: "/v1/groups/{id}/events", scope: read, tag: tag, lasting: true,
		summary: "Results of a group as server-sent events named result, each with its cursor as id and a Result as data",
	}, func(o *huma.Operation) {
		inPath(o, "id")
		inQuery(o, "cursor", huma.TypeInteger, "the last one seen; the header Last-Event-ID says the same")
		gives(o, http.StatusOK, "Events", map[string]*huma.MediaType{"text/event-stream": jsonMedia(a.schema(wire.Result{}))})
	}, a.groupEvents)
	a.raw(op{
		id: "stream", method: http.MethodGet, path: "/v1/stream", scope: read, tag: tag, lasting: true,
		summary: "A WebSocket: the client sends Subscribe messages as text, the service result frames as binary",
	}, func(o *huma.Operation) {
		gives(o, http.StatusSwitchingProtocols, "WebSocket", map[string]*huma.MediaType{
			"application/json": jsonMedia(a.schema(wire.Subscribe{})), wire.TypeFrames: binaryMedia(),
		})
	}, socket(a.stream))
}

func (a *API) taskResult(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	task, err := a.readableTask(r.Context(), p, id)
	if err != nil {
		return err
	}
	entry, payload, err := a.Streams.Task(r.Context(), a.reader(r.Context(), p), task.Group, id, wait)
	if yonder.CodeOf(err) == yonder.CodeNotFound {
		return a.noResult(r.Context(), p, id)
	}
	if err != nil {
		return err
	}
	a.answer(w, http.StatusOK, results.JSON(id, entry, payload))
	return nil
}

// noResult says what the task is doing instead.
func (a *API) noResult(ctx context.Context, p auth.Principal, id yonder.ID) error {
	task, err := a.readableTask(ctx, p, id)
	if err != nil {
		return err
	}
	return yonder.Errorf(yonder.CodeNotFound, "task %s has no result yet: it is %s, in attempt %d", id, task.State, task.Attempt)
}

func (a *API) groupResults(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	id, cursor, err := a.followed(r, p)
	if err != nil {
		return err
	}
	wait, err := waitOf(r)
	if err != nil {
		return err
	}
	limit, err := intOf(r, "limit", a.Streams.PageEntries)
	if err != nil {
		return err
	}
	page, columns, err := a.Streams.Page(r.Context(), a.reader(r.Context(), p), id, cursor, max(int(limit), 1), wait)
	if err != nil {
		return err
	}
	page.Group, page.Cursor = id, max(page.Cursor, cursor)
	if !strings.Contains(r.Header.Get("Accept"), wire.TypeFrames) {
		a.answer(w, http.StatusOK, results.JSONPage(page, columns))
		return nil
	}
	frame, err := wire.NewFrame(wire.KindResult, page, columns...)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", wire.TypeFrames)
	_, _ = w.Write(frame.Bytes()) //nolint:gosec // bytes that no browser shows: see the type, and nosniff
	return nil
}

func (a *API) groupEvents(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	id, cursor, err := a.followed(r, p)
	if err != nil {
		return err
	}
	return a.Streams.Events(w, r, id, cursor, a.access(r.Context(), p))
}

func (a *API) stream(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	return a.Streams.Serve(w, r, a.access(r.Context(), p))
}

// reader is who reads, and how many streams they may have. If that cannot be
// told now, it is what the service gives to anybody.
func (a *API) reader(ctx context.Context, p auth.Principal) results.Who {
	limits, err := a.Quota.Of(ctx, p.ID())
	if err != nil {
		a.Log.WarnContext(ctx, "limits cannot be read", "identity", p.ID(), "error", err)
	}
	return results.Who{Identity: p.ID(), Streams: limits.Streams}
}

func (a *API) access(ctx context.Context, p auth.Principal) results.Access {
	return results.Access{
		Token: p.Token.ID, Who: a.reader(ctx, p),
		Still: func(ctx context.Context) error { return a.Auth.Recheck(ctx, p.Token.ID) },
		Group: func(ctx context.Context, group yonder.ID) error {
			_, err := a.readableGroup(ctx, p, group)
			return err
		},
	}
}

// followed reads which group is asked for, and from where.
func (a *API) followed(r *http.Request, p auth.Principal) (id yonder.ID, cursor int64, err error) {
	if id, err = pathID(r, "id"); err != nil {
		return id, 0, err
	}
	if cursor, err = cursorOf(r); err != nil {
		return id, 0, err
	}
	_, err = a.readableGroup(r.Context(), p, id)
	return id, cursor, err
}

func cursorOf(r *http.Request) (int64, error) {
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		cursor, err := strconv.ParseInt(last, 10, 64)
		if err == nil && cursor >= 0 {
			return cursor, nil
		}
	}
	return intOf(r, "cursor", 0)
}

func intOf(r *http.Request, name string, otherwise int) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return int64(otherwise), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, yonder.FieldErrorf(yonder.CodeInvalidRequest, name, "%q is not a whole number from 0 on", text)
	}
	return n, nil
}

// waitOf reads a duration like 10s, at most maxWait.
func waitOf(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("wait")
	if text == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 {
		return 0, yonder.FieldErrorf(yonder.CodeInvalidRequest, "wait", "%q is no time to wait: write it like 10s", text)
	}
	return min(wait, maxWait), nil
}
