package shellworker

import (
	"os"
	"os/exec"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

func newSession(*exec.Cmd) {}

func become(wire.Fork) error {
	return yonder.Errorf(yonder.CodeInvalidRequest, "shell functions run on Linux")
}

func tryByte(*os.File) (bool, error) { return false, nil }

func killGroup(int) {}

func signalOf(*os.ProcessState) int { return 0 }

func settle() {}
