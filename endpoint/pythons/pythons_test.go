package pythons

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/programtest"
	"github.com/yonder-run/yonder/wire"
)

// install writes a program that answers as an interpreter does.
func install(t *testing.T, dir, name, script string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	file := filepath.Join(dir, name)
	programtest.Write(t, file, "#!/bin/sh\n"+script+"\n")
	return file
}

func says(path, version string) string { return fmt.Sprintf("echo %s; echo %s", path, version) }

func TestDiscoverAsksEveryone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shims, bin, pyenv := filepath.Join(dir, "shims"), filepath.Join(dir, "bin"), filepath.Join(dir, "pyenv")
	install(t, shims, "python3", says("/real/python3.11", "3.11.7"))
	install(t, shims, "python3.12", "exit 127") // a shim whose version is not chosen
	install(t, bin, "python3", says("/usr/bin/python3", "3.9.2"))
	install(t, bin, "python3.11", says("/usr/bin/python3.11", "3.11.2"))
	install(t, bin, "python3.13", "echo nonsense")
	install(t, filepath.Join(pyenv, "versions", "3.8.1", "bin"), "python3", says("/pyenv/3.8", "3.8.1"))
	install(t, filepath.Join(pyenv, "versions", "3.12.1", "bin"), "python3", says("/pyenv/3.12", "3.12.1"))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "python3.10"), nil, 0o644))

	found := discover(t.Context(), candidates(shims+string(os.PathListSeparator)+bin, pyenv))
	require.Equal(t, []wire.Interpreter{
		{Version: "3.11.7", Path: "/real/python3.11"},
		{Version: "3.9.2", Path: "/usr/bin/python3"},
		{Version: "3.12.1", Path: "/pyenv/3.12"},
	}, found)
}

func TestTheInterpreterBesideTheProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.Empty(t, beside(filepath.Join(dir, "yonder")))
	python := install(t, dir, "python3", says("/venv/bin/python3", "3.12.0"))
	require.Equal(t, python, beside(filepath.Join(dir, "yonder")))
}

func TestListedInterpretersMustWork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := install(t, dir, "good", says("/opt/python", "3.12.0"))
	found, err := Load(t.Context(), []string{good, good})
	require.NoError(t, err)
	require.Equal(t, []wire.Interpreter{{Version: "3.12.0", Path: "/opt/python"}}, found)
	old := install(t, dir, "old", says("/opt/old", "3.8.9"))
	for _, bad := range []string{old, filepath.Join(dir, "missing")} {
		_, err := Load(t.Context(), []string{good, bad})
		require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
		require.ErrorContains(t, err, "pythons[1]")
	}
}

func TestThisMachine(t *testing.T) {
	t.Parallel()
	found, err := Load(t.Context(), nil)
	require.NoError(t, err)
	for _, python := range found {
		require.True(t, filepath.IsAbs(python.Path), python.Path)
		require.NotContains(t, python.Path, "shims")
	}
}
