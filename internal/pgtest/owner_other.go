//go:build !unix

package pgtest

import (
	"errors"
	"os/exec"
)

// owner is only needed where there are users to choose from.
type owner struct{}

func give(string) (*owner, error) {
	return nil, errors.New("throw-away PostgreSQL needs a Unix: the watchdog is a shell script")
}

func (*owner) apply(*exec.Cmd, string) {}
