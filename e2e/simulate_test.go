package e2e_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

// The shipped service and agent with simulated workers: every result is
// checked against what was sent. The load program runs with the race detector.
func TestSimulatedManagersAnswerEveryTask(t *testing.T) {
	t.Parallel()
	load := filepath.Join(t.TempDir(), "load")
	out, err := exec.Command("go", "build", "-race", "-o", load, "../bench/load").CombinedOutput()
	require.NoError(t, err, "%s", out)
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
			"--processes", "2", "--work", test.work, "--log-level", "warn")
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
	}
}
