package e2e_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/e2e/system"
	"github.com/yonder-run/yonder/wire"
)

// controlled is a system whose endpoint has four slots and a short grace period.
func controlled(t *testing.T) *system.System {
	t.Helper()
	s := system.New(t)
	s.StartService()
	s.Login()
	s.ConfigureEndpoint("local", "--slots", "4")
	file := filepath.Join(s.Home, "endpoints", "local", "endpoint.yaml")
	config, err := os.ReadFile(file)
	require.NoError(t, err)
	changed := strings.Replace(string(config), "cancel_grace: 5s", "cancel_grace: 3s", 1)
	require.NotEqual(t, string(config), changed)
	require.NoError(t, os.WriteFile(file, []byte(changed), 0o600))
	t.Cleanup(func() { s.StopManagers("local") })
	return s
}

// stay submits calls that stay, and returns their tasks.
func stay(t *testing.T, s *system.System, dir, endpoint string, names ...string) (*system.Process, map[string]yonder.ID) {
	t.Helper()
	p := s.Python("control.py", append([]string{dir, endpoint}, names...)...)
	tasks := map[string]yonder.ID{}
	for _, name := range names {
		line := strings.Fields(p.Await("task " + name + " "))
		id, err := yonder.ParseID(line[2])
		require.NoError(t, err)
		tasks[name] = id
	}
	return p, tasks
}

// pids waits until a call runs, and returns its process and those it started.
func pids(t *testing.T, s *system.System, file string) []int {
	t.Helper()
	s.Until(file+" is there", func() bool { _, err := os.Stat(file); return err == nil })
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var all []int
	for field := range strings.FieldsSeq(string(data)) {
		pid, err := strconv.Atoi(field)
		require.NoError(t, err)
		all = append(all, pid)
	}
	return all
}

func gone(s *system.System, pids []int) {
	for _, pid := range pids {
		s.Until("process "+strconv.Itoa(pid)+" is gone", func() bool { return syscall.Kill(pid, 0) != nil })
	}
}

func awaitState(t *testing.T, s *system.System, c *client.Client, task yonder.ID, state yonder.State) yonder.Task {
	t.Helper()
	var now yonder.Task
	s.Until("the task is "+string(state), func() bool {
		var err error
		now, err = c.Task(t.Context(), task)
		return err == nil && now.State == state
	})
	return now
}

func TestCancelFromEverywhereInEveryState(t *testing.T) {
	t.Parallel()
	s := controlled(t)
	s.ConfigureEndpoint("away")
	s.StartAgent("local")
	c, dir := s.Client(), t.TempDir()
	running, tasks := stay(t, s, dir, "local", "polite", "stubborn", "family")
	waiting, queued := stay(t, s, t.TempDir(), "away", "quick", "polite")
	processes := map[string][]int{}
	for name := range tasks {
		processes[name] = pids(t, s, filepath.Join(dir, name))
	}

	ended := func(name, how string) {
		t.Helper()
		require.Regexp(t, how, awaitState(t, s, c, tasks[name], yonder.TaskCancelled).Message)
		gone(s, processes[name])
	}
	out := s.Run("", "task", "cancel", tasks["polite"].String(), "--reason", "not needed")
	require.Equal(t, "0 cancelled, 1 being stopped at the endpoint, 0 had ended before.\n", out)
	ended("polite", `^the task was cancelled: not needed; it ended \S+ s after SIGTERM$`)
	require.Equal(t, "0 cancelled, 0 being stopped at the endpoint, 1 had ended before.\n", s.Run("", "task", "cancel", tasks["polite"].String()))

	done, err := c.Cancel(t.Context(), "bundles", tasks["stubborn"].Bundle())
	require.NoError(t, err)
	require.Equal(t, 1, done.Stopping+done.Done, "a bundle of its own, or with the others")
	ended("stubborn", `^the task was cancelled; it ignored SIGTERM and was killed \S+ s later$`)

	s.Run("", "endpoint", "cancel", "local", "--yes", "--reason", "the machine is needed")
	ended("family", `^the task was cancelled by the endpoint's owner, admin: the machine is needed; it ignored SIGTERM and was killed`)

	out = s.Run("", "task", "cancel", queued["quick"].String())
	require.Equal(t, "1 cancelled, 0 being stopped at the endpoint, 0 had ended before.\n", out)
	out = s.Run("", "task", "cancel", "--all", "--yes")
	require.Equal(t, "1 cancelled, 0 being stopped at the endpoint, 0 had ended before.\n", out)
	require.Equal(t, "the task was cancelled; no worker had begun it", awaitState(t, s, c, queued["polite"], yonder.TaskCancelled).Message)
	for _, p := range []*system.Process{running, waiting} {
		p.Wait()
		require.Contains(t, p.Output(), "TaskCancelled")
		require.NotContains(t, p.Output(), "Error")
	}
	require.Contains(t, running.Output(), "not needed", "the error says why")
}

