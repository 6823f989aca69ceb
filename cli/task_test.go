package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// waiting is a person with a function and an endpoint where nothing runs yet.
func waiting(t *testing.T) *person {
	t.Helper()
	p := newPerson(t)
	c := p.serve()
	register(t, c, "add")
	p.ok("endpoint", "configure", "box")
	return p
}

func TestATaskIsFollowedAndCancelled(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	require.Empty(t, decode[[]yonder.Task](p.ok("task", "list", "--json")))
	golden(t, "task-list-empty", p.ok("task", "list").out)
	started := decode[struct{ Task, Group yonder.ID }](p.ok("run", "add", "1", "-k", "b=2", "-e", "box", "--label", "first", "--no-wait", "--json"))
	id := started.Task.String()

	a := p.fails(yonder.CodeTimeout, "run", "add", "1", "--timeout", "1500ms")
	require.Contains(t, a.err, "yonder task result")
	require.Contains(t, a.err, "the endpoint box has never been online", "slow commands say what they wait for")
	require.Contains(t, p.fails(yonder.CodeTimeout, "task", "result", id, "--timeout", "100ms").err, "yonder task result "+id)

	tasks := decode[[]yonder.Task](p.ok("task", "list", "--json", "--state", "queued", "--endpoint", "box", "--function", "add"))
	require.Len(t, tasks, 3)
	require.Len(t, decode[[]yonder.Task](p.ok("task", "list", "--json", "--group", started.Group.String())), 1)
	require.Len(t, decode[[]yonder.Task](p.ok("task", "list", "--json", "--limit", "2")), 2)
	golden(t, "task-show", p.ok("task", "show", id).out)
	require.Equal(t, "first", decode[yonder.Task](p.ok("task", "show", id, "--json")).Label)

	require.Equal(t, 1, decode[wire.Cancelled](p.ok("task", "cancel", id, "--json")).Cancelled)
	golden(t, "task-list", p.ok("task", "list", "--group", started.Group.String()).out)
	p.fails(yonder.CodeTaskCancelled, "task", "result", id)
	result := decode[wire.Result](p.run("task", "result", id, "--json"))
	require.Equal(t, yonder.CodeTaskCancelled, result.Error.Code)
}

func TestGroupsAreFollowedAndCancelled(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	group := decode[struct{ Group yonder.ID }](p.ok("run", "add", "1", "--no-wait", "--json")).Group.String()
	require.Len(t, decode[[]yonder.Group](p.ok("group", "list", "--json")), 1)
	golden(t, "group-list", p.ok("group", "list").out)
	require.Equal(t, int64(1), decode[yonder.Group](p.ok("group", "show", group, "--json")).Tasks)
	require.Empty(t, decode[[]wire.Result](p.ok("group", "results", group, "--json")))
	p.fails(yonder.CodeTimeout, "group", "wait", group, "--timeout", "100ms")
	require.Equal(t, "1 cancelled, 0 being stopped at the endpoint, 0 had ended before.\n", p.ok("group", "cancel", group).out)
	require.Contains(t, p.fails(yonder.CodeFunctionFailed, "group", "wait", group).err, "1 of 1 tasks failed")
	require.Equal(t, int64(1), decode[yonder.Group](p.ok("group", "show", group, "--json")).Done)
	results := p.run("group", "results", group, "--json")
	require.Equal(t, yonder.CodeTaskCancelled.Info().Exit, results.code)
	require.Len(t, decode[[]wire.Result](results), 1)
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	nobody := yonder.NewID().String()
	p.fails(yonder.CodeInvalidID, "task", "show", "x")
	p.fails(yonder.CodeInvalidID, "task", "cancel", "x")
	p.fails(yonder.CodeInvalidID, "group", "wait", "x")
	p.fails(yonder.CodeInvalidID, "task", "list", "--group", "x")
	p.fails(yonder.CodeInvalidRequest, "task", "list", "--state", "lazy")
	p.fails(yonder.CodeNotFound, "task", "show", nobody)
	p.fails(yonder.CodeNotFound, "task", "result", nobody)
	p.fails(yonder.CodeNotFound, "task", "cancel", nobody)
	p.fails(yonder.CodeNotFound, "group", "show", nobody)
	p.fails(yonder.CodeNotFound, "group", "results", nobody)
	require.Contains(t, p.fails(yonder.CodeNotFound, "run", "sub").err, `no function "sub"`)
	require.Contains(t, p.fails(yonder.CodeNotFound, "run", "add", "-e", "cloud").err, `no endpoint "cloud"`)
	require.Contains(t, p.fails(yonder.CodeInvalidArguments, "run", "add").err, "missing the argument")
	p.ok("endpoint", "configure", "cat")
	require.Contains(t, p.fails(yonder.CodeInvalidRequest, "run", "add", "1").err, "cat, box")
	p.env = []string{"YONDER_ENDPOINT=cat"}
	p.ok("run", "add", "1", "--no-wait")
}

