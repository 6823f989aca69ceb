package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// packed is a payload of JSON.
func packed(text string) []byte { return append([]byte("Y1j\x00\x03\x0b\x00\x00"), text...) }

func TestValuesAndErrors(t *testing.T) {
	t.Parallel()
	ok := wire.Result{Outcome: wire.OutcomeOK, Payload: packed(`{"n": 12345678901234567890}`)}
	value, err := client.Value[struct{ N json.Number }](ok)
	require.NoError(t, err)
	require.Equal(t, json.Number("12345678901234567890"), value.N)
	_, err = client.Value[int](ok)
	require.Equal(t, yonder.CodeCodecMismatch, yonder.CodeOf(err))
	_, err = client.Value[int](wire.Result{Outcome: wire.OutcomeOK, Payload: []byte("Y1p\x00\x03\x0b\x00\x00x")})
	require.ErrorContains(t, err, "submit with JSON arguments")

	lost := wire.Result{Outcome: wire.OutcomeFailed, Error: &wire.TaskError{Code: yonder.CodeTaskLost, Message: "gone"}}
	_, err = client.Value[int](lost)
	require.Equal(t, yonder.CodeTaskLost, yonder.CodeOf(err))

	raised := wire.Result{
		Outcome: wire.OutcomeException, Payload: packed(`{"type":"ValueError","module":"builtins","message":"no","traceback":"line 1"}`),
		Error: &wire.TaskError{Code: yonder.CodeFunctionFailed, Message: "the function raised ValueError: no"},
	}
	_, err = client.Value[int](raised)
	require.Equal(t, yonder.CodeFunctionFailed, yonder.CodeOf(err))
	var e *client.RemoteError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "ValueError", e.Type)
	require.Equal(t, "line 1", e.Traceback)
}

// shelf takes bundles and blobs.
type shelf struct {
	mu      sync.Mutex
	bundles []wire.Bundle
	sizes   []int
	blobs   int
}

func (s *shelf) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.URL.Path == "/v1/version":
		answer(w, http.StatusOK, `{"limits":{"inline_bytes":100,"request_bytes":1000,"bundle_tasks":4}}`)
	case r.URL.Path == "/v1/blobs":
		s.blobs++
		answer(w, http.StatusOK, `{"id":"`+yonder.NewID().String()+`","size":1}`)
	case r.Header.Get("Content-Type") == "application/json":
		answer(w, http.StatusRequestEntityTooLarge, `{"code":"too_large","message":"one is over 100","field":"payloads"}`)
	default:
		frames, _ := wire.ParseAll(body)
		var b wire.Bundle
		_ = frames[0].Decode(wire.KindBundle, &b)
		s.bundles, s.sizes = append(s.bundles, b), append(s.sizes, len(body))
		answer(w, http.StatusAccepted, `{"bundles":[{"id":"`+b.ID.String()+`"}]}`)
	}
}

func TestManyCallsTravelInBundlesThatFit(t *testing.T) {
	t.Parallel()
	s := &shelf{}
	c := serve(t, s.serve)
	var calls []wire.Call
	for i := range 9 {
		calls = append(calls, client.Args(i, strings.Repeat("x", 20*i))) // the last ones are too large for their bundle
	}
	first := yonder.NewBundleID()
	tasks, err := c.RunAll(t.Context(), wire.Bundle{ID: first, Function: yonder.NewID(), Endpoint: yonder.NewID()}, calls...)
	require.NoError(t, err)
	require.Len(t, tasks, 9)
	require.Equal(t, first.Task(0), tasks[0])
	var all []yonder.ID
	for _, b := range s.bundles {
		require.LessOrEqual(t, b.Tasks, 4)
		require.Equal(t, s.bundles[0].Group, b.Group)
		require.False(t, b.Group.IsZero())
		require.Equal(t, []wire.Shape{{Positional: 2}}, b.Shapes)
		for i := range b.Tasks {
			all = append(all, b.ID.Task(i))
		}
	}
	require.Equal(t, all, tasks)
	require.Positive(t, s.blobs)

	task, err := c.Run(t.Context(), wire.Bundle{}, strings.Repeat("x", 1000))
	require.NoError(t, err)
	require.Equal(t, s.bundles[len(s.bundles)-1].ID, task.Bundle())
	require.Len(t, s.bundles[len(s.bundles)-1].Blobs, 1)
}

func TestListingsAskForPagesWhenTheyAreNeeded(t *testing.T) {
	t.Parallel()
	pages := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		pages++
		if pages == 3 {
			answer(w, http.StatusForbidden, `{"code":"forbidden","message":"no more"}`)
			return
		}
		if r.URL.Query().Get("state") != "started" {
			answer(w, http.StatusBadRequest, `{"code":"invalid_request","message":"no filter"}`)
			return
		}
		answer(w, http.StatusOK, fmt.Sprintf(`{"items":[{"label":"a%d"},{"label":"b%d"}],"next":"more"}`, pages, pages))
	})
	var seen []string
	for task, err := range c.Tasks(t.Context(), client.FindTasks{State: yonder.RangeStarted}) {
		require.NoError(t, err)
		seen = append(seen, task.Label)
		if len(seen) == 2 {
			break
		}
	}
	require.Equal(t, 1, pages)
	for task, err := range c.Tasks(t.Context(), client.FindTasks{State: yonder.RangeStarted}) {
		if err != nil {
			require.Equal(t, yonder.CodeForbidden, yonder.CodeOf(err))
			seen = append(seen, "error")
			continue
		}
		seen = append(seen, task.Label)
	}
	require.Equal(t, []string{"a1", "b1", "a2", "b2", "error"}, seen)
}

