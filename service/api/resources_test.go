package api_test

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

func TestFunctions(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	register := func(name, body, description string) yonder.Function {
		return servicetest.Call[yonder.Function](t, s, s.Admin, "POST", "/v1/functions",
			wire.RegisterFunction{Name: name, Body: []byte(body), Description: description})
	}
	one := register("add", "v1", "adds numbers")
	require.Equal(t, 1, one.Version)
	require.Equal(t, "admin", one.OwnerName)
	require.Equal(t, one.ID, register("add", "v1", "").ID, "the same body is the same version")
	two := register("add", "v2", "adds faster")
	require.Equal(t, one.ID, two.ID)
	require.Equal(t, 2, two.Version)
	register("other", "x", "multiplies")

	path := "/v1/functions/" + one.ID.String()
	require.Equal(t, 2, servicetest.Call[yonder.Function](t, s, s.Admin, "GET", path, nil).Version)
	require.Equal(t, 1, servicetest.Call[yonder.Function](t, s, s.Admin, "GET", path+"?version=1", nil).Version)
	s.Refused(t, s.Admin, "GET", path+"?version=3", nil, yonder.CodeNotFound)
	require.Len(t, servicetest.Call[wire.Page[yonder.Function]](t, s, s.Admin, "GET", path+"/versions", nil).Items, 2)
	_, body := s.Do(t, s.Admin, "GET", path+"/body", nil)
	require.Equal(t, "v2", string(body))
	_, body = s.Do(t, s.Admin, "GET", path+"/body?version=1", nil)
	require.Equal(t, "v1", string(body))
	for query, n := range map[string]int{"": 2, "?q=multiplies": 1, "?name=add": 1, "?q=nothing": 0} {
		require.Len(t, servicetest.Call[wire.Page[yonder.Function]](t, s, s.Admin, "GET", "/v1/functions"+query, nil).Items, n, query)
	}
	servicetest.Call[struct{}](t, s, s.Admin, "DELETE", path, nil)
	s.Refused(t, s.Admin, "GET", path, nil, yonder.CodeNotFound)
}

func TestListingsArePaged(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	const total = 7
	for i := range total {
		s.Endpoint(t, s.Admin, "e"+strconv.Itoa(i))
	}
	seen := map[yonder.ID]bool{}
	next := ""
	for pages := 1; ; pages++ {
		page := servicetest.Call[wire.Page[yonder.Endpoint]](t, s, s.Admin, "GET", "/v1/endpoints?limit=3"+next, nil)
		for _, e := range page.Items {
			require.False(t, seen[e.ID])
			seen[e.ID] = true
		}
		if page.Next == "" {
			require.Equal(t, 3, pages)
			break
		}
		next = "&after=" + page.Next
	}
	require.Len(t, seen, total)
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	w := setup(t)
	path := "/v1/endpoints/" + w.endpoint.ID.String()
	e := servicetest.Call[yonder.Endpoint](t, w.Service, w.Admin, "GET", path, nil)
	require.True(t, e.Online)
	require.Equal(t, yonder.SessionLive, e.Session)
	require.Equal(t, "process", e.Capabilities["runtime"])
	w.Refused(t, w.Admin, "POST", "/v1/endpoints", wire.RegisterEndpoint{Name: "e"}, yonder.CodeConflict)
	about := "a lab's server"
	e = servicetest.Call[yonder.Endpoint](t, w.Service, w.Admin, "PATCH", path, wire.ChangeEndpoint{Description: &about})
	require.Equal(t, about, e.Description)
}

// The old credential stops working at once, on connections that are open too.
func TestReplacingACredentialCutsTheOldOneOff(t *testing.T) {
	t.Parallel()
	w := setup(t)
	answer := servicetest.Call[map[string]string](t, w.Service, w.Admin, "POST", "/v1/endpoints/"+w.endpoint.ID.String()+"/credential", nil)
	require.Eventually(t, w.agent.IsClosed, patience, tick)
	_, err := w.Dial(w.endpoint.Credential, w.endpoint.Credential, w.endpoint.ID)
	require.Error(t, err)
	w.Refused(t, w.endpoint.Credential, "GET", "/v1/whoami", nil, yonder.CodeTokenRevoked)
	w.endpoint.Credential = answer["credential"]
	w.Agent(t, w.endpoint).Live(t, 1)
}

func TestDeletingAnEndpoint(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.submit(t, 2)
	servicetest.Call[struct{}](t, w.Service, w.Admin, "DELETE", "/v1/endpoints/"+w.endpoint.ID.String(), nil)
	require.Eventually(t, w.agent.IsClosed, patience, tick)
	result := servicetest.Call[wire.Result](t, w.Service, w.Admin, "GET", "/v1/tasks/"+b.ID.Task(1).String()+"/result?wait=5s", nil)
	require.Equal(t, wire.OutcomeFailed, result.Outcome)
	require.Contains(t, result.Error.Message, "deleted")
	w.Refused(t, w.Admin, "GET", "/v1/endpoints/"+w.endpoint.ID.String(), nil, yonder.CodeNotFound)
}

