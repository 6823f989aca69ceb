//go:build !unix

package process

import "os/exec"

// ownGroup does nothing: endpoints run on Unix systems.
func ownGroup(*exec.Cmd) {}
