package pages

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

// The notebook runs in a real kernel, with a real service: the environment is
// that of the documentation, which has a kernel.
func TestNotebook(t *testing.T) {
	t.Parallel()
	system.RequirePython(t)
	prepare := exec.CommandContext(t.Context(), "tools/docs/build", "--environment")
	prepare.Dir = top
	out, err := prepare.CombinedOutput()
	if strings.Contains(string(out), "need Python 3.11") && os.Getenv("YONDER_REQUIRE_ALL") == "" {
		t.Skip("the documentation needs Python 3.11 as python3")
	}
	require.NoError(t, err, "%s", out)

	s := system.New(t)
	session := NewSession(t, s.Home, environ(t, s))
	t.Cleanup(func() { end(t, s, session) })
	up, ok := session.Do(Step{Kind: Shell, Text: "yonder up --detach\n"})
	require.True(t, ok, up)
	root, err := filepath.Abs(top)
	require.NoError(t, err)
	shown, ok := session.Do(Step{Kind: Shell, Text: "cd " + root + "; unset PYTHONPATH; PYTHONPATH=python/src " +
		".cache/docs/bin/python tools/docs/notebook.py docs/tutorial/yonder.ipynb; cd\n"})
	require.True(t, ok, shown)
	require.True(t, Matches("…\n'local'\n'hello from process … on …'\n3.1\ncaught: division by zero\nstep 0\nstep 1\nstep 2\n"+
		"3\n'awaited from process … on …'\n24\n", shown), "it shows:\n%s", shown)
	require.NotContains(t, shown, "travels as bytecode", "cells travel by source")
}
