package cli_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/cli"
)

// Commands by what can be asked of them here: those that only read are run
// with --json, and have to print one document. What the others print as JSON
// is looked at where they are tested.
var (
	reads = map[string][]string{
		"completion": {"bash"}, "doctor": {"--no-run"}, "endpoint explain": {"box"}, "endpoint list": nil, "endpoint status": {"box"},
		"explain": {"TASK"}, "function list": nil,
		"function search": {"numbers"}, "function show": {"add"}, "function memo": {"add"},
		"group list": nil, "group results": {"GROUP"}, "group show": {"GROUP"},
		"identity list": nil, "limits": nil, "task list": nil, "task show": {"TASK"}, "token list": nil, "version": nil, "whoami": nil,
		"serve": {"--sample"},
	}
	changes = strings.Fields("down login logout up map run " +
		"endpoint.cancel endpoint.configure endpoint.delete endpoint.drain endpoint.logs endpoint.pause endpoint.reset-breaker endpoint.restart " +
		"endpoint.resume endpoint.share endpoint.start endpoint.stop " +
		"function.delete function.register function.share group.cancel group.wait " +
		"identity.add identity.create identity.delete identity.remove limits.set simulate.endpoints simulate.managers " +
		"task.cancel task.logs task.result task.wait token.create token.revoke")
)

func TestEveryCommandThatPrintsDataPrintsJSON(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	task, group := p.started("add", "1")
	known := map[string]bool{}
	for _, name := range changes {
		known[strings.ReplaceAll(name, ".", " ")] = true
	}
	for _, command := range cli.Commands() {
		name := strings.Join(command.Path, " ")
		args, reading := reads[name]
		require.True(t, !command.Runs || command.Hidden || reading || known[name], "%s: say in this test whether it reads or changes", name)
		if !reading {
			continue
		}
		all := append(strings.Fields(name), args...)
		for i, arg := range all {
			all[i] = strings.NewReplacer("TASK", task, "GROUP", group).Replace(arg)
		}
		a := p.run(append(all, "--json")...)
		require.NotNil(t, decode[any](a), name)
	}
}
