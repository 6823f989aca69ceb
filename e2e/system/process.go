package system

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Process is a process whose output lines a test can wait for.
type Process struct {
	t     testing.TB
	cmd   *exec.Cmd
	name  string
	lines chan string
	mu    sync.Mutex
	seen  []string
	ended chan struct{}
	err   error
}

// Start starts the program in the background; it is killed with the test.
func (s *System) Start(args ...string) *Process {
	s.t.Helper()
	return s.start(args[0], exec.Command(s.binary, args...))
}

// StartCommand starts any command in the background, as this user.
func (s *System) StartCommand(name string, command ...string) *Process {
	s.t.Helper()
	return s.start(name, exec.Command(command[0], command[1:]...))
}

// Python runs a script of testdata with the SDK, as the logged-in user.
func (s *System) Python(script string, args ...string) *Process {
	s.t.Helper()
	return s.PythonFile("testdata/"+script, args...)
}

// PythonFile is Python for a script anywhere.
func (s *System) PythonFile(path string, args ...string) *Process {
	s.t.Helper()
	return s.start(filepath.Base(path), exec.Command(RequirePython(s.t), append([]string{"-u", path}, args...)...))
}

// RequirePython is the interpreter that has our package; without one the test
// is skipped, or fails where nothing may be skipped.
func RequirePython(tb testing.TB) string {
	tb.Helper()
	python := os.Getenv("YONDER_PYTHON")
	switch {
	case python != "":
	case os.Getenv("YONDER_REQUIRE_ALL") != "":
		tb.Fatal("YONDER_PYTHON is not set: run the tests with `make test`, or source .cache/env")
	default:
		tb.Skip("needs YONDER_PYTHON, an interpreter with our package: run `make test`, or source .cache/env")
	}
	return python
}

func (s *System) start(name string, cmd *exec.Cmd) *Process {
	s.t.Helper()
	p := &Process{t: s.t, cmd: cmd, name: name, lines: make(chan string, 10_000), ended: make(chan struct{})}
	reader, writer, err := os.Pipe()
	require.NoError(s.t, err)
	cmd.Env = s.environ()
	cmd.Stdout, cmd.Stderr = writer, writer
	require.NoError(s.t, cmd.Start())
	_ = writer.Close()
	var reading sync.WaitGroup
	reading.Go(func() {
		defer reader.Close()
		scanner := bufio.NewScanner(reader)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			p.line(scanner.Text())
		}
	})
	go func() {
		p.err = cmd.Wait()
		reading.Wait() // what it printed last counts
		close(p.ended)
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		if s.t.Failed() {
			s.t.Logf("output of %s:\n%s", name, p.Output())
		}
	})
	return p
}

func (p *Process) line(text string) {
	p.mu.Lock()
	p.seen = append(p.seen, text)
	p.mu.Unlock()
	select {
	case p.lines <- text:
	default: // a test that waits for a line reads all of them
	}
}

// Output is all that the process has printed.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.seen, "\n")
}

// Await waits for a line with the text and returns it.
func (p *Process) Await(text string) string {
	p.t.Helper()
	limit := time.After(Patience)
	for {
		select {
		case line := <-p.lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-p.ended:
			for {
				select {
				case line := <-p.lines:
					if strings.Contains(line, text) {
						return line
					}
					continue
				default:
				}
				p.t.Fatalf("%s ended (%v) without printing %q:\n%s", p.name, p.err, text, p.Output())
			}
		case <-limit:
			p.t.Fatalf("%s did not print %q in %v:\n%s", p.name, text, Patience, p.Output())
		}
	}
}

// alive fails the test if the process has ended by itself.
func (p *Process) alive() {
	p.t.Helper()
	select {
	case <-p.ended:
		p.t.Errorf("%s ended (%v):\n%s", p.name, p.err, p.Output())
		p.t.FailNow()
	default:
	}
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill9 ends the process as a crash would.
func (p *Process) Kill9() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Kill())
	<-p.ended
}

// Wait waits for the process to end well.
func (p *Process) Wait() {
	p.t.Helper()
	p.wait()
	require.NoError(p.t, p.err, "%s:\n%s", p.name, p.Output())
}

func (p *Process) wait() {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(Patience):
		p.t.Fatalf("%s did not end in %v:\n%s", p.name, Patience, p.Output())
	}
}

// Pause stops the process as a machine that hangs would, until Resume.
func (p *Process) Pause() { p.signal("STOP") }

// Resume lets a process go on.
func (p *Process) Resume() { p.signal("CONT") }

// Interrupt is what Ctrl-C sends.
func (p *Process) Interrupt() { p.signal("INT") }

func (p *Process) signal(name string) {
	p.t.Helper()
	// Not Process.Signal, which has no names for these everywhere.
	require.NoError(p.t, exec.Command("kill", "-"+name, strconv.Itoa(p.cmd.Process.Pid)).Run())
}
