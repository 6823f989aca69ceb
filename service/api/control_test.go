package api_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

// shared lets everybody use the world's function and endpoint.
func (w *world) shared(t *testing.T) {
	t.Helper()
	everyone := yonder.Sharing{Everyone: true}
	servicetest.Call[map[string]any](t, w.Service, w.Admin, "PUT", "/v1/functions/"+w.function.ID.String()+"/sharing", everyone)
	path := "/v1/endpoints/" + w.endpoint.ID.String()
	servicetest.Call[yonder.Endpoint](t, w.Service, w.Admin, "PATCH", path, wire.ChangeEndpoint{Sharing: &everyone})
}

func (w *world) cancel(t *testing.T, token, path, reason string) wire.Cancelled {
	t.Helper()
	return servicetest.Call[wire.Cancelled](t, w.Service, token, "POST", path, wire.Cancel{Reason: reason})
}

func (w *world) message(t *testing.T, task yonder.ID) string {
	t.Helper()
	return servicetest.Call[yonder.Task](t, w.Service, w.Admin, "GET", "/v1/tasks/"+task.String(), nil).Message
}

func TestWhoMayCancelWhat(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.shared(t)
	w.agent.Isolated = true
	w.agent.Live(t, 0) // it takes nothing
	submit := func(token string, tasks int) wire.Bundle {
		b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, tasks)
		w.Submit(t, token, b, payloads)
		return b
	}
	mine, theirs := submit(w.Admin, 3), submit(w.stranger, 2)
	path := "/v1/endpoints/" + w.endpoint.ID.String() + "/cancel"
	require.Equal(t, wire.Cancelled{Cancelled: 2}, w.cancel(t, w.stranger, path, "  my own\n mistake "), "their own only")
	require.Equal(t, "the task was cancelled: my own mistake; no worker had begun it", w.message(t, theirs.ID))

	theirs = submit(w.stranger, 2)
	require.Equal(t, wire.Cancelled{Cancelled: 5}, w.cancel(t, w.Admin, path, ""), "the owner's and everybody's")
	require.Regexp(t, "^the task was cancelled by the endpoint's owner, .*; no worker had begun it$", w.message(t, theirs.ID))
	require.Equal(t, wire.Cancelled{Done: 3}, w.cancel(t, w.Admin, "/v1/bundles/"+mine.ID.String()+"/cancel", ""))

	submit(w.stranger, 2)
	mine = submit(w.Admin, 1)
	for _, route := range []string{"tasks/" + mine.ID.String(), "bundles/" + mine.ID.String(), "groups/" + mine.Group.String()} {
		w.Refused(t, w.stranger, "POST", "/v1/"+route+"/cancel", nil, yonder.CodeNotFound)
	}
	admin := servicetest.Call[struct {
		Identity yonder.Identity `json:"identity"`
	}](t, w.Service, w.Admin, "GET", "/v1/whoami", nil).Identity
	w.Refused(t, w.stranger, "POST", "/v1/tasks/cancel?identity="+admin.ID.String(), nil, yonder.CodeForbidden)
	require.Equal(t, wire.Cancelled{Cancelled: 2}, w.cancel(t, w.stranger, "/v1/tasks/cancel", ""))
	theirs = submit(w.stranger, 2)
	owner := servicetest.Call[yonder.Task](t, w.Service, w.stranger, "GET", "/v1/tasks/"+theirs.ID.String(), nil).Owner
	require.Equal(t, wire.Cancelled{Cancelled: 2}, w.cancel(t, w.Admin, "/v1/tasks/cancel?identity="+owner.String(), "left us"))
	require.Regexp(t, "^the task was cancelled by the admin .*: left us;", w.message(t, theirs.ID))
	w.Refused(t, w.Admin, "POST", "/v1/tasks/cancel", wire.Cancel{Reason: string(make([]byte, 501))}, yonder.CodeInvalidRequest)
}

func TestPause(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.shared(t)
	path := "/v1/endpoints/" + w.endpoint.ID.String()
	w.Refused(t, w.stranger, "POST", path+"/pause", nil, yonder.CodeForbidden)
	w.Refused(t, w.Admin, "POST", path+"/pause", wire.PauseEndpoint{Exit: true}, yonder.CodeInvalidRequest)
	e := servicetest.Call[yonder.Endpoint](t, w.Service, w.Admin, "POST", path+"/drain", wire.PauseEndpoint{Reason: "a new\ndisk", Exit: true})
	require.True(t, e.Paused.Drain && e.Paused.Exit)
	require.Equal(t, "a new disk", e.Paused.Reason)
	var turn wire.Turn
	hint := w.agent.Hint(t, "turn")
	require.NoError(t, hint.Decode(wire.KindTurn, &turn))
	require.Equal(t, wire.Turn{Number: 1, Paused: e.Paused}, turn)

	b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, 2)
	frame, err := wire.NewFrame(wire.KindBundle, b, payloads...)
	require.NoError(t, err)
	_, data := w.Do(t, w.Admin, "POST", "/v1/bundles", frame.Bytes(), wire.TypeFrames)
	var submitted wire.Submitted
	require.NoError(t, json.Unmarshal(data, &submitted))
	require.Equal(t, e.Paused, submitted.Bundles[0].Paused, "who submits is told")

	e = servicetest.Call[yonder.Endpoint](t, w.Service, w.Admin, "POST", path+"/resume", nil)
	require.Nil(t, e.Paused)
	leases, _ := w.agent.Offered(t)
	require.Equal(t, b.ID, leases[0].Bundle, "what waited is offered")
}

func TestExplain(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.shared(t)
	w.agent.Isolated = true
	w.agent.Live(t, 1000)
	b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, 1)
	w.Submit(t, w.stranger, b, payloads)
	leases, _ := w.agent.Offered(t)
	path := "/v1/tasks/" + b.ID.Task(0).String() + "/explain"
	explain := func(token, path string) wire.Explanation {
		return servicetest.Call[wire.Explanation](t, w.Service, token, "GET", path, nil)
	}
	require.Contains(t, explain(w.stranger, path).Summary, "offered")
	w.agent.Accept(t, leases)

	answers := w.agent.Answer(t, func(look wire.Look) wire.View {
		return wire.View{Task: &wire.AgentTask{State: wire.AgentDispatched, Manager: "m1", Host: "node7", Detail: &wire.TaskView{
			State: wire.ManagerRunning, Worker: "w3", PID: look.Attempt, Since: 1,
		}}}
	})
	require.Contains(t, explain(w.stranger, path).Summary, "attempt 1 runs on node7, process 1")
	require.Contains(t, explain(w.Admin, path).Summary, "runs on node7")
	_, other := w.Person(t, "other")
	w.Refused(t, other, "GET", path, nil, yonder.CodeNotFound)

	endpoint := "/v1/endpoints/" + w.endpoint.ID.String() + "/explain"
	shares := func(e wire.Explanation) (n int) {
		for _, step := range e.Steps {
			if step.Step == "share" {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, shares(explain(w.Admin, endpoint)))
	require.Zero(t, shares(explain(w.stranger, endpoint)), "whose tasks there are is the owner's to know")
	answers()
	e := explain(w.stranger, path)
	require.Contains(t, e.Steps[len(e.Steps)-1].Text, "the agent did not say how the task is")
}
