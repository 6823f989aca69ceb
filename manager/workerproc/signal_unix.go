//go:build unix

package workerproc

import (
	"fmt"
	"syscall"
)

// killGroup signals a worker and what it has started.
func killGroup(pid int, kill bool) error {
	signal := syscall.SIGTERM
	if kill {
		signal = syscall.SIGKILL
	}
	if err := syscall.Kill(-pid, signal); err != nil {
		return fmt.Errorf("sending %v to group %d: %w", signal, pid, err)
	}
	return nil
}
