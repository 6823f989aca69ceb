package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// An endpoint for commands alone needs no Python anywhere.
func TestShellFunctionsWithoutPython(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.serve()
	p.ok("endpoint", "configure", "box", "--slots", "2")
	config := filepath.Join(p.home, "endpoints", "box", "endpoint.yaml")
	text, err := os.ReadFile(config)
	require.NoError(t, err)
	changed := strings.Replace(string(text), `kinds: ["python","shell"]`, `kinds: ["shell"]`, 1)
	require.NotEqual(t, string(text), changed)
	require.NoError(t, os.WriteFile(config, []byte(changed), 0o600))
	tools := filepath.Join(p.home, "tools")
	require.NoError(t, os.Mkdir(tools, 0o700))
	for _, tool := range []string{"sh", "bash", "sleep", "cat", "mkdir", "head"} {
		require.NoError(t, os.Symlink(lookPath(t, tool), filepath.Join(tools, tool)))
	}
	p.env = []string{"PATH=" + tools}
	p.ok("endpoint", "start", "box")
	t.Cleanup(func() { p.run("endpoint", "stop", "box") })
	p.commands()
}

func (p *person) commands() {
	t := p.t
	t.Helper()
	made := p.ok("function", "register", "--name", "greet", "--shell", "echo {greeting} {name}; exit {code}",
		"--param", "greeting=good morning", "--param", "code:integer=0")
	require.Contains(t, made.out, "greet(name, greeting=…, code=…), version 1")
	require.Equal(t, "good morning it's $HOME\n", p.ok("run", "greet", "it's $HOME").out)
	a := p.fails(yonder.CodeFunctionFailed, "run", "greet", "you", "-k", "code=3")
	require.Equal(t, "good morning you\n", a.out)
	require.Contains(t, a.err, "return code 3")
	result := decode[wire.Result](p.ok("run", "greet", "x", "--json"))
	require.Equal(t, "good morning x\n", result.Value.(map[string]any)["stdout"])
	p.fails(yonder.CodeInvalidArguments, "run", "greet")
	p.fails(yonder.CodeInvalidArguments, "run", "greet", "x", "-k", "code=true")
	p.stdin = "\"a\"\n[\"b\", \"hi\"]\n"
	lines := strings.Split(strings.TrimSpace(p.ok("map", "greet").out), "\n")
	require.Contains(t, lines[1], `"stdout":"hi b\n"`)
	shown := p.ok("function", "show", "greet").out
	require.Contains(t, shown, "echo {greeting} {name}")
	require.Contains(t, shown, "code: integer = 0")

	file := filepath.Join(p.home, "tree.sh")
	require.NoError(t, os.WriteFile(file, []byte("\ufeffmkdir -p a/b\r\ncat > {name}.txt\r\ncat {name}.txt > a/b/copy\r\n"), 0o600))
	p.ok("function", "register", "--name", "tree", "--shell-file", file, "--stdin", "{text}", "--output", "{name}.txt", "--output", "**/copy",
		"--check", "--bash", "--env", "LC_ALL=C", "--walltime", "1m")
	out := filepath.Join(p.home, "out")
	require.Contains(t, p.ok("run", "tree", "n", "some text", "--files", out).err, "saved in "+out)
	data, err := os.ReadFile(filepath.Join(out, "a", "b", "copy"))
	require.NoError(t, err)
	require.Equal(t, "some text", string(data))
	require.Contains(t, p.fails(yonder.CodeFunctionFailed, "run", "tree", "no/such/dir", "x").err, "ShellError")
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name)
		}
	}
	require.FailNow(t, "there is no "+name)
	return ""
}

func TestWhatIsNoShellFunctionIsRefusedEarly(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.fails(yonder.CodeInvalidRequest, "function", "register")
	p.fails(yonder.CodeInvalidRequest, "function", "register", "--shell", "true")
	p.fails(yonder.CodeInvalidRequest, "function", "register", "f.py:f", "--shell", "true", "--name", "x")
	p.fails(yonder.CodeInvalidRequest, "function", "register", "--shell", "true", "--shell-file", "x", "--name", "x")
	p.fails(yonder.CodeInvalidRequest, "function", "register", "--shell-file", "/none", "--name", "x")
	p.serve()
	for says, args := range map[string][]string{
		"line 1, column 6: a {":     {"--shell", "echo {x"},
		"stands inside quotes":      {"--shell", `echo "{x}"`},
		"not NAME=value":            {"--shell", "true", "--env", "A"},
		"the default of the type":   {"--shell", "echo {n}", "--param", "n:integer=x"},
		"choose one of":             {"--shell", "echo {n}", "--param", "n:float"},
		"does not lie in":           {"--shell", "true", "--output", "/etc/*"},
		`kept "failed" or "always"`: {"--shell", "true", "--keep", "ever"},
	} {
		a := p.fails(yonder.CodeInvalidRequest, append([]string{"function", "register", "--name", "x"}, args...)...)
		require.Contains(t, a.err, says)
	}
}
