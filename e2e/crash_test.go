package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

func TestMain(m *testing.M) {
	code := m.Run()
	system.Clean()
	os.Exit(code)
}

const heldTasks = 3

// heldRun is a client whose tasks wait until they are let go.
type heldRun struct {
	t      *testing.T
	dir    string
	client *system.Process
}

func submitHeld(t *testing.T, s *system.System, maxAttempts int) *heldRun {
	t.Helper()
	h := &heldRun{t: t, dir: t.TempDir()}
	h.client = s.Python("held.py", h.dir, strconv.Itoa(heldTasks), strconv.Itoa(maxAttempts))
	h.client.Await("accepted")
	return h
}

func (h *heldRun) awaitRunning(s *system.System, runs int) {
	h.t.Helper()
	s.Until("all tasks run", func() bool { return h.runs() >= runs })
}

// runs counts how often any task began.
func (h *heldRun) runs() int {
	n := 0
	for i := range heldTasks {
		data, _ := os.ReadFile(filepath.Join(h.dir, "ran-"+strconv.Itoa(i)))
		n += strings.Count(string(data), "\n")
	}
	return n
}

func (h *heldRun) release() {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(filepath.Join(h.dir, "go"), nil, 0o600))
}

// results waits for the client and returns what it printed for each task.
func (h *heldRun) results() []string {
	h.t.Helper()
	h.client.Wait()
	var results []string
	for line := range strings.Lines(h.client.Output()) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "result "); ok {
			results = append(results, text)
		}
	}
	return results
}

func squares(attempt int) []string {
	want := make([]string, heldTasks)
	for i := range want {
		want[i] = fmt.Sprintf("%d %d %d", i, i*i, attempt)
	}
	return want
}

func TestTheServiceIsKilledBetweenSubmitAndResult(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	service := s.StartService()
	s.Login()
	s.ConfigureEndpoint("local")
	s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })

	h := submitHeld(t, s, 1)
	h.awaitRunning(s, heldTasks)
	service.Kill9()
	h.release() // the results come while nobody listens
	s.StartService()
	require.ElementsMatch(t, squares(1), h.results())
	require.Equal(t, heldTasks, h.runs(), "a task ran twice")
}

func TestTheServiceIsKilledBeforeAnyAgentCame(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	service := s.StartService()
	s.Login()
	s.ConfigureEndpoint("local")

	h := submitHeld(t, s, 1)
	service.Kill9()
	s.StartService()
	s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	h.release()
	require.ElementsMatch(t, squares(1), h.results())
	require.Equal(t, heldTasks, h.runs(), "a task ran twice")
}

func TestTheAgentIsKilledWhileATaskRuns(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{false, true} {
		t.Run(fmt.Sprintf("the task ends before the agent is back: %v", before), func(t *testing.T) {
			t.Parallel()
			s := system.New(t)
			s.StartService()
			s.Login()
			s.ConfigureEndpoint("local")
			agent := s.StartAgent("local")
			t.Cleanup(func() { s.StopManagers("local") })

			h := submitHeld(t, s, 1)
			h.awaitRunning(s, heldTasks)
			agent.Kill9()
			if before {
				h.release()
			}
			s.StartAgent("local")
			h.release()
			require.ElementsMatch(t, squares(1), h.results())
			require.Equal(t, heldTasks, h.runs(), "a task ran twice")
		})
	}
}

func TestTheManagerIsKilledWhileATaskRuns(t *testing.T) {
	t.Parallel()
	for attempts, want := range map[int]string{1: "TaskLost", 2: "again"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			s := system.New(t)
			s.StartService()
			s.Login()
			s.ConfigureEndpoint("local")
			s.StartAgent("local")
			t.Cleanup(func() { s.StopManagers("local") })

			h := submitHeld(t, s, attempts)
			h.awaitRunning(s, heldTasks)
			s.StopManagers("local")
			if attempts > 1 {
				h.awaitRunning(s, 2*heldTasks)
				h.release()
				require.ElementsMatch(t, squares(2), h.results())
				return
			}
			h.release()
			for _, result := range h.results() {
				require.Contains(t, result, want)
			}
			require.Equal(t, heldTasks, h.runs(), "a task ran twice")
		})
	}
}

func TestBothAreKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	service := s.StartService()
	s.Login()
	s.ConfigureEndpoint("local")
	agent := s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })

	h := submitHeld(t, s, 1)
	h.awaitRunning(s, heldTasks)
	for range 3 {
		service.Kill9()
		agent.Kill9()
		service = s.StartService()
		agent = s.StartAgent("local")
	}
	h.release()
	require.ElementsMatch(t, squares(1), h.results())
	require.Equal(t, heldTasks, h.runs(), "a task ran twice")
}
