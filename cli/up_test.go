package cli_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/wire"
)

const program = `
import sys, time

def add(a, b=1, *, c=0):
    return a + b + c

def fail(x):
    print("on stdout")
    print("on stderr", file=sys.stderr)
    raise ValueError(x)

def slow(seconds):
    time.sleep(seconds)
    return "done"

def odd():
    return object()

def length(text):
    return len(text)

def crash():
    import os
    for line in range(200):
        print("line", line, "of the dump", file=sys.stderr)
    os.abort()
`

// teach registers the functions of the program above.
func (p *person) teach(names ...string) {
	p.t.Helper()
	file := filepath.Join(p.home, "program.py")
	require.NoError(p.t, os.WriteFile(file, []byte(program), 0o600))
	for _, name := range names {
		p.ok("function", "register", file+":"+name, "--python", pythonWithPackage(p.t))
	}
}

// leftovers are processes that know the person's home.
func (p *person) leftovers() []string {
	p.t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(p.t, err)
	var found []string
	for _, file := range files {
		data, _ := os.ReadFile(file)
		if line := strings.ReplaceAll(string(data), "\x00", " "); strings.Contains(line, p.home) {
			found = append(found, line)
		}
	}
	return found
}

// nothingLeft waits until all processes are gone: a node's may take a moment
// after those that answer for it.
func (p *person) nothingLeft() {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return len(p.leftovers()) == 0 }, patience, 20*time.Millisecond, "processes are left: %v", p.leftovers())
}

func TestUpFromNothingToAResultAndDown(t *testing.T) {
	t.Parallel()
	pythonWithPackage(t)
	p := newPerson(t)
	up := decode[home.Up](p.ok("up", "--detach", "--listen", "127.0.0.1:0", "--slots", "2", "--json"))
	t.Cleanup(func() { p.run("down") })
	require.Contains(t, p.fails(yonder.CodeAlreadyRunning, "up").err, up.URL)
	require.Contains(t, p.fails(yonder.CodeAlreadyRunning, "up", "--detach").err, up.URL)
	p.teach("add", "fail", "slow", "odd", "length", "crash")

	require.Equal(t, "42\n", p.ok("run", "add", "40", "2", "--endpoint", "local").out)
	require.Equal(t, "x12\n", p.ok("run", "add", "x", "-k", `b="1"`, "-k", `c="2"`).out)
	require.Equal(t, "-1\n", p.ok("run", "add", "--", "-2").out)
	require.Equal(t, "12345678901234567890\n", p.ok("run", "add", "12345678901234567889").out)
	result := decode[wire.Result](p.ok("run", "add", "1", "--json"))
	require.InDelta(t, 2, result.Value, 0)

	a := p.fails(yonder.CodeFunctionFailed, "run", "fail", "because")
	for _, says := range []string{"on stdout", "on stderr", "Traceback", "program.py", "ValueError: because"} {
		require.Contains(t, a.err, says)
	}
	require.Empty(t, a.out)
	p.fails(yonder.CodeUnserialisable, "run", "odd")
	p.fails(yonder.CodeWalltimeExceeded, "run", "slow", "60", "--walltime", "300ms")
	a = p.fails(yonder.CodeWorkerFailed, "run", "crash")
	require.Contains(t, a.err, "error: the worker process was killed by signal 6")
	require.Regexp(t, `(?s)\nerror: .*attempt 3, at the endpoint local\nline 0 of the dump\n.*lines left out`, "\n"+a.err)
	require.Less(t, strings.Count(a.err, "\n"), 60, "a dump is long")
	crashed := regexp.MustCompile(`task ([0-9a-f-]{36}), attempt 3`).FindStringSubmatch(a.err)[1]
	require.Contains(t, p.ok("task", "logs", crashed).err, "yonder task logs "+crashed+" --attempt 2")
	a = p.ok("task", "logs", crashed, "--attempt", "1")
	require.Regexp(t, `(?s)line 0 of the dump\n.*line 199 of the dump\n.*… attempt 1 ended without a result \(worker_failed\)`, a.err)
	require.Contains(t, p.ok("explain", crashed).out, "--attempt 1")
	p.fails(yonder.CodeNotFound, "task", "logs", crashed, "--attempt", "4")
	p.fails(yonder.CodeInvalidRequest, "task", "logs", "-f", crashed, "--attempt", "1")
	a = p.ok("run", "slow", "1.5")
	require.Equal(t, "done\n", a.out)
	require.Regexp(t, "attempt 1 runs on|worker is being started for it", a.err, "what is slow shows what it waits for")

	p.mapLines()
	require.Contains(t, p.ok("endpoint", "status", "local").out, "online")
	require.Contains(t, p.fails(yonder.CodeConflict, "endpoint", "stop", "local").err, "yonder down")
	require.Contains(t, p.fails(yonder.CodeConflict, "endpoint", "delete", "local", "--yes").err, "yonder down")
	require.Contains(t, p.ok("endpoint", "logs", "local", "--json").out, "session opened")

	require.Equal(t, "Yonder is down.\n", p.ok("down").out)
	p.fails(yonder.CodeNotRunning, "down")
	p.nothingLeft()
}

