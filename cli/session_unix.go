//go:build unix

package cli

import (
	"os/exec"
	"syscall"
)

// ownSession keeps the end of this terminal from the process.
func ownSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
