package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/home"
	"github.com/yonder-run/yonder/client"
)

// binary is the real program, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "yonder-cli")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "yonder")
	out, err := exec.Command("go", "build", "-o", binary, "../cmd/yonder").CombinedOutput()
	if err != nil {
		panic(string(out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// patience is how long anything may take that should take moments.
const patience = 60 * time.Second

// pollEvery is how often a process is looked at that cannot say when it is done.
const pollEvery = 50 * time.Millisecond

// person is somebody at a terminal with a home of their own.
type person struct {
	t     *testing.T
	home  string
	env   []string
	stdin string
}

func newPerson(t *testing.T) *person {
	t.Helper()
	return &person{t: t, home: t.TempDir()}
}

// answer is what a command left.
type answer struct {
	t        *testing.T
	command  string
	code     int
	out, err string
}

func (p *person) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.home, "YONDER_HOME=" + p.home, "TMPDIR=" + os.TempDir()}
	cmd.Env = append(cmd.Env, p.env...)
	cmd.Stdin = strings.NewReader(p.stdin)
	return cmd
}

func (p *person) run(args ...string) answer {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // clean-ups run commands too
	defer cancel()
	cmd := p.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("yonder %v: %v", args, err)
	}
	return answer{p.t, strings.Join(args, " "), cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// ok runs a command that has to succeed.
func (p *person) ok(args ...string) answer {
	p.t.Helper()
	a := p.run(args...)
	require.Zero(p.t, a.code, "yonder %s\n%s%s", a.command, a.out, a.err)
	return a
}

// fails runs a command that has to fail with the code, in words and as JSON.
func (p *person) fails(code yonder.Code, args ...string) answer {
	p.t.Helper()
	a := p.run(args...)
	require.Equal(p.t, code.Info().Exit, a.code, "yonder %s\n%s%s", a.command, a.out, a.err)
	require.Contains(p.t, a.err, "error: ")
	require.NotContains(p.t, a.err, "goroutine")
	inJSON := p.run(append([]string{"--json"}, args...)...)
	var e yonder.Error
	require.NoError(p.t, json.Unmarshal([]byte(inJSON.err), &e), "yonder %s\n%s", inJSON.command, inJSON.err)
	require.Equal(p.t, code, e.Code)
	require.NotEmpty(p.t, e.Message)
	require.Equal(p.t, a.code, inJSON.code)
	return a
}

// decode reads the one JSON document that the command printed.
func decode[T any](a answer) T {
	a.t.Helper()
	var v T
	decoder := json.NewDecoder(strings.NewReader(a.out))
	require.NoError(a.t, decoder.Decode(&v), "yonder %s\n%s%s", a.command, a.out, a.err)
	require.False(a.t, decoder.More(), "more than one document:\n%s", a.out)
	return v
}

// daemon is a command that runs until it is told to end.
type daemon struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *os.File
	errs *buffer
	done chan error
}

// buffer can be read while a process writes to it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// said tells whether the daemon has written the words to standard error.
func (d *daemon) said(words string) bool { return strings.Contains(d.errs.String(), words) }

func (p *person) start(args ...string) *daemon {
	p.t.Helper()
	reader, writer, err := os.Pipe()
	require.NoError(p.t, err)
	d := &daemon{t: p.t, cmd: p.command(context.Background(), args...), out: reader, errs: &buffer{}, done: make(chan error, 1)}
	d.cmd.Stdout, d.cmd.Stderr = writer, d.errs
	require.NoError(p.t, d.cmd.Start())
	_ = writer.Close()
	go func() { d.done <- d.cmd.Wait() }()
	p.t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = reader.Close()
	})
	return d
}

// ready reads the first JSON document that the daemon prints.
func (d *daemon) ready(into any) {
	d.t.Helper()
	require.NoError(d.t, d.out.SetReadDeadline(time.Now().Add(patience)))
	if err := json.NewDecoder(d.out).Decode(into); err != nil {
		_ = d.cmd.Process.Kill()
		<-d.done
		d.t.Fatalf("the daemon is not ready: %v\n%s", err, d.errs)
	}
}

// line reads the next line that the daemon prints.
func (d *daemon) line() string {
	d.t.Helper()
	require.NoError(d.t, d.out.SetReadDeadline(time.Now().Add(patience)))
	var line []byte
	for b := make([]byte, 1); len(line) == 0 || line[len(line)-1] != '\n'; line = append(line, b[0]) {
		_, err := d.out.Read(b)
		require.NoError(d.t, err, "%s", d.errs)
	}
	return string(line)
}

// stop ends the daemon as a system does, which has to be no failure.
func (d *daemon) stop() {
	d.t.Helper()
	require.NoError(d.t, d.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-d.done:
		require.NoError(d.t, err, "%s", d.errs)
	case <-time.After(patience):
		d.t.Fatalf("the daemon does not stop\n%s", d.errs)
	}
}

// serve runs a service and logs the person in as its admin.
func (p *person) serve() *client.Client {
	p.t.Helper()
	d := p.start("serve", "--listen", "127.0.0.1:0", "--json", "--log-level", "warn")
	var ready struct {
		URL       string `json:"url"`
		TokenFile string `json:"token_file"`
	}
	d.ready(&ready)
	p.t.Cleanup(d.stop)
	p.ok("login", ready.URL, "--token-file", ready.TokenFile)
	token, err := os.ReadFile(ready.TokenFile)
	require.NoError(p.t, err)
	c, err := client.New(ready.URL, strings.TrimSpace(string(token)))
	require.NoError(p.t, err)
	return c
}

// other is a new person of the same service, made by its admin.
func (p *person) other(name string) *person {
	p.t.Helper()
	p.ok("identity", "create", name)
	o := newPerson(p.t)
	file := filepath.Join(o.home, "token")
	p.ok("token", "create", "--for", name, "--out", file)
	var login home.Login
	data, err := os.ReadFile(filepath.Join(p.home, "login.json"))
	require.NoError(p.t, err)
	require.NoError(p.t, json.Unmarshal(data, &login))
	o.ok("login", login.URL, "--token-file", file)
	return o
}
