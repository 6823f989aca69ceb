package local

import (
	"os"
	"os/exec"
	"syscall"
)

// ownSession takes the process off the agent's console.
func ownSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func terminate(pid int) error { return kill(pid) }

func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err //nolint:wrapcheck // the caller has the words
	}
	return p.Kill() //nolint:wrapcheck // the caller has the words
}
