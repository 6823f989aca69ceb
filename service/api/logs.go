package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/auth"
	"github.com/yonder-run/yonder/service/live"
	"github.com/yonder-run/yonder/wire"
)

// eventTimeout bounds the writing of one event to the slowest reader.
const eventTimeout = time.Minute

// quiet is after how long without an event a comment keeps proxies content.
const quiet = 15 * time.Second

func (a *API) logs() {
	a.raw(op{
		id: "get-logs", method: http.MethodGet, path: "/v1/tasks/{id}/logs", scope: yonder.ScopeRead, tag: "tasks",
		summary: "What a task says: output, progress and a generator's values, now or, with follow, as server-sent events to its end",
	}, func(o *huma.Operation) {
		inPath(o, "id")
		inQuery(o, "follow", huma.TypeBoolean, "send events as they come, each with a place to go on from as its id")
		inQuery(o, "from", huma.TypeString, "that id; the header Last-Event-ID says the same")
		inQuery(o, "only", huma.TypeString, "some of output, progress, values, separated by commas; all by default")
		inQuery(o, "attempt", huma.TypeInteger, "of this attempt, which may have been lost and followed by another one; not with follow")
		gives(o, http.StatusOK, "What there is, or events", map[string]*huma.MediaType{
			"application/json": jsonMedia(a.schema(wire.TaskLogs{})), "text/event-stream": jsonMedia(a.schema(wire.TaskEvent{})),
		})
	}, a.taskLogs)
}

func (a *API) taskLogs(w http.ResponseWriter, r *http.Request, p auth.Principal) error {
	id, err := pathID(r, "id")
	if err != nil {
		return err
	}
	if _, err := a.readableTask(r.Context(), p, id); err != nil {
		return err
	}
	query := r.URL.Query()
	from, err := live.ParseMark(cmp.Or(r.Header.Get("Last-Event-ID"), query.Get("from")))
	if err != nil {
		return err
	}
	wants, err := wantsOf(query.Get("only"))
	if err != nil {
		return err
	}
	attempt, err := attemptOf(query)
	if err != nil {
		return err
	}
	switch follow := query.Get("follow"); {
	case follow == "true" && attempt > 0:
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "attempt", "only the attempt at hand can be followed: leave out attempt, or follow")
	case attempt > 0:
		return a.logsNow(w, id, func(tell live.Tell) error { return a.Live.Attempt(r.Context(), id, attempt, wants, tell) })
	case follow == "" || follow == "false":
		return a.logsNow(w, id, func(tell live.Tell) error { return a.Live.Now(r.Context(), id, from, wants, tell) })
	case follow == "true":
		return a.logsFollow(w, r, p, id, from, wants)
	default:
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "follow", "%q is neither true nor false", follow)
	}
}

// attemptOf is the number of the attempt that is asked for, 0 for the one at hand.
func attemptOf(query url.Values) (int, error) {
	text := query.Get("attempt")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, yonder.FieldErrorf(yonder.CodeInvalidRequest, "attempt", "%q is no number of an attempt: they are counted from 1", text)
	}
	return n, nil
}

func wantsOf(only string) (live.Wants, error) {
	if only == "" {
		return live.Wants{Output: true, Progress: true, Values: true}, nil
	}
	var wants live.Wants
	fields := map[string]*bool{"output": &wants.Output, "progress": &wants.Progress, "values": &wants.Values}
	for name := range strings.SplitSeq(only, ",") {
		field := fields[name]
		if field == nil {
			return wants, yonder.FieldErrorf(yonder.CodeInvalidRequest, "only", "%q is none of output, progress, values", name)
		}
		*field = true
	}
	return wants, nil
}

func (a *API) logsNow(w http.ResponseWriter, id yonder.ID, ask func(live.Tell) error) error {
	logs := wire.TaskLogs{Task: id, Events: []wire.TaskEvent{}}
	err := ask(func(e wire.TaskEvent, after wire.Mark) error {
		logs.Events, logs.Next = append(logs.Events, e), live.FormatMark(after)
		return nil
	})
	if err != nil {
		return err
	}
	a.answer(w, http.StatusOK, logs)
	return nil
}

func (a *API) logsFollow(w http.ResponseWriter, r *http.Request, p auth.Principal, id yonder.ID, from wire.Mark, wants live.Wants) error {
	ctx, still, leave, err := a.Streams.Hold(r.Context(), a.access(r.Context(), p))
	if err != nil {
		return err
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	out := eventWriter{out: w, control: http.NewResponseController(w)}
	if out.write([]byte(": task "+id.String()+"\n\n")) != nil {
		return nil
	}
	err = a.Live.Follow(ctx, id, from, wants, func(e wire.TaskEvent, after wire.Mark) error {
		if err := still(); err != nil {
			return err
		}
		return out.event(e, after)
	})
	if err != nil {
		a.Log.DebugContext(ctx, "following a task ended", "task", id, "reason", err)
	}
	return nil
}

// eventWriter writes server-sent events.
type eventWriter struct {
	out     http.ResponseWriter
	control *http.ResponseController
	last    time.Time
}

func (e *eventWriter) event(event wire.TaskEvent, after wire.Mark) error {
	if event.Event == "" { // nothing has come
		if time.Since(e.last) < quiet {
			return nil
		}
		return e.write([]byte(":\n\n"))
	}
	data, err := json.Marshal(event) // one line: JSON escapes line ends
	if err != nil {
		return fmt.Errorf("encoding an event: %w", err)
	}
	return e.write(fmt.Appendf(nil, "event: %s\nid: %s\ndata: %s\n\n", event.Event, live.FormatMark(after), data))
}

func (e *eventWriter) write(text []byte) error {
	e.last = time.Now()
	_ = e.control.SetWriteDeadline(e.last.Add(eventTimeout))
	if _, err := e.out.Write(text); err != nil { //nolint:gosec // JSON in events that no browser shows: see the type, and nosniff
		return fmt.Errorf("writing events: %w", err)
	}
	if err := e.control.Flush(); err != nil {
		return fmt.Errorf("flushing events: %w", err)
	}
	return nil
}