func TestGroupsAndTasks(t *testing.T) {
	t.Parallel()
	w := setup(t)
	g := servicetest.Call[yonder.Group](t, w.Service, w.Admin, "POST", "/v1/groups", wire.CreateGroup{Label: "night"})
	require.False(t, g.ID.IsZero())
	w.Refused(t, w.stranger, "POST", "/v1/groups", wire.CreateGroup{ID: g.ID}, yonder.CodeConflict)
	b := w.submit(t, 3)
	w.agent.Run(t, 3, value)
	list := servicetest.Call[wire.Page[yonder.Group]](t, w.Service, w.Admin, "GET", "/v1/groups", nil)
	require.Len(t, list.Items, 2)
	for query, n := range map[string]int{
		"?group=" + b.Group.String(): 3, "?group=" + g.ID.String(): 0, "?state=succeeded": 3, "?state=queued": 0,
		"?endpoint=" + w.endpoint.ID.String() + "&limit=2": 2, "?function=" + w.function.ID.String(): 3,
	} {
		page := servicetest.Call[wire.Page[yonder.Task]](t, w.Service, w.Admin, "GET", "/v1/tasks"+query, nil)
		require.Len(t, page.Items, n, query)
	}
	task := servicetest.Call[yonder.Task](t, w.Service, w.Admin, "GET", "/v1/tasks/"+b.ID.Task(2).String(), nil)
	require.Equal(t, yonder.TaskSucceeded, task.State)
}

func TestBlobs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	body := make([]byte, 300<<10)
	payload := servicetest.Call[wire.Blob](t, w.Service, w.Admin, "POST", "/v1/blobs", body)
	require.EqualValues(t, len(body), payload.Size)
	theirs := servicetest.Call[wire.Blob](t, w.Service, w.stranger, "POST", "/v1/blobs", body)

	b, _ := servicetest.Bundle(w.function.ID, w.endpoint.ID, 2)
	b.Blobs = map[int]wire.Blob{1: {ID: theirs.ID}}
	w.refuse(t, w.Admin, b, [][]byte{{1}, nil}, yonder.CodeNotFound)
	b.Blobs = map[int]wire.Blob{1: {ID: payload.ID, Size: 7, SHA256: "what the client says does not count"}}
	w.Submit(t, w.Admin, b, [][]byte{{1}, nil})
	leases, _ := w.agent.Offered(t)
	require.Equal(t, map[int]wire.Blob{1: payload}, leases[0].Blobs)

	task := "/v1/agent/tasks/" + b.ID.Task(1).String()
	status, got := w.Do(t, w.endpoint.Credential, "GET", task+"/blobs/"+payload.ID.String(), nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, body, got)
	other := w.Endpoint(t, w.Admin, "other")
	w.Refused(t, other.Credential, "GET", task+"/blobs/"+payload.ID.String(), nil, yonder.CodeNotFound)
	w.Refused(t, w.endpoint.Credential, "GET", task+"/blobs/"+theirs.ID.String(), nil, yonder.CodeNotFound)
	w.Refused(t, w.endpoint.Credential, "GET", "/v1/agent/tasks/"+b.ID.String()+"/blobs/"+payload.ID.String(), nil, yonder.CodeNotFound)

	w.agent.Accept(t, leases)
	w.Refused(t, w.endpoint.Credential, "PUT", task+"/result-blob", []byte("x"), yonder.CodeInvalidRequest)
	w.Refused(t, w.endpoint.Credential, "PUT", task+"/result-blob?attempt=2", []byte("x"), yonder.CodeConflict)
	w.Refused(t, other.Credential, "PUT", task+"/result-blob?attempt=1", []byte("x"), yonder.CodeNotFound)
	result := servicetest.Call[wire.Blob](t, w.Service, w.endpoint.Credential, "PUT", task+"/result-blob?attempt=1", body)
	entry := wire.Entry{Bundle: b.ID, Attempt: 1, Lo: 1, Hi: 2, Outcome: wire.OutcomeOK, Form: wire.FormEach}
	report := func(blob yonder.ID) wire.Report {
		entry.Blob = &wire.Blob{ID: blob, Size: 1, SHA256: "not so"}
		return wire.Report{Epoch: w.agent.Epoch, Results: []wire.Entry{entry}}
	}
	w.agent.Refused(t, yonder.CodeForbidden, "report", wire.KindReport, report(theirs.ID), nil)
	w.agent.Refused(t, yonder.CodeNotFound, "report", wire.KindReport, report(yonder.NewID()), nil)
	spans := servicetest.Ask[wire.Spans](t, w.agent, "report", wire.KindReport, report(result.ID), wire.KindSpans, nil)
	require.Empty(t, spans.Spans)

	got2 := servicetest.Call[wire.Result](t, w.Service, w.Admin, "GET", "/v1/tasks/"+b.ID.Task(1).String()+"/result?wait=5s", nil)
	require.Equal(t, &result, got2.Blob)
	status, got = w.Do(t, w.Admin, "GET", "/v1/blobs/"+result.ID.String(), nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, body, got)
	w.Refused(t, w.stranger, "GET", "/v1/blobs/"+result.ID.String(), nil, yonder.CodeNotFound)
}
