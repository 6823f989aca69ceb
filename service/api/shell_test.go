package api_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

func register(t *testing.T, f shell.Function) wire.RegisterFunction {
	t.Helper()
	body, err := json.Marshal(f)
	require.NoError(t, err)
	return wire.RegisterFunction{Name: "sort", Kind: yonder.KindShell, Body: body}
}

func TestAShellFunctionSaysAllInItsBody(t *testing.T) {
	t.Parallel()
	w := setup(t)
	in := register(t, shell.Function{
		Command: "sort {file} | head -n {n}", Walltime: 2.5,
		Params: []shell.Param{{Name: "file"}, {Name: "n", Type: shell.Integer, Default: json.RawMessage("3")}},
	})
	f := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "POST", "/v1/functions", in)
	require.Equal(t, yonder.KindShell, f.Kind)
	require.InDelta(t, 2.5, f.Requirements.Walltime, 0)
	require.Equal(t, []yonder.Param{
		{Name: "file", Kind: yonder.ParamPositional, Required: true}, {Name: "n", Kind: yonder.ParamPositional},
	}, f.Signature.Params)
	again := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "GET", "/v1/functions/"+f.ID.String(), nil)
	require.Equal(t, f, again)

	in.Signature = f.Signature
	require.Equal(t, "kind", w.Refused(t, w.Admin, "POST", "/v1/functions", in, yonder.CodeInvalidRequest).Field)
	in = register(t, shell.Function{Command: `sort "{file}"`, Params: []shell.Param{{Name: "file"}}})
	refused := w.Refused(t, w.Admin, "POST", "/v1/functions", in, yonder.CodeInvalidRequest)
	require.Equal(t, "command", refused.Field)
	require.Contains(t, refused.Message, "inside quotes")
	in.Kind = "fortran"
	w.Refused(t, w.Admin, "POST", "/v1/functions", in, yonder.CodeInvalidRequest)
}

func TestSubmittingToAShellFunction(t *testing.T) {
	t.Parallel()
	w := setup(t)
	f := servicetest.Call[yonder.Function](t, w.Service, w.Admin, "POST", "/v1/functions", register(t, shell.Function{
		Command: "sort {file}", Walltime: 2.5, Params: []shell.Param{{Name: "file"}},
	}))
	b, payloads := servicetest.Bundle(f.ID, w.endpoint.ID, 1)
	b.Codec = "json"
	require.Contains(t, w.refuse(t, w.Admin, b, payloads, yonder.CodeUnsupportedKind).Message, "runs only python")

	able := w.Endpoint(t, w.Admin, "able") // its agent has never said what it runs
	b, payloads = servicetest.Bundle(f.ID, able.ID, 1)
	require.Equal(t, "codec", w.refuse(t, w.Admin, b, payloads, yonder.CodeCodecMismatch).Field)
	b.Codec, b.Shapes = "json", []wire.Shape{{Positional: 2}}
	w.refuse(t, w.Admin, b, payloads, yonder.CodeInvalidArguments)
	b.Shapes = nil
	w.Submit(t, w.Admin, b, payloads)
	agent := w.Agent(t, able).Live(t, 10)
	leases, _ := agent.Offered(t)
	require.Equal(t, yonder.KindShell, leases[0].Kind)
	require.InDelta(t, 2.5, leases[0].Walltime, 0, "the function's, because the submitter did not say")
}
