//go:build unix

package local

import (
	"os/exec"
	"syscall"
)

// ownSession takes the process off the agent's terminal and process group.
func ownSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

func terminate(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) } //nolint:wrapcheck // the caller has the words

// kill ends the process and what it left in its group.
func kill(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) } //nolint:wrapcheck // the caller has the words
