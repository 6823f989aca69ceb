package pages

import (
	"bufio"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/system"
)

//go:embed testdata/session.py
var pythonSession string

// mark ends what a step prints, followed by how it ended.
const mark = "<end of step>"

// Session is where the steps of a page run: one shell and one Python, in a
// home of their own.
type Session struct {
	t      testing.TB
	dir    string
	env    []string
	bash   *interpreter
	python *interpreter
	status int
	files  int
}

// NewSession starts a shell. Steps see the environment and begin in dir.
func NewSession(tb testing.TB, dir string, env []string) *Session {
	tb.Helper()
	s := &Session{t: tb, dir: dir, env: env}
	s.bash = start(tb, dir, env, "bash", "--noprofile", "--norc")
	return s
}

// Do runs one step and returns what it printed and whether it went well.
func (s *Session) Do(step Step) (string, bool) {
	s.t.Helper()
	switch step.Kind {
	case File:
		require.NoError(s.t, os.WriteFile(filepath.Join(s.where(), step.File), []byte(step.Text), 0o600))
		return "", true
	case Python:
		return s.runPython(step.Text)
	default:
		return s.runShell(step.Text)
	}
}

// runShell keeps standard input from commands: it is the shell's own.
func (s *Session) runShell(text string) (string, bool) {
	s.t.Helper()
	out, status := s.bash.do(fmt.Sprintf("(exit %d)\n{\n%s} </dev/null 2>&1\nprintf '%%s%%d\\n' '%s' $?\n", s.status, text, mark))
	s.status = status
	return out, status == 0
}

// where is the shell's directory.
func (s *Session) where() string {
	s.t.Helper()
	out, status := s.bash.do(fmt.Sprintf("pwd\nprintf '%%s%%d\\n' '%s' $?\n", mark))
	require.Zero(s.t, status)
	return strings.TrimSpace(out)
}

// runPython gives each snippet a file, because functions travel as source.
func (s *Session) runPython(text string) (string, bool) {
	s.t.Helper()
	if s.python == nil {
		s.python = start(s.t, s.where(), s.exported(), system.RequirePython(s.t), "-u", "-c", pythonSession)
	}
	s.files++
	file := filepath.Join(s.dir, fmt.Sprintf(".snippet%d.py", s.files))
	require.NoError(s.t, os.WriteFile(file, []byte(text), 0o600))
	out, status := s.python.do(file + "\n")
	return out, status == 0
}

// exported is the environment as the shell's commands have changed it.
func (s *Session) exported() []string {
	s.t.Helper()
	out, status := s.bash.do(fmt.Sprintf("env -0 | tr '\\0\\n' '\\n '\nprintf '%%s%%d\\n' '%s' $?\n", mark))
	require.Zero(s.t, status)
	return strings.Split(strings.TrimSpace(out), "\n")
}

// Close ends shell and Python and waits for them.
func (s *Session) Close() {
	s.t.Helper()
	for _, i := range []*interpreter{s.python, s.bash} {
		if i != nil {
			i.close()
		}
	}
}

// interpreter takes steps on its standard input and prints the mark after each.
type interpreter struct {
	t     testing.TB
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string
}

func start(tb testing.TB, dir string, env []string, name string, args ...string) *interpreter {
	tb.Helper()
	i := &interpreter{t: tb, cmd: exec.Command(name, args...), lines: make(chan string, 1000)}
	i.cmd.Dir, i.cmd.Env = dir, env
	var err error
	i.in, err = i.cmd.StdinPipe()
	require.NoError(tb, err)
	reader, writer, err := os.Pipe()
	require.NoError(tb, err)
	i.cmd.Stdout, i.cmd.Stderr = writer, writer
	require.NoError(tb, i.cmd.Start())
	_ = writer.Close()
	go func() {
		defer close(i.lines)
		defer reader.Close()
		scanner := bufio.NewScanner(reader)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			i.lines <- scanner.Text()
		}
	}()
	return i
}

// do runs one step; a process that ends by it has failed.
func (i *interpreter) do(text string) (string, int) {
	i.t.Helper()
	_, err := io.WriteString(i.in, text)
	require.NoError(i.t, err)
	var out strings.Builder
	limit := time.After(2 * system.Patience)
	for {
		select {
		case line, ok := <-i.lines:
			before, status, ended := strings.Cut(line, mark)
			out.WriteString(before)
			if !ok {
				return out.String() + "\n(the session ended)", 1
			}
			if ended {
				code, err := strconv.Atoi(status)
				require.NoError(i.t, err)
				return out.String(), code
			}
			out.WriteString("\n")
		case <-limit:
			require.FailNow(i.t, "a step did not end", "it printed:\n%s", out.String())
		}
	}
}

func (i *interpreter) close() {
	i.t.Helper()
	_ = i.in.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range i.lines { //nolint:revive // until it ends
		}
		_ = i.cmd.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(system.Patience):
		_ = i.cmd.Process.Kill()
		i.t.Errorf("%s does not end", i.cmd.Path)
	}
}