// Endpoints know the address of their service: it stays what it was.
func TestUpIsWhereItWas(t *testing.T) {
	t.Parallel()
	pythonWithPackage(t)
	p := newPerson(t)
	first := decode[home.Up](p.ok("up", "--detach", "--listen", "127.0.0.1:0", "--json"))
	t.Cleanup(func() { p.run("down") })
	p.ok("endpoint", "configure", "box")
	p.ok("down")
	again := p.ok("up", "--detach", "--json")
	require.Equal(t, first.URL, decode[home.Up](again).URL)
	require.NotContains(t, again.err, "box")
	p.ok("down")
	require.Contains(t, p.ok("up", "--detach", "--listen", "127.0.0.1:0", "--json").err, "The endpoint box looks for its service at "+first.URL)
	p.ok("down")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	require.NoError(t, home.Home(p.home).WriteAddress(taken.Addr().String()))
	for _, how := range [][]string{{"up"}, {"up", "--detach"}} {
		require.Contains(t, p.fails(yonder.CodePortInUse, how...).err, "where endpoints look for this service since it was up last")
	}
	p.nothingLeft()
}

func (p *person) mapLines() {
	p.t.Helper()
	p.stdin = "1\n[1, 2]\n{\"a\": 1, \"c\": 9}\n"
	require.Equal(p.t, "2\n3\n11\n", p.ok("map", "add").out)
	p.stdin = "1\n\"x\"\n"
	a := p.run("map", "add")
	require.Equal(p.t, yonder.CodeFunctionFailed.Info().Exit, a.code)
	require.Equal(p.t, "2\nnull\n", a.out)
	require.Contains(p.t, a.err, "2: the function raised TypeError")
	inJSON := p.run("map", "add", "--json")
	require.Len(p.t, decode[[]wire.Result](inJSON), 2)
	p.stdin = ""
	require.Empty(p.t, p.ok("map", "add").out)
	require.Empty(p.t, decode[[]wire.Result](p.ok("map", "add", "--json")))
	p.stdin = "1\nx\n"
	require.Contains(p.t, p.fails(yonder.CodeInvalidRequest, "map", "add").err, "line 2 is not JSON")
	p.stdin = "\"" + strings.Repeat("x", 1<<20) + "\"\n"
	require.Equal(p.t, strconv.Itoa(1<<20)+"\n", p.ok("map", "length").out)
	lines := make([]string, 2500)
	for i := range lines {
		lines[i] = strconv.Itoa(i)
	}
	p.stdin = strings.Join(lines, "\n")
	got := strings.Fields(p.ok("map", "add").out)
	require.Len(p.t, got, len(lines))
	require.Equal(p.t, "2500", got[len(got)-1])
	p.stdin = ""
}

