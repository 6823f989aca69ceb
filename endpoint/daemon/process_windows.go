package daemon

import (
	"os/exec"

	"github.com/yonder-run/yonder"
)

var errUnsupported = yonder.Errorf(yonder.CodeInvalidRequest,
	"endpoints do not run as daemons on Windows: run one on Linux, or in the foreground in WSL")

func detach(*exec.Cmd) error { return errUnsupported }

func tell(int, Mode) error { return errUnsupported }

func alive(int) bool { return false }
