package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

func TestAFunctionsRetryPolicyFillsInTheSubmissions(t *testing.T) {
	t.Parallel()
	w := setup(t)
	register := wire.RegisterFunction{Name: "risky", Body: []byte("body"), Retry: yonder.Retry{
		MaxAttempts: 2, On: []yonder.Code{yonder.CodeTaskLost},
	}}
	f := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "POST", "/v1/functions", register)
	require.Equal(t, register.Retry, f.Retry)

	for _, c := range []struct {
		own  yonder.Retry
		ends string
	}{
		{yonder.Retry{}, "gone (attempt 1 of 2; its retry policy does not try again after worker_failed)"},
		{yonder.Retry{MaxAttempts: 1, On: []yonder.Code{yonder.CodeWorkerFailed}}, "gone (attempt 1 of 1)"},
	} {
		b, payloads := servicetest.Bundle(f.ID, w.endpoint.ID, 1)
		b.Retry = c.own
		w.Submit(t, w.Admin, b, payloads)
		leases, _ := w.agent.Offered(t)
		w.agent.Accept(t, leases)
		servicetest.Ask[wire.Spans](t, w.agent, "report", wire.KindReport, wire.Report{
			Epoch: w.agent.Epoch, Lost: []wire.Loss{{
				Span: leases[0].Span, Started: true, Code: yonder.CodeWorkerFailed, Message: "gone",
			}},
		}, wire.KindSpans)
		task := servicetest.Call[yonder.Task](t, w.Service, w.Admin, "GET", "/v1/tasks/"+b.ID.Task(0).String(), nil)
		require.Equal(t, c.ends, task.Message)
	}
}

func TestARetryPolicyIsChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b, payloads := servicetest.Bundle(w.function.ID, w.endpoint.ID, 1)
	b.Retry.On = []yonder.Code{yonder.CodeFunctionFailed}
	w.refuse(t, w.Admin, b, payloads, yonder.CodeInvalidRequest)
	status, data := w.Do(t, w.Admin, "POST", "/v1/functions",
		[]byte(`{"name":"f","body":"Zg==","retry":{"max_attempts":100000}}`), "application/json")
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, string(data), `"retry.max_attempts"`)
}
