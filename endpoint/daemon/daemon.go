// Package daemon runs an agent as a daemon: it starts one that survives the
// end of the login session, tells it to stop, and writes what systemd needs
// to do both.
//
// A running agent ends by signal: SIGTERM detaches it, for a restart or an
// upgrade, and managers go on; SIGINT shuts the endpoint down.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/endpoint/journal"
)

// poll is how often another process is looked at.
const poll = 20 * time.Millisecond

// LogPath is where a daemon's output goes.
func LogPath(stateDir string) string { return filepath.Join(stateDir, "agent.log") }

// Agent is what Run needs of one.
type Agent interface {
	Start(ctx context.Context) error
	Done() <-chan struct{}
	Err() error
	Detach(ctx context.Context) error
	Shutdown(ctx context.Context) error
}

// Mode is how a daemon is stopped.
type Mode int

// Modes.
const (
	Detach   Mode = iota // managers go on, for the next agent
	Shutdown             // managers end
)

// Run runs the agent until it ends or one of the signals asks it to. A second
// signal while it stops makes it leave at once: nothing is lost by that.
func Run(ctx context.Context, agent Agent, signals <-chan os.Signal) error {
	if err := agent.Start(ctx); err != nil {
		return err
	}
	select {
	case <-agent.Done():
		return agent.Err()
	case sig := <-signals:
		return stop(ctx, agent, sig == os.Interrupt, signals)
	}
}

var errImpatient = errors.New("told to stop twice")

func stop(ctx context.Context, agent Agent, shutdown bool, signals <-chan os.Signal) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopped := make(chan struct{})
	var stopping errgroup.Group
	stopping.Go(func() error {
		defer close(stopped)
		if shutdown {
			return agent.Shutdown(ctx)
		}
		return agent.Detach(ctx)
	})
	select {
	case <-stopped:
	case <-signals:
		cancel(errImpatient)
	}
	return stopping.Wait()
}

// Start starts a detached process that runs an agent, and waits until it is
// at work. If it ends before, its log says why, and so does the error.
func Start(ctx context.Context, stateDir string, command []string) (endpoint.StatusFile, error) {
	if status, err := Status(stateDir); err == nil {
		return status, yonder.Errorf(yonder.CodeAlreadyRunning, "the endpoint's agent runs already, as process %d", status.PID)
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return endpoint.StatusFile{}, fmt.Errorf("making the state directory: %w", err)
	}
	_ = os.Remove(endpoint.StatusPath(stateDir)) // of one that was killed
	log, err := os.OpenFile(LogPath(stateDir), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return endpoint.StatusFile{}, fmt.Errorf("opening the log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // it outlives this process
	cmd.Stdout, cmd.Stderr = log, log
	if err := detach(cmd); err != nil {
		return endpoint.StatusFile{}, err
	}
	if err := cmd.Start(); err != nil {
		return endpoint.StatusFile{}, fmt.Errorf("starting the agent: %w", err)
	}
	return awaitStart(ctx, stateDir, cmd)
}

func awaitStart(ctx context.Context, stateDir string, cmd *exec.Cmd) (endpoint.StatusFile, error) {
	ended := make(chan error, 1)
	var reaping sync.WaitGroup // not waited for: the process is meant to outlive this one
	reaping.Go(func() { ended <- cmd.Wait() })
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if status, err := Status(stateDir); err == nil && status.PID == cmd.Process.Pid {
			return status, nil
		}
		select {
		case <-ctx.Done():
			return endpoint.StatusFile{}, yonder.Errorf(yonder.CodeTimeout,
				"the agent, process %d, is not at work yet: see %s", cmd.Process.Pid, LogPath(stateDir))
		case err := <-ended:
			return endpoint.StatusFile{}, yonder.Errorf(yonder.CodeNotRunning,
				"the agent ended at once (%v): %s", err, LastWords(LogPath(stateDir)))
		case <-tick.C:
		}
	}
}

// Status returns the status of a running agent; CodeNotRunning if there is
// none, even if one that was killed has left its status behind.
func Status(stateDir string) (endpoint.StatusFile, error) {
	status, err := endpoint.ReadStatus(stateDir)
	if err != nil {
		return status, err
	}
	lock, err := journal.TakeLock(stateDir)
	if err != nil && alive(status.PID) {
		return status, nil // the holder of the lock is the agent
	}
	if err == nil {
		lock.Release()
	}
	return status, yonder.Errorf(yonder.CodeNotRunning,
		"no agent runs with the state directory %s; process %d ended without a goodbye", stateDir, status.PID)
}

// Stop tells a running agent to stop and waits until it has.
func Stop(ctx context.Context, stateDir string, mode Mode) error {
	status, err := Status(stateDir)
	if err != nil {
		return err
	}
	if err := tell(status.PID, mode); err != nil {
		return fmt.Errorf("stopping process %d: %w", status.PID, err)
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for alive(status.PID) {
		select {
		case <-ctx.Done():
			return yonder.Errorf(yonder.CodeTimeout, "process %d has not ended yet: see %s", status.PID, LogPath(stateDir))
		case <-tick.C:
		}
	}
	return nil
}

// LastWords returns the last lines of a file, for people.
func LastWords(file string) string {
	const lines = 5
	data, err := os.ReadFile(file)
	text := strings.TrimSpace(string(data))
	if err != nil || text == "" {
		return "it wrote nothing to " + file
	}
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
