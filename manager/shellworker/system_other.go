//go:build !linux

package shellworker

import (
	"os"
	"os/exec"
)

func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

// Elsewhere a worker ends when its connection does.
func diesWithParent(*exec.Cmd) {}

func adopt() error { return nil }

// awaitEnd collects it, too.
func awaitEnd(cmd *exec.Cmd) { _ = cmd.Wait() }

// endLeftovers leaves them to the end of the worker's group.
func endLeftovers() error { return nil }
