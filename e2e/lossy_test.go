package e2e_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/e2e/chaos/route"
	"github.com/yonder-run/yonder/e2e/system"
)

// lossyRoute loses one packet in twenty and takes 25 ms, each way.
func lossyRoute(t *testing.T, address string, seed uint64, target string) string {
	t.Helper()
	r, err := route.ListenLossy(t.Context(), address, seed, target)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, lost := r.Packets()
		r.Close()
		require.Positive(t, lost, "nobody took the way to "+target)
	})
	r.Set(route.Way{Delay: 25 * time.Millisecond, Loss: 0.05})
	return r.Addr()
}

// farApart is a system whose client, agent and manager are all far from what
// they talk to.
func farApart(t *testing.T) *system.System {
	t.Helper()
	s := system.New(t)
	s.StartService()
	service := s.Address
	s.Address = lossyRoute(t, "127.0.0.1:0", 1, service)
	s.Login()
	s.ConfigureEndpoint(local, "--slots", "4")
	pointTo(t, s, "http://"+lossyRoute(t, "127.0.0.1:0", 2, service))

	// Managers dial the same port of another address of this machine.
	listen := system.FreeAddress(t)
	_, port, err := net.SplitHostPort(listen)
	require.NoError(t, err)
	lossyRoute(t, net.JoinHostPort("127.0.0.2", port), 3, listen)
	config := filepath.Join(s.Home, "endpoints", local, "endpoint.yaml")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	changed := strings.NewReplacer("listen: 127.0.0.1:0", "listen: "+listen, "advertise: []", "advertise: [127.0.0.2]").Replace(string(text))
	require.Regexp(t, `listen: \S+[1-9]\n[^-]*advertise: \[127`, changed)
	require.NoError(t, os.WriteFile(config, []byte(changed), 0o600))
	s.StartAgent(local)
	t.Cleanup(func() { s.StopManagers(local) })
	return s
}

// Every way between processes loses packets. Nothing is lost, done twice or
// stuck, cancels arrive, and what a task says can be followed.
func TestAPoorNetwork(t *testing.T) {
	t.Parallel()
	s := farApart(t)
	t.Run("calls of every sort", func(t *testing.T) {
		t.Parallel()
		c := s.For(t).Python("lossy.py", t.TempDir())
		c.Await("done")
		c.Wait()
	})
	t.Run("cancel", func(t *testing.T) {
		t.Parallel()
		s, dir := s.For(t), t.TempDir()
		p, tasks := stay(t, s, dir, local, "polite")
		process := pids(t, s, filepath.Join(dir, "polite"))
		s.Run("", "task", "cancel", tasks["polite"].String(), "--reason", "not needed")
		task := awaitState(t, s, s.Client(), tasks["polite"], yonder.TaskCancelled)
		require.Regexp(t, `^the task was cancelled: not needed; it ended`, task.Message)
		gone(s, process)
		p.Wait()
	})
	t.Run("what a task says", func(t *testing.T) {
		t.Parallel()
		s := s.For(t)
		r := submitLive(t, s, "talk", 1)
		r.follow(s.Client())
		for step, line := range []string{"step 0\n", "step 1\n", "step 2\n"} {
			r.touch(step)
			r.await(line)
		}
		r.touch("end")
		require.Equal(t, "step 0\nstep 1\nstep 2\n", r.end())
		require.Zero(t, r.skipped)
		r.client.Await("result 3 steps")
	})
}
