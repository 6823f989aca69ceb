package service_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/servicetest"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) {
	if os.Getenv(envStrangers) != "" {
		if err := beStrangers(os.Args[1], os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const (
	patience = 20 * time.Second
	tick     = 5 * time.Millisecond
)

// value is 42 in codec json.
var value = []byte("Y1j\x00\x00\x00\x00\x0042")

func TestATaskGoesThereAndBack(t *testing.T) {
	t.Parallel()

	s := servicetest.Start(t)
	f, e := s.Function(t, s.Admin, "f"), s.Endpoint(t, s.Admin, "e")
	agent := s.Agent(t, e).Live(t, 100)
	b, payloads := servicetest.Bundle(f.ID, e.ID, 3)
	submitted := s.Submit(t, s.Admin, b, payloads)
	require.Equal(t, []wire.SubmittedBundle{{ID: b.ID, Group: b.Group, Tasks: 3}}, submitted.Bundles)

	leases, columns := agent.Offered(t)
	require.Len(t, leases, 1)
	require.Equal(t, payloads, columns)
	body := agent.Request(t, "function", wire.KindFunctionGet, wire.FunctionGet{Epoch: agent.Epoch, Hash: leases[0].Hash})
	require.Equal(t, "body of f", string(body.Columns[0]))
	agent.Accept(t, leases)
	agent.Finish(t, leases, value)

	result := servicetest.Call[wire.Result](t, s, s.Admin, "GET", "/v1/tasks/"+b.ID.Task(2).String()+"/result?wait=10s", nil)
	require.Equal(t, wire.OutcomeOK, result.Outcome)
	require.InDelta(t, 42, result.Value, 0)
	all := servicetest.Call[[]wire.Result](t, s, s.Admin, "GET", "/v1/groups/"+b.Group.String()+"/results", nil)
	require.Len(t, all, 3)
	group := servicetest.Call[yonder.Group](t, s, s.Admin, "GET", "/v1/groups/"+b.Group.String(), nil)
	require.EqualValues(t, 3, group.Done)
}
