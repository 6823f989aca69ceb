package shellworker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/yonder-run/yonder"
)

// self is this very program, even if its file was replaced.
func self() string { return "/proc/self/exe" }

// newSession gives a worker its own group, and its end with the zygote.
func newSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// diesWithParent leaves a command in the worker's group.
func diesWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// adopt makes this process the parent of what its children leave behind.
func adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming a subreaper: %w", err)
	}
	return nil
}

// awaitEnd waits for a child without collecting it.
func awaitEnd(cmd *exec.Cmd) {
	for errors.Is(unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
}

// leftoversAtMost is how long what a command left running may take to end.
const leftoversAtMost = 5 * time.Second

// endLeftovers kills what the command has left running, whatever session it
// has moved to: all of it is this process's by now.
func endLeftovers() error {
	end := time.Now().Add(leftoversAtMost)
	for {
		if err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); errors.Is(err, unix.ECHILD) {
			return nil
		}
		if time.Now().After(end) {
			return yonder.Errorf(yonder.CodeWorkerFailed, "processes that the command has left running cannot be ended")
		}
		for _, pid := range children() {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for {
			if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 && !errors.Is(err, unix.EINTR) {
				break
			}
		}
		<-time.After(time.Millisecond) // what was killed takes a moment to end
	}
}

// children lists the processes whose parent is this one.
func children() []int {
	own := strconv.Itoa(os.Getpid())
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		data, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		// The name, in parentheses, may hold anything.
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(fields) > 1 && fields[1] == own {
			found = append(found, pid)
		}
	}
	return found
}
