//go:build unix

package cli_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/endpoint/journal"
)

// bystander is a process that has the number of one on another machine.
func bystander(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "cat") // which ends after the clean-up has begun
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait(), "nobody has ended it")
	})
	return cmd
}

func from(t *testing.T, lock, host string, pid int) {
	t.Helper()
	text, err := os.ReadFile(lock)
	require.NoError(t, err)
	own, err := os.Hostname()
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(os.Getpid())+" "+own+"\n", string(text))
	require.NoError(t, os.WriteFile(lock, fmt.Appendf(nil, "%d %s\n", pid, host), 0o600))
}

// Login nodes share home directories: what runs on another one is told as such,
// and no process of this machine is taken for it.
func TestAnAgentOfAnotherMachineIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.serve()
	p.ok("endpoint", "configure", "box")
	state := filepath.Join(p.home, "endpoints", "box", "state")
	require.NoError(t, os.MkdirAll(state, 0o700))
	lock, err := journal.TakeLock(state)
	require.NoError(t, err)
	t.Cleanup(lock.Release)
	from(t, filepath.Join(state, "lock"), "login1", bystander(t).Process.Pid)

	require.Regexp(t, `box +on login1`, p.ok("endpoint", "list").out)
	require.Regexp(t, `here +on login1`, p.ok("endpoint", "status", "box").out)
	for _, command := range [][]string{{"start"}, {"stop"}, {"restart"}, {"reset-breaker"}, {"delete", "--yes"}} {
		a := p.fails(yonder.CodeConflict, append([]string{"endpoint", command[0], "box"}, command[1:]...)...)
		require.Contains(t, a.err, "the agent of box runs on login1, as process ")
	}
}

func TestAUpOfAnotherMachineIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	require.NoError(t, home.Home(p.home).Make())
	lock, err := home.Home(p.home).TakeLock()
	require.NoError(t, err)
	t.Cleanup(lock.Release)
	from(t, filepath.Join(p.home, "up.lock"), "login1", bystander(t).Process.Pid)
	for _, command := range []string{"up", "down"} {
		require.Contains(t, p.fails(yonder.CodeConflict, command).err, "on login1, as process ")
	}
}
