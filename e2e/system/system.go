// Package system runs the real program in real processes for tests of the
// whole: services, endpoints and Python clients that can be killed at any
// moment. Everything lives in a test's temporary directory on free ports.
package system

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
)

// Patience is how long a test waits for something that should take moments.
const Patience = 60 * time.Second

// System is a service with its endpoints, at one address.
type System struct {
	t       testing.TB
	binary  string
	Home    string // of the user: login file and endpoints
	Address string // host:port of the service
	CAFile  string // if set, the service speaks TLS with a certificate of it
	Env     []string
}

// Compile builds the program into a file.
func Compile(file string, flags ...string) error {
	args := append(append([]string{"build", "-o", file}, flags...), "github.com/yonder-run/yonder/cmd/yonder")
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		return yonder.Errorf(yonder.CodeInternal, "building yonder: %w\n%s", err, out)
	}
	return nil
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "yonder-e2e-bin")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "yonder")
	return path, Compile(path)
})

// Clean removes what the tests of a package built; call it from TestMain.
func Clean() {
	if path, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
}

// New prepares a system; nothing runs yet.
func New(tb testing.TB) *System {
	tb.Helper()
	binary, err := build()
	require.NoError(tb, err)
	home := tb.TempDir()
	require.NoError(tb, os.Chmod(home, 0o700))
	return &System{t: tb, binary: binary, Home: home, Address: FreeAddress(tb)}
}

// For is the same system for a subtest, which fails if something goes wrong.
func (s *System) For(tb testing.TB) *System {
	tb.Helper()
	own := *s
	own.t = tb
	return &own
}

// Bin is the directory of the program, for a PATH.
func (s *System) Bin() string { return filepath.Dir(s.binary) }

// Environ is what the system's programs run with.
func (s *System) Environ() []string { return s.environ() }

// FreeAddress is an address on loopback that nothing listens on. It is free
// when asked; a service that restarts needs to find its old one again.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	address, err := Free(tb.Context())
	require.NoError(tb, err)
	return address
}

// Free is FreeAddress for a program that is no test.
func Free(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", yonder.Errorf(yonder.CodePortInUse, "looking for a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// URL is the service's address as clients use it.
func (s *System) URL() string {
	if s.CAFile != "" {
		return "https://" + s.Address
	}
	return "http://" + s.Address
}

// StartService starts a service on the system's address and waits until it is
// ready. Its state is in Home/service, or in the database that args name.
func (s *System) StartService(args ...string) *Process {
	s.t.Helper()
	return s.StartServiceAt(s.Address, filepath.Join(s.Home, "service"), args...)
}

// StartServiceAt starts a service, a replica for instance, at its own address.
func (s *System) StartServiceAt(address, state string, args ...string) *Process {
	s.t.Helper()
	p := s.Start(append([]string{"serve", "--listen", address, "--state-dir", state}, args...)...)
	scheme, _, _ := strings.Cut(s.URL(), "://")
	c, err := client.New(scheme+"://"+address, "", client.WithCA(s.CAFile))
	require.NoError(s.t, err)
	s.Until("the service is ready", func() bool {
		p.alive()
		_, err := c.Version(s.t.Context())
		return err == nil
	})
	return p
}

// Login writes the login file with the administrator's token.
func (s *System) Login() { s.LoginTo(s.URL()) }

// LoginTo logs in to one of several replicas.
func (s *System) LoginTo(url string) {
	s.t.Helper()
	s.Run(s.Token(), "login", url)
}

// Token is the administrator's.
func (s *System) Token() string {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Home, "service", "admin.token"))
	require.NoError(s.t, err)
	return strings.TrimSpace(string(data))
}

// Client is the administrator's client.
func (s *System) Client() *client.Client {
	s.t.Helper()
	c, err := client.New(s.URL(), s.Token(), client.WithCA(s.CAFile))
	require.NoError(s.t, err)
	return c
}

// ConfigureEndpoint registers an endpoint and writes its files.
func (s *System) ConfigureEndpoint(name string, args ...string) {
	s.t.Helper()
	s.Run("", append([]string{"endpoint", "configure", name}, args...)...)
}

// StartAgent runs the endpoint's agent in the foreground and waits until the
// service sees it.
func (s *System) StartAgent(name string) *Process {
	s.t.Helper()
	p := s.Start("agent", "--dir", filepath.Join(s.Home, "endpoints", name))
	s.AwaitOnline(name)
	return p
}

// AwaitOnline waits until the endpoint has a live session.
func (s *System) AwaitOnline(name string) {
	s.t.Helper()
	c := s.Client()
	s.Until("endpoint "+name+" is online", func() bool {
		endpoints, err := client.All[yonder.Endpoint](s.t.Context(), c, "endpoints", nil)
		if err != nil {
			return false
		}
		for _, e := range endpoints {
			if e.Name == name && e.Online {
				return true
			}
		}
		return false
	})
}

// StopManagers ends the managers of an endpoint, which outlive their agent.
func (s *System) StopManagers(name string) {
	s.t.Helper()
	dir := filepath.Join(s.Home, "endpoints", name)
	_ = exec.Command("pkill", "-KILL", "-f", "manager --rendezvous "+dir).Run() // none may be left
}

// Run runs a command of the program to its end and returns its output.
func (s *System) Run(stdin string, args ...string) string {
	s.t.Helper()
	return s.RunProgram(s.t.Context(), stdin, s.binary, args...)
}

// RunProgram runs any program to its end, as the logged-in user, and returns
// its output.
func (s *System) RunProgram(ctx context.Context, stdin, program string, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, context.DeadlineExceeded)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = s.environ()
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil {
		if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // exec returns it bare
			exit = e
		}
		require.NotNil(s.t, exit, "%s %v: %v", program, args, err)
		require.NoError(s.t, err, "%s %v\n%s%s", program, args, out, exit.Stderr)
	}
	return string(out)
}

// environ has the program that is tested before all others on the PATH.
func (s *System) environ() []string {
	path := filepath.Dir(s.binary) + string(filepath.ListSeparator) + os.Getenv("PATH")
	return append(append(os.Environ(), "PATH="+path, "YONDER_HOME="+s.Home, "YONDER_URL=", "YONDER_TOKEN=", "YONDER_CA_FILE="+s.CAFile), s.Env...)
}

// Until waits for a condition at a process boundary, where no signal comes.
func (s *System) Until(what string, condition func() bool) {
	s.t.Helper()
	require.Eventually(s.t, condition, Patience, 20*time.Millisecond, what)
}
