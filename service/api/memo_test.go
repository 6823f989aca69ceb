package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

func TestEqualCallsOfAFunctionWithAMemoAreAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	f := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "POST", "/v1/functions",
		wire.RegisterFunction{Name: "pure", Body: []byte("body"), Memo: yonder.MemoPrivate})
	require.Equal(t, yonder.MemoPrivate, f.Memo.Scope)
	path := "/v1/functions/" + f.ID.String() + "/memo"

	submit := func() wire.Bundle {
		b, payloads := servicetest.Bundle(f.ID, w.endpoint.ID, 1)
		w.Submit(t, w.Admin, b, payloads)
		return b
	}
	first := submit()
	leases, _ := w.agent.Offered(t)
	w.agent.Accept(t, leases)
	w.agent.Finish(t, leases, []byte("value"))

	second := submit()
	task := servicetest.Call[yonder.Task](t, w.Service, w.Admin, "GET", "/v1/tasks/"+second.ID.Task(0).String(), nil)
	require.Equal(t, yonder.TaskSucceeded, task.State)
	require.Equal(t, first.ID.Task(0), *task.Memo)
	why := servicetest.Call[wire.Explanation](t, w.Service, w.Admin, "GET", "/v1/tasks/"+task.ID.String()+"/explain", nil)
	require.Contains(t, why.Summary, "its result was kept")
	memo := servicetest.Call[wire.MemoReport](t, w.Service, w.Admin, "GET", path, nil)
	require.Equal(t, []int64{1, 1, 1}, []int64{memo.Results, memo.Hits, memo.Misses})

	memo = servicetest.Call[wire.MemoReport](t, w.Service, w.Admin, "DELETE", path, nil)
	require.Zero(t, memo.Results)
	third := submit()
	task = servicetest.Call[yonder.Task](t, w.Service, w.Admin, "GET", "/v1/tasks/"+third.ID.Task(0).String(), nil)
	require.Equal(t, yonder.RangeOffered, task.State)

	memo = servicetest.Call[wire.MemoReport](t, w.Service, w.Admin, "PUT", path, wire.SetMemo{Scope: wire.MemoOff})
	require.Equal(t, wire.MemoOff, memo.Scope)
	w.Refused(t, w.Admin, "PUT", path, wire.SetMemo{Scope: "everywhere"}, yonder.CodeInvalidRequest)
	w.Refused(t, w.stranger, "GET", path, nil, yonder.CodeNotFound)
	w.Refused(t, w.stranger, "PUT", path, wire.SetMemo{Scope: yonder.MemoShared}, yonder.CodeNotFound)
	w.Refused(t, w.stranger, "DELETE", path, nil, yonder.CodeNotFound)
}
