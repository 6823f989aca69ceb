//go:build unix

package daemon

import (
	"errors"
	"os/exec"
	"syscall"
)

// detach takes the process off the terminal and the login session.
func detach(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return nil
}

func tell(pid int, mode Mode) error {
	if mode == Shutdown {
		return syscall.Kill(pid, syscall.SIGINT) //nolint:wrapcheck // the caller has the words
	}
	return syscall.Kill(pid, syscall.SIGTERM) //nolint:wrapcheck // the caller has the words
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
