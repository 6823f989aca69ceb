//go:build unix

package daemon_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/daemon"
	"github.com/yonder-run/yonder/endpoint/journal"
)

// A process of the test binary that behaves as an agent.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "agent" {
		os.Exit(pretend(os.Args[2]))
	}
	if len(os.Args) == 3 && os.Args[1] == "broken" {
		_, _ = os.Stderr.WriteString("cannot reach the service\n")
		os.Exit(3)
	}
	os.Exit(m.Run())
}

func pretend(dir string) int {
	lock, err := journal.TakeLock(dir)
	if err != nil {
		return 1
	}
	defer lock.Release()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	data, _ := json.Marshal(endpoint.StatusFile{PID: os.Getpid(), Name: "pretended"})
	if err := os.WriteFile(endpoint.StatusPath(dir), data, 0o600); err != nil {
		return 1
	}
	select {
	case sig := <-signals:
		_ = os.WriteFile(filepath.Join(dir, "signal"), []byte(sig.String()), 0o600)
		_ = os.Remove(endpoint.StatusPath(dir))
	case <-time.After(time.Minute):
	}
	return 0
}

func TestStartStatusStop(t *testing.T) {
	t.Parallel()
	for mode, sig := range map[daemon.Mode]string{daemon.Detach: "terminated", daemon.Shutdown: "interrupt"} {
		dir := filepath.Join(t.TempDir(), "state")
		_, err := daemon.Status(dir)
		require.Equal(t, yonder.CodeNotRunning, yonder.CodeOf(err))
		require.Equal(t, yonder.CodeNotRunning, yonder.CodeOf(daemon.Stop(t.Context(), dir, mode)))

		command := []string{os.Args[0], "agent", dir}
		status, err := daemon.Start(t.Context(), dir, command)
		require.NoError(t, err)
		require.NotEqual(t, os.Getpid(), status.PID)
		session, err := syscall.Getpgid(status.PID)
		require.NoError(t, err)
		require.Equal(t, status.PID, session, "a session of its own")
		_, err = daemon.Start(t.Context(), dir, command)
		require.Equal(t, yonder.CodeAlreadyRunning, yonder.CodeOf(err))
		again, err := daemon.Status(dir)
		require.NoError(t, err)
		require.Equal(t, status.PID, again.PID)

		require.NoError(t, daemon.Stop(t.Context(), dir, mode))
		got, err := os.ReadFile(filepath.Join(dir, "signal"))
		require.NoError(t, err)
		require.Equal(t, sig, string(got))
	}
}

func TestKilledDaemonIsNotRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	status, err := daemon.Start(t.Context(), dir, []string{os.Args[0], "agent", dir})
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(status.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		_, err := daemon.Status(dir)
		return yonder.CodeOf(err) == yonder.CodeNotRunning
	}, 10*time.Second, 5*time.Millisecond)
	status, err = daemon.Start(t.Context(), dir, []string{os.Args[0], "agent", dir})
	require.NoError(t, err)
	require.NotZero(t, status.PID)
	require.NoError(t, daemon.Stop(t.Context(), dir, daemon.Detach))
}

func TestDaemonThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := daemon.Start(t.Context(), dir, []string{os.Args[0], "broken", dir})
	require.Equal(t, yonder.CodeNotRunning, yonder.CodeOf(err))
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "cannot reach the service")
	_, err = daemon.Start(t.Context(), dir, []string{filepath.Join(dir, "no such program")})
	require.Error(t, err)
}

func TestLogTurns(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "agent.log")
	other, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer other.Close()
	log, err := daemon.OpenLog(name, 100)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 10 {
				_, _ = log.Write([]byte("123456789\n"))
			}
		})
	}
	all.Wait()
	_, err = other.WriteString("a crash\n")
	require.NoError(t, err)
	require.NoError(t, log.Close())
	now, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("123456789\n", 10)+"a crash\n", string(now))
	old, err := os.ReadFile(name + ".1")
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("123456789\n", 10), string(old))
	again, err := daemon.OpenLog(name, 100)
	require.NoError(t, err)
	_, err = again.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, again.Close())
	now, err = os.ReadFile(name)
	require.NoError(t, err)
	require.Equal(t, "x", string(now))
	require.Contains(t, daemon.LastWords(name+".1"), "a crash")
	require.Contains(t, daemon.LastWords(name+".2"), "nothing")
}

func TestUnit(t *testing.T) {
	t.Parallel()
	u := daemon.Unit{Name: "lab 100%", Command: []string{"/opt/yonder", "endpoint", "run", "--config", `/a "b"/c$d%.yaml`}, Account: "yonder"}
	text := u.Text()
	require.Contains(t, text, "Description=Yonder endpoint lab 100%%\n")
	require.Contains(t, text, `ExecStart="/opt/yonder" "endpoint" "run" "--config" "/a \"b\"/c$$d%%.yaml"`+"\nUser=yonder\nKillMode=process\n")
	require.Contains(t, text, "WantedBy=multi-user.target")
	u.User = true
	require.NotContains(t, u.Text(), "User=")
	require.Contains(t, u.Text(), "WantedBy=default.target")
}

// agent counts what it is told.
type agent struct {
	done     chan struct{}
	start    error
	told     chan string
	patience bool
}

func (a *agent) Start(context.Context) error { return a.start }
func (a *agent) Done() <-chan struct{}       { return a.done }
func (a *agent) Err() error                  { return errors.New("fenced") }

func (a *agent) Detach(ctx context.Context) error   { return a.stop(ctx, "detach") }
func (a *agent) Shutdown(ctx context.Context) error { return a.stop(ctx, "shutdown") }

func (a *agent) stop(ctx context.Context, how string) error {
	a.told <- how
	if a.patience {
		<-ctx.Done()
	}
	return context.Cause(ctx)
}

func TestRun(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	close(ended)
	broken := errors.New("broken")
	require.ErrorIs(t, daemon.Run(t.Context(), &agent{start: broken}, nil), broken)
	require.ErrorContains(t, daemon.Run(t.Context(), &agent{done: ended}, nil), "fenced")
	for sig, how := range map[os.Signal]string{os.Interrupt: "shutdown", syscall.SIGTERM: "detach"} {
		signals := make(chan os.Signal, 1)
		signals <- sig
		a := &agent{done: make(chan struct{}), told: make(chan string, 1)}
		require.NoError(t, daemon.Run(t.Context(), a, signals))
		require.Equal(t, how, <-a.told)
	}
	signals := make(chan os.Signal, 2)
	signals <- os.Interrupt
	signals <- os.Interrupt
	a := &agent{done: make(chan struct{}), told: make(chan string, 1), patience: true}
	require.ErrorContains(t, daemon.Run(t.Context(), a, signals), "twice")
}
