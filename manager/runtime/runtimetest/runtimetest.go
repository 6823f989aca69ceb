// Package runtimetest holds every driver of the runtime seam to its contract.
package runtimetest

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/manager/runtime"
	"github.com/yonder-run/yonder/wire"
)

const patience = 30 * time.Second

// Suite is what a driver brings.
type Suite struct {
	New     func(t *testing.T) runtime.Runtime
	Python  string
	Archive string // a worker's zipapp
}

func (s Suite) command(archive string) []string { return []string{s.Python, "-I", archive} }

// Run tests the driver.
func (s Suite) Run(t *testing.T) {
	t.Helper()
	t.Run("ZygoteComesUp", s.comesUp)
	t.Run("KillEndsIt", s.kill)
	t.Run("ItEndsWithItsConnection", s.endsWithConnection)
	t.Run("OutputOfAFailedStartIsKept", s.keepsOutput)
	t.Run("WhatCannotStartIsAnError", s.cannotStart)
	t.Run("SettingsOfYonderAreNotPassedOn", s.environment)
}

// bench is a socket that a zygote connects to.
type bench struct {
	t        *testing.T
	spec     runtime.Spec
	output   *output
	listener net.Listener
}

func (s Suite) bench(t *testing.T) *bench {
	t.Helper()
	// Not t.TempDir, whose names may be too long for a socket.
	dir, err := os.MkdirTemp("", "rt-") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	b := &bench{t: t, output: &output{}, listener: listener}
	b.spec = runtime.Spec{Command: s.command(s.Archive), Socket: socket, Dir: dir, Output: b.output}
	return b
}

func (b *bench) start(r runtime.Runtime) runtime.Process {
	b.t.Helper()
	p, err := r.Start(b.t.Context(), b.spec)
	require.NoError(b.t, err)
	b.t.Cleanup(p.Kill)
	return p
}

// connected waits for the zygote's hello.
func (b *bench) connected() net.Conn {
	b.t.Helper()
	conn, err := b.listener.Accept()
	require.NoError(b.t, err)
	b.t.Cleanup(func() { conn.Close() })
	require.NoError(b.t, conn.SetDeadline(time.Now().Add(patience)))
	frame, err := wire.Read(conn, wire.MaxFabricFrame)
	require.NoError(b.t, err, "%s", b.output)
	var hello wire.WorkerHello
	require.NoError(b.t, frame.Decode(wire.KindWorkerHello, &hello))
	require.Equal(b.t, "zygote", hello.Role)
	return conn
}

func (b *bench) ended(p runtime.Process) {
	b.t.Helper()
	select {
	case <-p.Done():
	case <-time.After(patience):
		require.FailNow(b.t, "the process does not end")
	}
	require.NotEmpty(b.t, p.Reason())
}

func (s Suite) comesUp(t *testing.T) {
	t.Parallel()
	b := s.bench(t)
	p := b.start(s.New(t))
	b.connected()
	select {
	case <-p.Done():
		require.FailNow(t, "it has ended", p.Reason())
	default:
	}
}

func (s Suite) kill(t *testing.T) {
	t.Parallel()
	b := s.bench(t)
	p := b.start(s.New(t))
	b.connected()
	p.Kill()
	b.ended(p)
	p.Kill() // of what has ended does nothing
}

func (s Suite) endsWithConnection(t *testing.T) {
	t.Parallel()
	b := s.bench(t)
	p := b.start(s.New(t))
	b.connected().Close()
	b.ended(p)
}

func (s Suite) keepsOutput(t *testing.T) {
	t.Parallel()
	b := s.bench(t)
	broken := filepath.Join(b.spec.Dir, "broken.pyz")
	b.spec.Command = s.command(broken)
	require.NoError(t, os.WriteFile(broken, []byte("raise SystemExit('cannot begin')\n"), 0o600))
	p := b.start(s.New(t))
	b.ended(p)
	require.Contains(t, b.output.String(), "cannot begin")
}

func (s Suite) cannotStart(t *testing.T) {
	t.Parallel()
	b := s.bench(t)
	b.spec.Command = []string{filepath.Join(b.spec.Dir, "no-python"), s.Archive}
	p, err := s.New(t).Start(t.Context(), b.spec)
	if err == nil { // a driver may know only later
		b.ended(p)
		return
	}
	require.ErrorContains(t, err, "no-python")
}

// environment writes down what a zygote finds.
func (s Suite) environment(t *testing.T) {
	t.Parallel()
	b := s.bench(t)
	program := filepath.Join(b.spec.Dir, "look.pyz")
	b.spec.Command = s.command(program)
	look := "import os; print([n for n in os.environ if n.startswith('YONDER_')], 'PATH' in os.environ, os.getcwd())\n"
	require.NoError(t, os.WriteFile(program, []byte(look), 0o600))
	b.ended(b.start(s.New(t)))
	require.Contains(t, b.output.String(), "[] True "+b.spec.Dir)
}

// output gathers what a process says.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(data)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
