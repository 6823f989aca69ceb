package cli

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// ownSession keeps the end of this console from the process.
func ownSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}
