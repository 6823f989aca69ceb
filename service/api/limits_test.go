package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// submitRaw returns the answer to a submission.
func submitRaw(t *testing.T, s *servicetest.Service, token string, b wire.Bundle, payloads [][]byte) (http.Header, yonder.Error) {
	t.Helper()
	frame, err := wire.NewFrame(wire.KindBundle, b, payloads...)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/v1/bundles", bytes.NewReader(frame.Bytes()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", wire.TypeFrames)
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := s.HTTP().Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	var refused yonder.Error
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&refused))
	return answer.Header, refused
}

func TestALimitSaysWhichItIs(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t, func(c *service.Config) { c.IdentityQueuedTasks = 3 })
	f, e := s.Function(t, s.Admin, "f"), s.Endpoint(t, s.Admin, "e")
	b, payloads := servicetest.Bundle(f.ID, e.ID, 2)
	s.Submit(t, s.Admin, b, payloads)
	for _, endpoint := range []yonder.ID{e.ID, s.Endpoint(t, s.Admin, "another").ID} {
		more, payloads := servicetest.Bundle(f.ID, endpoint, 2)
		header, refused := submitRaw(t, s, s.Admin, more, payloads)
		require.Equal(t, "2", header.Get("Retry-After"))
		require.Equal(t, yonder.CodeLimitReached, refused.Code)
		require.Equal(t, &yonder.Reached{Limit: yonder.LimitQueuedTasks, Current: 2, Maximum: 3}, refused.Reached)
		require.Contains(t, refused.Message, "over the limit of 3")
	}
	_, data := s.Do(t, "", "GET", "/metrics", nil)
	require.Contains(t, string(data), `yonder_refused_total{limit="queued_tasks"} 2`)
}

func TestLimitsAreSetForOne(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t, func(c *service.Config) { c.IdentityQueuedTasks = 1 })
	ada, token := s.Person(t, "ada")
	f, e := s.Function(t, token, "f"), s.Endpoint(t, token, "e")
	path := "/v1/identities/" + ada.ID.String() + "/limits"
	set := servicetest.Call[wire.LimitsOf](t, s, s.Admin, "PUT", path, yonder.Allowance{QueuedTasks: 2, Weight: 5})
	require.EqualValues(t, 2, set.Effective.QueuedTasks)
	require.EqualValues(t, 1_000_000, set.Effective.Bundles, "what is not set is as configured")

	b, payloads := servicetest.Bundle(f.ID, e.ID, 2)
	s.Submit(t, token, b, payloads)
	own := servicetest.Call[wire.LimitsOf](t, s, token, "GET", "/v1/limits", nil)
	require.EqualValues(t, 2, own.Used.QueuedTasks)
	require.Equal(t, yonder.Allowance{QueuedTasks: 2, Weight: 5}, own.Set)
	s.Refused(t, token, "GET", path, nil, yonder.CodeForbidden)
	s.Refused(t, token, "PUT", path, yonder.Allowance{}, yonder.CodeForbidden)
	s.Refused(t, token, "GET", "/v1/storage", nil, yonder.CodeForbidden)
	s.Refused(t, s.Admin, "PUT", "/v1/identities/"+yonder.NewID().String()+"/limits", yonder.Allowance{}, yonder.CodeNotFound)

	place := "/v1/endpoints/" + e.ID.String() + "/limits"
	at := servicetest.Call[wire.LimitsOf](t, s, token, "PUT", place, yonder.Allowance{QueuedTasks: 2, RunningTasks: 1})
	require.EqualValues(t, 2, at.Used.QueuedTasks)
	s.Refused(t, token, "PUT", place, yonder.Allowance{Weight: 2}, yonder.CodeInvalidRequest)
	s.Refused(t, token, "PUT", place, yonder.Allowance{QueuedTasks: 1 << 60}, yonder.CodeForbidden)
	servicetest.Call[wire.LimitsOf](t, s, s.Admin, "PUT", path, yonder.Allowance{QueuedTasks: 100})
	more, payloads := servicetest.Bundle(f.ID, e.ID, 1)
	_, refused := submitRaw(t, s, token, more, payloads)
	require.Equal(t, &yonder.Reached{Limit: yonder.LimitQueuedTasks, Current: 2, Maximum: 2}, refused.Reached)
	require.Contains(t, refused.Message, "of all users wait at this endpoint")
	storage := servicetest.Call[wire.Storage](t, s, s.Admin, "GET", "/v1/storage", nil)
	require.Positive(t, storage.Database)
}