// Interrupting a command that waits does not stop the task, and says so.
func TestWaitingCanBeInterrupted(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	id := decode[struct{ Task yonder.ID }](p.ok("run", "add", "1", "--no-wait", "--json")).Task.String()
	d := p.start("task", "result", id)
	require.Eventually(t, func() bool { return d.said("never been online") }, patience, 20*time.Millisecond)
	require.NoError(t, d.cmd.Process.Signal(os.Interrupt))
	var exit *exec.ExitError
	require.ErrorAs(t, <-d.done, &exit)
	require.Equal(t, 130, exit.ExitCode())
	require.True(t, d.said("yonder task cancel "+id))
	require.Equal(t, yonder.RangeQueued, decode[yonder.Task](p.ok("task", "show", id, "--json")).State)
}

func TestEndpointsAreConfiguredAndListed(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	dir := filepath.Join(p.home, "endpoints", "box")
	for path, mode := range map[string]os.FileMode{dir: 0o700, dir + "/endpoint.yaml": 0o600, dir + "/credential": 0o600} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}
	golden(t, "endpoint-list", p.ok("endpoint", "list").out)
	golden(t, "endpoint-status", strings.ReplaceAll(p.ok("endpoint", "status", "box").out, p.home, "<home>"))
	all := decode[[]struct {
		Name    string
		ID      yonder.ID
		Here    struct{ State string }
		Service yonder.Endpoint
	}](p.ok("endpoint", "list", "--json"))
	require.Len(t, all, 1)
	require.Equal(t, "stopped", all[0].Here.State)
	require.Equal(t, all[0].ID, all[0].Service.ID)

	p.fails(yonder.CodeConflict, "endpoint", "configure", "box")
	p.fails(yonder.CodeInvalidRequest, "endpoint", "configure", "box2", "--slots", "0")
	require.NoDirExists(t, filepath.Join(p.home, "endpoints", "box2"))
	require.NoError(t, os.RemoveAll(dir))
	require.Contains(t, p.fails(yonder.CodeConflict, "endpoint", "configure", "box").err, "--reuse")
	require.NoDirExists(t, dir)
	again := decode[struct{ ID yonder.ID }](p.ok("endpoint", "configure", "box", "--reuse", "--json"))
	require.Equal(t, all[0].ID, again.ID)

	p.fails(yonder.CodeNotFound, "endpoint", "status", "cat")
	p.fails(yonder.CodeNotFound, "endpoint", "logs", "box")
	require.Contains(t, p.ok("endpoint", "share", "box", "--everyone").out, "everyone")

	config := filepath.Join(dir, "endpoint.yaml")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, []byte("slots: 3\n"+string(text)), 0o600))
	require.Contains(t, p.fails(yonder.CodeInvalidConfig, "endpoint", "delete", "box", "--yes").err, "slots")
	require.Contains(t, p.ok("endpoint", "list").out, "broken")
	require.NoError(t, os.WriteFile(config, text, 0o600))
	p.ok("endpoint", "delete", "box", "--yes")
	require.NoDirExists(t, dir)
	p.fails(yonder.CodeNotFound, "endpoint", "share", "box")
	require.Empty(t, decode[[]any](p.ok("endpoint", "list", "--json")))
}

func TestAnEndpointHasAStatusWithoutTheService(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	p.env = []string{"YONDER_URL=http://127.0.0.1:1", "YONDER_TOKEN_FILE=" + filepath.Join(p.home, "service", "admin.token")}
	a := p.ok("endpoint", "status", "box")
	require.Contains(t, a.out, "stopped")
	require.Contains(t, a.err, "cannot be reached")
}
