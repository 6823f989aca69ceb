package manager_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
	"github.com/yonder-run/yonder/wire/shell"
)

// native runs kinds that need no interpreter in the test's own binary.
func native(cfg *manager.Config) { cfg.Native = workertest.Native() }

// shell sends a lease of calls of a shell function.
func (a *agent) shell(f shell.Function, walltime float64, calls ...[]any) wire.Lease {
	a.t.Helper()
	body, err := json.Marshal(f)
	require.NoError(a.t, err)
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	a.bodies = map[string][]byte{hash: body}
	lease := wire.Lease{
		Span: wire.Span{Bundle: yonder.NewBundleID(), Attempt: 1, Hi: len(calls)}, Owner: owner, Hash: hash, Kind: yonder.KindShell,
		Form: wire.FormEach, Total: len(calls), Codec: "json", Columns: len(calls), Walltime: walltime,
	}
	var columns [][]byte
	for _, args := range calls {
		columns = append(columns, workertest.Call(args...))
	}
	a.give(lease, columns...)
	return lease
}

func TestShellFunctionsRunBesidePython(t *testing.T) {
	t.Parallel()
	a := newAgent(t, 1)
	startManager(t, a, native)
	require.Equal(t, []string{"python", "shell"}, a.welcome().Kinds)
	f := shell.Function{Command: "echo {x}", Params: []shell.Param{{Name: "x"}}}
	a.shell(f, 0, []any{"a b"}, []any{7}, []any{true})
	outcomes := a.outcomes(3)
	require.Equal(t, "a b\n", outcomes[0].value(t).(map[string]any)["stdout"])
	require.Equal(t, "a b\n", outcomes[0].Stdout)
	require.Equal(t, "7\n", outcomes[1].value(t).(map[string]any)["stdout"])
	require.EqualValues(t, yonder.CodeInvalidArguments, outcomes[2].error()["code"])
	require.EqualValues(t, 3, a.run("add", 1, 2).value(t))
}

func TestAShellFunctionIsStoppedAsAnyOther(t *testing.T) {
	t.Parallel()
	a := newAgent(t, 1)
	startManager(t, a, native)
	a.welcome()
	a.shell(shell.Function{Command: "echo begun; sleep 600"}, 0.3, []any{})
	o := a.outcomes(1)[0]
	require.NotNil(t, o.lost, "the command's end may be faster than its worker's")
	require.Equal(t, yonder.CodeWalltimeExceeded, o.lost.Code)
	require.Equal(t, "begun\n", o.lost.Stdout)

	file := filepath.Join(t.TempDir(), "pid")
	f := shell.Function{Command: "trap '' TERM; echo $$ > {f}.new; mv {f}.new {f}; sleep 600", Params: []shell.Param{{Name: "f"}}}
	lease := a.shell(f, 0, []any{file})
	a.recv(wire.KindNeed)
	a.recv(wire.KindBegun)
	pid := workertest.Numbers(t, file)[0]
	a.send(wire.KindStop, wire.Spans{Spans: []wire.Span{lease.Span}})
	require.NotNil(t, a.outcomes(1)[0].cancelled)
	workertest.Gone(t, pid)
}

func TestAKindThatIsSwitchedOffFails(t *testing.T) {
	t.Parallel()
	a := newAgent(t, 1)
	startManager(t, a, func(cfg *manager.Config) { cfg.Kinds = []string{yonder.KindShell}; native(cfg) })
	hello := a.welcome()
	require.Empty(t, hello.Pythons, "none is needed")
	require.EqualValues(t, yonder.CodeUnsupportedKind, a.run("add", 1, 2).error()["code"])
	a.shell(shell.Function{Command: "true"}, 0, []any{})
	require.EqualValues(t, true, a.outcomes(1)[0].value(t).(map[string]any)["success"])
}
