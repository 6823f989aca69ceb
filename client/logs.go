package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/tmaxmax/go-sse"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// maxEvent bounds an event: a value of a generator in base64, and more.
const maxEvent = 1 << 20

// What can be left out of a task's events; see Logs.
const (
	OnlyOutput   = "output"
	OnlyProgress = "progress"
	OnlyValues   = "values"
)

// Logs returns what a task says at the moment, of what only names; all of it
// if that is empty.
func (c *Client) Logs(ctx context.Context, task yonder.ID, only string) (wire.TaskLogs, error) {
	return fetch[wire.TaskLogs](ctx, c, http.MethodGet, logsPath(task), url.Values{"only": {only}}, nil)
}

// AttemptLogs returns what the task wrote in an attempt, which may have been
// lost and followed by another one.
func (c *Client) AttemptLogs(ctx context.Context, task yonder.ID, attempt int) (wire.TaskLogs, error) {
	return fetch[wire.TaskLogs](ctx, c, http.MethodGet, logsPath(task), url.Values{"attempt": {strconv.Itoa(attempt)}}, nil)
}

func logsPath(task yonder.ID) string { return "/v1/tasks/" + task.String() + "/logs" }

// FollowLogs calls take for everything that a task says, in order, until its
// end was told, take or the service refuses, or the context ends. When the
// connection breaks it makes another one and goes on where it was.
func (c *Client) FollowLogs(ctx context.Context, task yonder.ID, only string, take func(wire.TaskEvent) error) error {
	f := logFollower{client: c, path: logsPath(task), query: url.Values{"follow": {"true"}, "only": {only}}, take: take}
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, f.once(ctx) },
		backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
			InitialInterval: 50 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 5 * time.Second,
		}))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Unwrap()
	}
	return err //nolint:wrapcheck // a *yonder.Error, the context's or the caller's
}

type logFollower struct {
	client *Client
	path   string
	query  url.Values
	take   func(wire.TaskEvent) error
}

// once reads one connection to its end. Only a break is worth another one.
func (f *logFollower) once(ctx context.Context) error {
	body, err := f.client.send(ctx, request{method: http.MethodGet, path: f.path, query: f.query, idempotent: true})
	if err != nil {
		if yonder.CodeOf(err) != yonder.CodeUnavailable || ctx.Err() != nil {
			return backoff.Permanent(err) //nolint:wrapcheck // taken off again by the caller
		}
		return err
	}
	defer body.Close()
	ended, err := f.read(body)
	switch {
	case ended && err == nil:
		return nil
	case ended:
		return backoff.Permanent(err) //nolint:wrapcheck // taken off again by the caller
	case ctx.Err() != nil:
		return backoff.Permanent(context.Cause(ctx)) //nolint:wrapcheck // taken off again by the caller
	}
	return yonder.Errorf(yonder.CodeUnavailable, "the stream of the task's output broke: %w", err)
}

// read says whether there is nothing more to read, by whoever's will.
func (f *logFollower) read(body io.Reader) (ended bool, err error) {
	for event, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: maxEvent}) {
		if err != nil {
			return false, err
		}
		var e wire.TaskEvent
		if err := json.Unmarshal([]byte(event.Data), &e); err != nil {
			return true, yonder.Errorf(yonder.CodeMalformedFrame, "reading the task's events: %w", err)
		}
		f.query.Set("from", event.LastEventID)
		if err := f.take(e); err != nil {
			return true, err
		}
		if e.Event == wire.EventEnd {
			return true, nil
		}
	}
	return false, io.ErrUnexpectedEOF
}