func TestGroupsAndStorage(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		answers := map[string]string{
			"/v1/groups":  `{"items":[{"label":"sweep"}]}`,
			"/v1/storage": `{"database":3,"database_free":2,"blobs":1}`,
		}
		answer(w, http.StatusOK, answers[r.URL.Path])
	})
	for group, err := range c.Groups(t.Context()) {
		require.NoError(t, err)
		require.Equal(t, "sweep", group.Label)
	}
	storage, err := c.Storage(t.Context())
	require.NoError(t, err)
	require.Equal(t, wire.Storage{Database: 3, DatabaseFree: 2, Blobs: 1}, storage)
}

func TestNamesAreLookedUp(t *testing.T) {
	t.Parallel()
	me, other := yonder.NewID(), yonder.NewID()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/whoami" {
			answer(w, http.StatusOK, `{"identity":{"id":"`+me.String()+`"}}`)
			return
		}
		owned := func(owner yonder.ID) string { return `{"name":"f","owner":"` + owner.String() + `"}` }
		items := map[string]string{"mine": owned(other) + "," + owned(me), "theirs": owned(other), "both": owned(other) + "," + owned(other)}
		answer(w, http.StatusOK, `{"items":[`+items[r.URL.Query().Get("name")]+`]}`)
	})
	f, err := c.FunctionNamed(t.Context(), "mine")
	require.NoError(t, err)
	require.Equal(t, me, f.Owner)
	e, err := c.EndpointNamed(t.Context(), "theirs")
	require.NoError(t, err)
	require.Equal(t, other, e.Owner)
	_, err = c.EndpointNamed(t.Context(), "both")
	require.Equal(t, yonder.CodeConflict, yonder.CodeOf(err))
	_, err = c.FunctionNamed(t.Context(), "none")
	require.Equal(t, yonder.CodeNotFound, yonder.CodeOf(err))
}

func TestWaitOutlastsAServiceThatIsAway(t *testing.T) {
	t.Parallel()
	task, asked := yonder.NewBundleID().Task(2), 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/result") {
			answer(w, http.StatusOK, `{}`)
			return
		}
		asked++
		switch {
		case asked < 6:
			answer(w, http.StatusServiceUnavailable, `{"code":"unavailable","message":"starting"}`)
		case asked < 8:
			answer(w, http.StatusNotFound, `{"code":"not_found","message":"it is queued"}`)
		default:
			chunk := "v\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x0078"
			chunk = strings.Replace(chunk, "\x0078", "\x00742", 1)
			data, _ := json.Marshal(wire.Result{
				Task: task, Outcome: wire.OutcomeOK, Form: wire.FormChunk, Lo: 1, Hi: 3, Payload: append([]byte("Y1j\x02\x03\x0b\x00\x00"), chunk...),
			})
			answer(w, http.StatusOK, string(data))
		}
	})
	r, err := c.Wait(t.Context(), task)
	require.NoError(t, err)
	value, err := client.Value[int](r)
	require.NoError(t, err)
	require.Equal(t, 42, value, "its own of the chunk's")
}

func TestWaitEndsWithItsContextAndForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	stop := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/result") {
			cancel(stop)
		}
		answer(w, http.StatusNotFound, `{"code":"not_found","message":"there is none"}`)
	})
	_, err := c.Wait(ctx, yonder.NewID())
	require.ErrorIs(t, err, stop)
	_, err = c.Wait(t.Context(), yonder.NewID())
	require.Equal(t, yonder.CodeNotFound, yonder.CodeOf(err))
}

// A group's results come once each, over a service that goes away in between,
// and end when all are there.
func TestFollow(t *testing.T) {
	t.Parallel()
	bundle, asked := yonder.NewBundleID(), 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/results") {
			answer(w, http.StatusOK, `{"tasks":4,"done":4,"cursor":2}`)
			return
		}
		asked++
		page := []wire.Result{}
		switch r.URL.Query().Get("cursor") {
		case "0":
			if asked < 6 {
				answer(w, http.StatusServiceUnavailable, `{"code":"unavailable","message":"starting"}`)
				return
			}
			page = append(page, wire.Result{Task: bundle.Task(0), Outcome: wire.OutcomeOK, Payload: packed("7"), Cursor: 1, Hi: 1})
		case "1":
			page = append(page, wire.Result{
				Task: bundle.Task(1), Outcome: wire.OutcomeFailed, Lo: 1, Hi: 4, Cursor: 2, Error: &wire.TaskError{Code: yonder.CodeTaskCancelled},
			})
		}
		data, _ := json.Marshal(page)
		answer(w, http.StatusOK, string(data))
	})
	var tasks []int
	for r, err := range c.Follow(t.Context(), yonder.NewID(), 0) {
		require.NoError(t, err)
		tasks = append(tasks, r.Task.Index())
	}
	require.Equal(t, []int{0, 1, 2, 3}, tasks)
}
