// Package local gets blocks from this very machine: a manager is a process in
// a session of its own, so that it outlives the agent that started it.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"github.com/yonder-run/yonder/endpoint/provider"
)

// Local is the driver. It does not wait for its processes when it ends: they
// are meant to go on.
type Local struct {
	mu      sync.Mutex
	reasons map[provider.Handle]string // of own processes that ended
	reaping sync.WaitGroup
}

// New returns the driver.
func New() *Local { return &Local{reasons: map[provider.Handle]string{}} }

var (
	_ provider.Provider = (*Local)(nil)
	_ provider.Finder   = (*Local)(nil)
)

// Submit starts the process.
func (l *Local) Submit(_ context.Context, spec provider.Spec) (provider.Handle, error) {
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", fmt.Errorf("opening the block's log: %w", err)
	}
	defer log.Close()
	// Not CommandContext: the process is to go on when the agent ends.
	cmd := exec.Command(spec.Command[0], spec.Command[1:]...) //nolint:noctx // see above
	cmd.Dir, cmd.Stdout, cmd.Stderr = spec.Dir, log, log
	ownSession(cmd)
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("starting a manager: %w", err)
	}
	birth, err := birthOf(cmd.Process.Pid)
	if err != nil {
		birth = "ended at once" // whatever has its number later is another
	}
	handle := handleOf(cmd.Process.Pid, birth)
	l.reaping.Go(func() { l.reap(handle, cmd) })
	return handle, nil
}

// reap takes note of how a process ended. A process of an earlier agent is
// not ours to wait for; the system does.
func (l *Local) reap(handle provider.Handle, cmd *exec.Cmd) {
	err := cmd.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reasons[handle] = "exit status 0"
	if err != nil {
		l.reasons[handle] = err.Error()
	}
}

// Status looks for the processes.
func (l *Local) Status(_ context.Context, handles []provider.Handle) (map[provider.Handle]provider.Status, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[provider.Handle]provider.Status, len(handles))
	for _, h := range handles {
		reason, ended := l.reasons[h]
		if !ended && alive(h) {
			all[h] = provider.Status{State: provider.Running}
			continue
		}
		if !ended {
			reason = "the process is gone"
		}
		all[h] = provider.Status{State: provider.Ended, Reason: reason}
	}
	return all, nil
}

// killAfter is how long a process may take to end before it is made to.
const killAfter = 10 * time.Second

// Cancel asks the process to end, and sees to it that it does.
func (l *Local) Cancel(_ context.Context, handle provider.Handle) error {
	if !alive(handle) {
		return nil
	}
	pid, _, _ := parse(handle)
	if err := terminate(pid); err != nil && alive(handle) {
		return fmt.Errorf("ending process %d: %w", pid, err)
	}
	time.AfterFunc(killAfter, func() {
		if alive(handle) {
			_ = kill(pid)
		}
	})
	return nil
}

// Find looks for a process that was started for the block.
func (l *Local) Find(ctx context.Context, block string) (provider.Handle, bool, error) {
	all, err := process.ProcessesWithContext(ctx)
	if err != nil {
		return "", false, fmt.Errorf("listing processes: %w", err)
	}
	for _, p := range all {
		args, err := p.CmdlineSliceWithContext(ctx)
		if err != nil || int(p.Pid) == os.Getpid() || !names(args, block) {
			continue
		}
		birth, err := birthOf(int(p.Pid))
		if err == nil {
			return handleOf(int(p.Pid), birth), true, nil
		}
	}
	return "", false, nil
}

// names says whether a command line has "--block <block>".
func names(args []string, block string) bool {
	for i, arg := range args {
		if arg == "--block="+block || arg == "--block" && i+1 < len(args) && args[i+1] == block {
			return true
		}
	}
	return false
}

// A handle is "<pid>:<birth>": a number that was given out again has another
// birth.
func handleOf(pid int, birth string) provider.Handle {
	return provider.Handle(strconv.Itoa(pid) + ":" + birth)
}

var errHandle = errors.New("not a handle of the local provider")

func parse(h provider.Handle) (pid int, birth string, err error) {
	number, birth, ok := strings.Cut(string(h), ":")
	pid, err = strconv.Atoi(number)
	if !ok || err != nil || pid < 1 || birth == "" {
		return 0, "", errHandle
	}
	return pid, birth, nil
}

func alive(h provider.Handle) bool {
	pid, birth, err := parse(h)
	if err != nil {
		return false
	}
	now, err := birthOf(pid)
	return err == nil && now == birth
}