func TestOneIdentityHasAShareOfTheService(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t, func(c *service.Config) {
		c.IdentityBlobBytes, c.IdentityStreams, c.RequestBytes = 10, 1, 1<<20
		c.IdentityRequestBytes = c.RequestBytes
	})
	_, token := s.Person(t, "ada")
	servicetest.Call[wire.Blob](t, s, token, "POST", "/v1/blobs", []byte("12345678"))
	refused := s.Refused(t, token, "POST", "/v1/blobs", []byte("123"), yonder.CodeLimitReached)
	require.Equal(t, &yonder.Reached{Limit: yonder.LimitBlobBytes, Current: 8, Maximum: 10}, refused.Reached)
	servicetest.Call[wire.Blob](t, s, token, "POST", "/v1/blobs", []byte("12"))
	servicetest.Call[wire.Blob](t, s, s.Admin, "POST", "/v1/blobs", []byte("12345678"))

	stream := s.Stream(t, token)
	group := servicetest.Call[yonder.Group](t, s, token, "POST", "/v1/groups", wire.CreateGroup{})
	stream.Subscribe(t, wire.Subscribe{Group: group.ID})
	waiting := "/v1/groups/" + group.ID.String() + "/results?wait=1ms"
	require.Equal(t, yonder.LimitStreams, s.Refused(t, token, "GET", waiting, nil, yonder.CodeLimitReached).Field)
	own := servicetest.Call[yonder.Group](t, s, s.Admin, "POST", "/v1/groups", wire.CreateGroup{})
	servicetest.Call[[]wire.Result](t, s, s.Admin, "GET", "/v1/groups/"+own.ID.String()+"/results?wait=1ms", nil)
}

func TestRetentionIsAskedForWithinTheLimit(t *testing.T) {
	t.Parallel()
	w := setup(t)
	group := servicetest.Call[yonder.Group](t, w.Service, w.Admin, "POST", "/v1/groups", wire.CreateGroup{Retention: 3600})
	require.EqualValues(t, 3600, group.Retention)
	group = servicetest.Call[yonder.Group](t, w.Service, w.Admin, "POST", "/v1/groups", wire.CreateGroup{})
	require.EqualValues(t, 14*24*3600, group.Retention)
	e := w.Refused(t, w.Admin, "POST", "/v1/groups", wire.CreateGroup{Retention: 1 << 40}, yonder.CodeInvalidRequest)
	require.Equal(t, "retention_s", e.Field)
	b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, 1)
	b.Retention = 7200
	w.Submit(t, w.Admin, b, payloads)
	group = servicetest.Call[yonder.Group](t, w.Service, w.Admin, "GET", "/v1/groups/"+b.Group.String(), nil)
	require.EqualValues(t, 7200, group.Retention)
	b.Retention = -1
	w.refuse(t, w.Admin, b, payloads, yonder.CodeInvalidRequest)
}

// A request that is sent again, because its answer was lost, makes one thing.
func TestARepeatedCreateIsHarmless(t *testing.T) {
	t.Parallel()
	w := setup(t)
	again := func(path string, body, out any) {
		for range 2 {
			status, data := w.Do(t, w.Admin, "POST", path, body)
			require.Less(t, status, 300, "%s: %s", path, data)
			require.NoError(t, json.Unmarshal(data, out))
		}
	}
	count := func(path string) int {
		return len(servicetest.Call[wire.Page[any]](t, w.Service, w.Admin, "GET", path, nil).Items)
	}
	functions, endpoints, groups := count("/v1/functions"), count("/v1/endpoints"), count("/v1/groups")
	var f yonder.Function
	again("/v1/functions", wire.RegisterFunction{Name: "again", Body: []byte("body")}, &f)
	require.Equal(t, 1, f.Version)
	var g yonder.Group
	again("/v1/groups", wire.CreateGroup{ID: yonder.NewID(), Label: "again"}, &g)
	var e wire.RegisteredEndpoint
	again("/v1/endpoints", wire.RegisterEndpoint{ID: yonder.NewID(), Name: "again"}, &e)
	w.Agent(t, e).Live(t, 1)
	var token yonder.Token
	again("/v1/tokens", wire.CreateToken{ID: yonder.NewID(), Label: "again"}, &token)
	servicetest.Call[struct{}](t, w.Service, token.Secret, "GET", "/v1/whoami", nil)
	require.Equal(t, []int{functions + 1, endpoints + 1, groups + 1}, []int{count("/v1/functions"), count("/v1/endpoints"), count("/v1/groups")})
	made := 0
	for _, one := range servicetest.Call[wire.Page[yonder.Token]](t, w.Service, w.Admin, "GET", "/v1/tokens", nil).Items {
		if one.Label == "again" {
			made++
		}
	}
	require.Equal(t, 1, made)

	w.Refused(t, w.Admin, "POST", "/v1/endpoints", wire.RegisterEndpoint{ID: e.ID, Name: "again"}, yonder.CodeConflict)
	w.Refused(t, w.stranger, "POST", "/v1/endpoints", wire.RegisterEndpoint{ID: e.ID, Name: "again"}, yonder.CodeConflict)
	w.Refused(t, w.Admin, "POST", "/v1/tokens", wire.CreateToken{ID: token.ID, Label: "other"}, yonder.CodeConflict)
	w.Refused(t, w.stranger, "POST", "/v1/tokens", wire.CreateToken{ID: token.ID, Label: "again"}, yonder.CodeConflict)
}

// A bundle's id says when it was made: what is older than the records cannot
// be told from a repetition.
func TestAnOldBundleIsNotTakenForANewOne(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, 1)
	b.ID[0], b.ID[1], b.ID[2] = 1, 0x60, 0 // in 2017
	w.refuse(t, w.Admin, b, payloads, yonder.CodeInvalidRequest)
}
