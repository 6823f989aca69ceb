package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/wire"
)

// started runs a function without waiting and returns task and group.
func (p *person) started(args ...string) (task, group string) {
	p.t.Helper()
	r := decode[struct{ Task, Group yonder.ID }](p.ok(append([]string{"run", "--no-wait", "--json"}, args...)...))
	return r.Task.String(), r.Group.String()
}

func TestSeveralTasksAreWaitedFor(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	one, group := p.started("add", "1")
	two, _ := p.started("add", "2")
	a := p.fails(yonder.CodeTimeout, "task", "wait", one, two, "--timeout", "1500ms")
	require.Contains(t, a.err, "0 of 2 ended, waiting for "+one)
	require.Contains(t, a.err, "the tasks go on")
	p.fails(yonder.CodeInvalidID, "task", "wait", "x")
	p.fails(yonder.CodeNotFound, "task", "wait", yonder.NewID().String())
	follow := p.start("group", "results", group, "--follow", "--json")
	p.ok("task", "cancel", one, two)
	var results []wire.Result
	follow.ready(&results)
	require.Len(t, results, 1)
	a = p.fails(yonder.CodeTaskCancelled, "task", "wait", one, two)
	require.Contains(t, a.err, "2 of 2 tasks failed")
	require.Len(t, decode[[]yonder.Task](p.run("task", "wait", one, two, "--json")), 2)
}

func TestArgumentsComeFromATable(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	file := filepath.Join(p.home, "calls.CSV")
	refused := func(table, says string) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, []byte(table), 0o600))
		require.Contains(t, p.fails(yonder.CodeInvalidRequest, "map", "add", "--file", file).err, says)
	}
	refused("a,b\n1\n", "line 2 has 1 cells, and the first row has 2")
	refused("a,\n1,2\n", "the first row has to name the argument of each column")
	refused("a,b\n1,\"x\n", "is not CSV")
	refused("a;b\n1;2\n", `the first row is one name, "a;b": columns are separated by commas`)
	refused("a\tb\n1\t2\n", "columns are separated by commas")
	require.Contains(t, p.fails(yonder.CodeInvalidRequest, "map", "add", "--file", "/none.csv").err, "there is no file /none.csv")
	p.stdin = "x,y\n1,2\n"
	require.Contains(t, p.fails(yonder.CodeInvalidRequest, "map", "add").err, "line 1 is not JSON")
	require.Contains(t, p.fails(yonder.CodeInvalidArguments, "map", "add", "--format", "csv").err, `missing the argument "a"`)
}

func TestDownSaysWhatItWaitsForAndWhatGoesOn(t *testing.T) {
	t.Parallel()
	pythonWithPackage(t)
	p := newPerson(t)
	p.ok("up", "--detach", "--listen", "127.0.0.1:0", "--slots", "2", "--json")
	t.Cleanup(func() { p.run("down", "--all") })
	p.ok("endpoint", "configure", "box", "--slots", "1")
	p.ok("endpoint", "start", "box")
	p.teach("slow", "add")
	p.stdin = "a,b,c\n1,2,3\nx,\"\"\"y\"\"\",z\n"
	require.Equal(t, "6\n\"xyz\"\n", p.ok("map", "add", "-e", "local", "--format", "csv").out)
	p.stdin = ""

	task, _ := p.started("slow", "3", "-e", "local")
	require.Eventually(t, func() bool {
		status := decode[struct {
			Here struct{ Status struct{ Busy int } }
		}](p.ok("endpoint", "status", "local", "--json"))
		return status.Here.Status.Busy == 1
	}, patience, pollEvery)
	a := p.ok("down")
	require.Contains(t, a.err, "waiting for 1 running task to end, for 1m0s at most")
	require.Contains(t, a.err, "The agent of box (process ")
	require.Contains(t, a.err, `"yonder endpoint stop box" stops it`)
	require.NotEmpty(t, p.leftoverAgents())

	up := decode[home.Up](p.ok("up", "--detach", "--listen", "127.0.0.1:0", "--json"))
	require.NotEmpty(t, up.URL)
	require.Equal(t, "done\n", p.ok("task", "result", task).out)
	stopped := p.ok("down", "--all", "--json")
	require.Contains(t, stopped.out, `"left": []`)
	require.Contains(t, stopped.out, `"name": "box"`)
	p.nothingLeft()
}

// An agent that the service will not have is no agent that was started.
func TestStartingSaysThatTheServiceRefuses(t *testing.T) {
	t.Parallel()
	pythonWithPackage(t)
	p := newPerson(t)
	p.serve()
	p.ok("endpoint", "configure", "box", "--slots", "1")
	credential := filepath.Join(p.home, "endpoints", "box", "credential")
	mine, err := os.ReadFile(credential)
	require.NoError(t, err)
	wrong := strings.TrimSpace(string(mine[:len(mine)-5])) + "aaaa\n"
	require.NoError(t, os.WriteFile(credential, []byte(wrong), 0o600))
	a := p.fails(yonder.CodeUnauthenticated, "endpoint", "start", "box")
	require.Contains(t, a.err, "the service refuses the agent of box, which was stopped again")
	require.Contains(t, a.err, `"yonder endpoint configure box --reuse"`)
	require.Empty(t, p.leftoverAgents())
	p.ok("endpoint", "configure", "box", "--reuse")
	p.ok("endpoint", "start", "box")
	p.ok("endpoint", "stop", "box")
}