// What was accepted before goes on at the next start, at another address.
func TestUpGoesOnWhereItEnded(t *testing.T) {
	t.Parallel()
	pythonWithPackage(t)
	p := newPerson(t)
	p.ok("up", "--detach", "--listen", "127.0.0.1:0")
	t.Cleanup(func() { p.run("down") })
	p.teach("add")
	p.ok("down")
	p.fails(yonder.CodeUnavailable, "function", "list")
	first, err := os.ReadFile(filepath.Join(p.home, "endpoints", "local", "endpoint.yaml"))
	require.NoError(t, err)

	p.ok("up", "--detach", "--listen", "127.0.0.1:0")
	require.Equal(t, "2\n", p.ok("run", "add", "1").out)
	require.Len(t, decode[[]any](p.ok("endpoint", "list", "--json")), 1, "it is registered once")
	again, err := os.ReadFile(filepath.Join(p.home, "endpoints", "local", "endpoint.yaml"))
	require.NoError(t, err)
	require.Equal(t, string(first), string(again))
	p.ok("down")
	require.NoError(t, os.RemoveAll(filepath.Join(p.home, "endpoints")))
	p.ok("up", "--detach", "--listen", "127.0.0.1:0")
	require.Equal(t, "2\n", p.ok("run", "add", "1").out, "a lost directory is made again")
	p.ok("down")
}

func TestUpInTheForegroundEndsWithASignal(t *testing.T) {
	t.Parallel()
	pythonWithPackage(t)
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := newPerson(t)
		d := p.start("up", "--listen", "127.0.0.1:0", "--json")
		var up home.Up
		d.ready(&up)
		p.teach("slow")
		p.ok("run", "slow", "0.5", "--no-wait")
		require.NoError(t, d.cmd.Process.Signal(signal))
		select {
		case err := <-d.done:
			require.NoError(t, err, "%s", d.errs)
		case <-time.After(patience):
			t.Fatal("it does not end")
		}
		p.nothingLeft()
		require.NoFileExists(t, filepath.Join(p.home, "up.json"))
	}
}

func TestUpSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	var config net.ListenConfig
	taken, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, mode := range [][]string{{"up"}, {"up", "--detach"}} {
		args := slices.Concat(mode, []string{"--listen", taken.Addr().String()})
		require.Contains(t, p.fails(yonder.CodePortInUse, args...).err, "--listen 127.0.0.1:0")
	}
	p.fails(yonder.CodeInsecureListen, "up", "--listen", "0.0.0.0:0")
	p.fails(yonder.CodeInvalidConfig, "up", "--python", "/none/python3")
	p.fails(yonder.CodeInvalidConfig, "up", "--dir", "/dev/null/x")

	p.env = []string{"PATH=/none", "PYENV_ROOT=/none"}
	require.Contains(t, p.fails(yonder.CodeNoInterpreter, "up", "--listen", "127.0.0.1:0").err, "--python")
	p.env = nil
	login := home.Login{URL: "https://elsewhere.example.org", Token: "yt_dear"}
	require.NoError(t, home.Home(p.home).WriteLogin(login))
	require.Contains(t, p.fails(yonder.CodeConflict, "up", "--listen", "127.0.0.1:0").err, "elsewhere")
	kept, err := home.Home(p.home).ReadLogin()
	require.NoError(t, err)
	require.Equal(t, login, kept)
	p.nothingLeft()
}

