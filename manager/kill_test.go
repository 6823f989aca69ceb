package manager_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

// runAsProcess is a manager in a process of its own, to be killed.
func runAsProcess(file string) {
	if err := manager.Run(context.Background(), manager.Config{Rendezvous: file, Dir: os.Getenv("MANAGER_TEST_DIR")}); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func TestAKilledManagerLeavesNoProcesses(t *testing.T) {
	t.Parallel()
	a := newAgent(t, 1)
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "MANAGER_TEST_RENDEZVOUS="+a.file, "MANAGER_TEST_DIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	a.welcome()
	file := filepath.Join(t.TempDir(), "pids")
	a.work("family", []any{file})
	a.recv(wire.KindBegun)
	all := workertest.Numbers(t, file)
	require.Len(t, all, 3)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	for _, pid := range all {
		workertest.Gone(t, pid)
	}
}
