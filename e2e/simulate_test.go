package e2e_test

import (
	"encoding/json"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/e2e/system"
)

// The shipped service and agent with simulated workers: every result is
// checked against what was sent. The load program runs with the race detector.
func TestSimulatedManagersAnswerEveryTask(t *testing.T) {
	t.Parallel()
	load := buildLoad(t)
	s := system.New(t)
	s.StartService()
	s.Login()
	s.ConfigureEndpoint("scale", "--provider", "none", "--slots", "16")
	s.StartAgent("scale")
	for _, test := range []struct {
		work       string
		tasks      int
		concurrent int
	}{
		{"noop", 10000, 0},
		{"sleep:500ms", 128, 2}, // at the same time, that is; how many depends on the machine
	} {
		crowd := s.Start("simulate", "managers", "--endpoint", "scale", "--managers", "8", "--workers", "16",
			"--processes", "2", "--work", test.work)
		var result struct {
			Verified   int `json:"verified"`
			Wrong      int `json:"wrong"`
			Concurrent int `json:"concurrent"`
		}
		answer := s.RunProgram(t.Context(), "", load, "-endpoint", "scale", "-tasks", strconv.Itoa(test.tasks))
		require.NoError(t, json.Unmarshal([]byte(answer), &result))
		require.Zero(t, result.Wrong)
		require.Equal(t, test.tasks, result.Verified)
		require.GreaterOrEqual(t, result.Concurrent, test.concurrent)
		crowd.Interrupt()
		crowd.Wait()
		require.Regexp(t, `^8 managers .*$`, crowd.Output(), "nothing else is worth a word")
	}
}

func buildLoad(t *testing.T) string {
	t.Helper()
	load := filepath.Join(t.TempDir(), "load")
	out, err := exec.Command("go", "build", "-race", "-o", load, "../bench/load").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return load
}

// Many endpoints, each with its own registration, credential, connection and
// session; what they answer is checked against what each was sent.
func TestSimulatedEndpointsAnswerEveryTask(t *testing.T) {
	t.Parallel()
	const endpoints = 50
	load := buildLoad(t)
	s := system.New(t)
	s.StartService()
	s.Login()
	fleet := s.Start("simulate", "endpoints", "--endpoints", strconv.Itoa(endpoints), "--processes", "2", "--json")
	fleet.Await("50 endpoints are connected")
	var result struct {
		Endpoints int `json:"endpoints"`
		Tasks     int `json:"tasks"`
		Verified  int `json:"verified"`
		Wrong     int `json:"wrong"`
	}
	answer := s.RunProgram(t.Context(), "", load, "-each", "simulated-", "-rate", "5", "-for", "2s")
	require.NoError(t, json.Unmarshal([]byte(answer), &result))
	require.Equal(t, endpoints, result.Endpoints)
	require.Zero(t, result.Wrong)
	require.Equal(t, result.Tasks, result.Verified)

	listed := listEndpoints(t, s)
	require.Len(t, listed, endpoints)
	for _, e := range listed {
		require.True(t, e.Online, e.Name)
	}
	fleet.Interrupt()
	fleet.Wait()
	require.Empty(t, listEndpoints(t, s), "they are deleted")
	_, told, _ := strings.Cut(fleet.Output(), "\n")
	var end struct {
		Endpoints int   `json:"endpoints"`
		Tasks     int64 `json:"tasks"`
		Beats     int64 `json:"beats"`
	}
	require.NoError(t, json.Unmarshal([]byte(told), &end), told)
	require.Equal(t, endpoints, end.Endpoints)
	require.EqualValues(t, result.Tasks, end.Tasks)
	require.GreaterOrEqual(t, end.Beats, int64(endpoints))
}

func listEndpoints(t *testing.T, s *system.System) []yonder.Endpoint {
	t.Helper()
	all, err := client.All[yonder.Endpoint](t.Context(), s.Client(), "endpoints", url.Values{"limit": {"20"}})
	require.NoError(t, err)
	return all
}

// Endpoints that outlived their program are taken over, not made twice.
func TestSimulatedEndpointsAreTakenOver(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	s.StartService()
	s.Login()
	first := s.Start("simulate", "endpoints", "--endpoints", "3")
	first.Await("3 endpoints are connected")
	first.Kill9()
	require.Len(t, listEndpoints(t, s), 3)
	second := s.Start("simulate", "endpoints", "--endpoints", "4", "--processes", "1")
	second.Await("--reuse")
	require.Len(t, listEndpoints(t, s), 3, "what it had registered itself is gone")
	third := s.Start("simulate", "endpoints", "--endpoints", "4", "--reuse")
	third.Await("4 endpoints are connected")
	third.Interrupt()
	third.Wait()
	require.Empty(t, listEndpoints(t, s))
}