func TestAnEndpointIsStartedRestartedAndStopped(t *testing.T) {
	t.Parallel()
	pythonWithPackage(t)
	p := newPerson(t)
	p.serve()
	p.teach("slow")
	p.ok("endpoint", "configure", "box", "--slots", "1")
	p.fails(yonder.CodeNotRunning, "endpoint", "stop", "box")
	p.fails(yonder.CodeNotRunning, "endpoint", "restart", "box")
	p.fails(yonder.CodeNotFound, "endpoint", "start", "cat")
	p.env = []string{"PATH=/none", "PYENV_ROOT=/none"}
	p.fails(yonder.CodeNoInterpreter, "endpoint", "start", "box")
	p.env = nil

	type agent struct {
		PID       int
		Connected bool
		Log       string
	}
	first := decode[agent](p.ok("endpoint", "start", "box", "--json"))
	t.Cleanup(func() { p.run("endpoint", "stop", "box") })
	require.True(t, first.Connected)
	require.FileExists(t, first.Log)
	p.fails(yonder.CodeAlreadyRunning, "endpoint", "start", "box")
	require.Contains(t, p.fails(yonder.CodeConflict, "endpoint", "delete", "box", "--yes").err, "stop it first")

	task := decode[struct{ Task yonder.ID }](p.ok("run", "slow", "3", "--max-attempts", "1", "--no-wait", "--json")).Task.String()
	require.Eventually(t, func() bool {
		return decode[yonder.Task](p.ok("task", "show", task, "--json")).State == yonder.RangeStarted
	}, patience, 50*time.Millisecond)
	second := decode[agent](p.ok("endpoint", "restart", "box", "--json"))
	require.NotEqual(t, first.PID, second.PID)
	require.Equal(t, "done\n", p.ok("task", "result", task).out, "the task ran on, in its only attempt")

	require.Contains(t, p.ok("endpoint", "list").out, "running")
	require.Contains(t, p.ok("endpoint", "logs", "box").out, "session opened")
	require.Len(t, strings.Split(strings.TrimSpace(p.ok("endpoint", "logs", "box", "-n", "2").out), "\n"), 2)
	p.ok("endpoint", "stop", "box")
	require.Empty(t, p.leftoverAgents())
	require.Contains(t, p.ok("endpoint", "list").out, "stopped")
	p.ok("endpoint", "delete", "box", "--yes")
}

// leftoverAgents are leftovers without the service.
func (p *person) leftoverAgents() []string {
	p.t.Helper()
	var found []string
	for _, line := range p.leftovers() {
		if strings.Contains(line, "/endpoints/") {
			found = append(found, line)
		}
	}
	return found
}

func TestTheLogOfAnAgentIsFollowed(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	state := filepath.Join(p.home, "endpoints", "box", "state")
	require.NoError(t, os.MkdirAll(state, 0o700))
	log := filepath.Join(state, "agent.log")
	require.NoError(t, os.WriteFile(log, []byte("one\ntwo\n"), 0o600))
	d := p.start("endpoint", "logs", "box", "-f", "-n", "1")
	require.Equal(t, "two\n", d.line())
	file, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	_, err = file.WriteString("three\n")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	require.Equal(t, "three\n", d.line())
	require.NoError(t, os.WriteFile(log, []byte("new\n"), 0o600), "the log turned")
	require.Equal(t, "new\n", d.line())
	d.stop()
}

func TestUnitsForSystemd(t *testing.T) {
	t.Parallel()
	p := waiting(t)
	unit := p.ok("endpoint", "start", "box", "--systemd-unit").out
	require.Contains(t, unit, "KillMode=process")
	require.Contains(t, unit, filepath.Join(p.home, "endpoints", "box"))
	require.Equal(t, unit, decode[struct{ Unit string }](p.ok("endpoint", "start", "box", "--systemd-unit", "--json")).Unit)
	p.fails(yonder.CodeInvalidRequest, "endpoint", "start", "box", "--systemd-unit=perhaps")
	if verify, err := exec.LookPath("systemd-analyze"); err == nil {
		file := filepath.Join(p.home, "yonder-box.service")
		require.NoError(t, os.WriteFile(file, []byte(unit), 0o600))
		out, err := exec.Command(verify, "verify", file).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}