// Cancelling one call of a map leaves its neighbours their results.
func TestCancelOfOneCallOfAMap(t *testing.T) {
	t.Parallel()
	s := controlled(t)
	s.StartAgent("local")
	c, dir := s.Client(), t.TempDir()
	p := s.Python("control.py", dir, "local", "chunk")
	group := strings.Fields(p.Await("group "))[1]
	process := pids(t, s, filepath.Join(dir, "chunk"))
	tasks, err := client.All[yonder.Task](t.Context(), c, "tasks", url.Values{"group": {group}})
	require.NoError(t, err)
	require.Len(t, tasks, 4)
	staying := tasks[0].ID.Bundle().Task(2)
	_, err = c.CancelBecause(t.Context(), "tasks", staying, "this one", nil)
	require.NoError(t, err)
	require.Contains(t, awaitState(t, s, c, staying, yonder.TaskCancelled).Message, "this one")
	for _, i := range []int{0, 1, 3} {
		require.Equal(t, 1, awaitState(t, s, c, staying.Bundle().Task(i), yonder.TaskSucceeded).Attempt)
	}
	gone(s, process)
	p.Wait()
	require.Contains(t, p.Output(), "raised TaskCancelled")
}

func explained(t *testing.T, s *system.System, c *client.Client, task yonder.ID, like string) wire.Explanation {
	t.Helper()
	var e wire.Explanation
	s.Until("it is explained as "+like, func() bool {
		var err error
		e, err = c.Explain(t.Context(), "tasks", task)
		return err == nil && regexp.MustCompile(like).MatchString(e.Summary)
	})
	return e
}

// A pause outlives the restarts of both sides. What runs goes on, what comes
// waits and says why, and is done once the endpoint is resumed.
func TestAPausedEndpointOutlivesRestarts(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	service := s.StartService()
	s.Login()
	s.ConfigureEndpoint("local")
	c := s.Client()
	dir := t.TempDir()
	early, waits := stay(t, s, dir, "local", "quick")
	explained(t, s, c, waits["quick"], "has never been online")
	agent := s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	early.Wait()
	explained(t, s, c, waits["quick"], "it succeeded in attempt 1")

	h := submitHeld(t, s, 1)
	h.awaitRunning(s, heldTasks)
	require.Contains(t, s.Run("", "endpoint", "pause", "local", "--reason", "a new disk"), "is paused")
	require.Contains(t, s.Run("", "endpoint", "list"), "paused")
	service.Kill9()
	s.StartService()
	agent.Kill9()
	agent = s.StartAgent("local")

	later, waits := stay(t, s, dir, "local", "quick")
	e := explained(t, s, c, waits["quick"], "the endpoint local is paused: a new disk")
	require.Equal(t, yonder.RangeQueued, e.State)
	h.release()
	require.ElementsMatch(t, squares(1), h.results())
	require.Equal(t, heldTasks, h.runs(), "a task ran twice")
	explained(t, s, c, waits["quick"], "paused")
	require.Contains(t, s.Run("", "endpoint", "resume", "local"), "works again")
	later.Wait()
	require.Contains(t, later.Output(), "result quick done")

	// Offline, the task waits for the agent; everything is in one answer.
	agent.Kill9()
	s.Until("the endpoint is offline", func() bool {
		text := s.Run("", "endpoint", "explain", "local")
		return strings.Contains(text, "it is offline") && strings.Contains(text, "session")
	})
}

func TestADrainedAgentFinishesAndEnds(t *testing.T) {
	t.Parallel()
	s := controlled(t)
	agent := s.StartAgent("local")
	c := s.Client()
	h := submitHeld(t, s, 1)
	h.awaitRunning(s, heldTasks)
	tasks, err := client.All[yonder.Task](t.Context(), c, "tasks", nil)
	require.NoError(t, err)
	e := explained(t, s, c, tasks[0].ID, "attempt 1 runs on .*, process")
	require.Equal(t, "running", e.Steps[len(e.Steps)-1].Step, "%v", e.Steps)
	require.Contains(t, s.Run("", "explain", tasks[0].ID.String()), "given to manager")

	s.Run("", "endpoint", "drain", "local", "--exit", "--reason", "the allocation ends")
	late, waits := stay(t, s, t.TempDir(), "local", "quick")
	explained(t, s, c, waits["quick"], "is draining: the allocation ends")
	h.release()
	require.ElementsMatch(t, squares(1), h.results())
	agent.Wait()
	s.Run("", "endpoint", "resume", "local")
	s.StartAgent("local")
	late.Wait()
}
