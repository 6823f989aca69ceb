package e2e_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

// What kills its worker is tried as often as it may be and no more, and
// harms nothing beside it.
func TestWhatKillsItsWorkerIsNotTriedForEver(t *testing.T) {
	t.Parallel()
	s := system.New(t)
	s.StartService()
	s.Login()
	s.ConfigureEndpoint("local")
	s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	s.AwaitOnline("local")
	p := s.Python("poison.py", t.TempDir())
	p.Wait()
	out := p.Output()
	for _, line := range []string{
		"once WorkerFailed: the worker process ended itself with exit code 3",
		"(attempt 1 of 1) 1\n",
		"singles [333]\n",
		"map 333 WorkerFailed True\n",
		"(attempt 3 of 3) 3\n",
		"rested True\n",
		"slow WalltimeExceeded: the task ran longer than its walltime of 3s and was stopped (attempt 2 of 2) 2\n",
		"\nafter 2",
	} {
		require.Contains(t, out, line)
	}
}
