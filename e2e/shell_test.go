package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

// site is a service with an endpoint named local.
func site(t *testing.T) *system.System {
	t.Helper()
	s := system.New(t)
	s.StartService()
	s.Login()
	s.ConfigureEndpoint("local", "--slots", "2")
	s.StartAgent("local")
	t.Cleanup(func() { s.StopManagers("local") })
	return s
}

// program runs a program as somebody would who has ours on the PATH.
func program(t *testing.T, s *system.System, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(s.Environ(), "PATH="+s.Bin()+string(filepath.ListSeparator)+os.Getenv("PATH"), "TMPDIR="+s.Home)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v\n%s", args, out)
	return string(out)
}

// Every block of the page is run, in order, in one home.
func TestShellFunctionsAsThePageSays(t *testing.T) {
	t.Parallel()
	python := system.RequirePython(t)
	text, err := os.ReadFile("../docs/how-to/shell-functions.md")
	require.NoError(t, err)
	s := site(t)
	var printed []string
	for _, block := range regexp.MustCompile("(?s)\n```(sh|python)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		switch block[1] {
		case "sh":
			printed = append(printed, program(t, s, "bash", "-euo", "pipefail", "-c", block[2]))
		case "python":
			printed = append(printed, program(t, s, python, "-c", block[2]))
		}
	}
	for i, says := range []string{
		"\nhello Ada Lovelace\n", "hello $(rm -rf ~); \"quoted\" and `back`\n", "\n40\n31\n7\n40\n", "notes.tar.gz\nnotes.txt\n",
		`"returncode": 1`, "return codes: [0, 3]\nShellError 2\n",
	} {
		require.Contains(t, printed[i], says)
	}
	require.Contains(t, printed[2], "top(files, n=…)")
}

func TestTheGoExample(t *testing.T) {
	t.Parallel()
	system.RequirePython(t)
	s := site(t)
	file := filepath.Join(s.Home, "simulate.py")
	require.NoError(t, os.WriteFile(file, []byte("def simulate(steps: int, seed: int = 0) -> float:\n    return steps / (seed + 1)\n"), 0o600))
	s.Run("", "function", "register", file+":simulate")
	out := program(t, s, "go", "run", "../examples/go", "-python", "simulate")
	for _, line := range []string{
		"one: 1 (return code 0, count.txt holds 1)", "it's $(two): 2 (return code 0, count.txt holds 2)", "three: 4 (",
		"simulate returned 23.2558", "simulate raised TypeError: ",
	} {
		require.Contains(t, out, line)
	}
	require.Equal(t, 5, strings.Count(out, "\n"), out)
}
