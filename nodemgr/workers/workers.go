//go:build unix

// Package workers runs the processes of a node: one zygote per identity and
// environment, and the workers forked from it. It carries frames and signals
// and keeps what workers print; what to run where is decided elsewhere.
package workers

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/yonder-run/yonder/wire"
)

// Events is told what processes do. Calls come from several goroutines.
type Events interface {
	// ZygoteReady says that forks are possible for the key.
	ZygoteReady(key string)
	// ZygoteGone says that a zygote ended, with what it last wrote.
	ZygoteGone(key string, err error)
	WorkerReady(worker string)
	// Ran brings outcomes; stdout and stderr are what was written up to them.
	Ran(worker string, ran wire.Ran, columns [][]byte, stdout, stderr string)
	// WorkerGone says that a worker ended, at which run and task.
	WorkerGone(worker string, end End)
}

// End is how a worker ended.
type End struct {
	Code, Signal   int
	Run            int64
	At             int // index of the task that it was at in that run
	Stdout, Stderr string
}

// Starter starts a zygote that connects to the socket. It is how a runtime
// isolates workers. The process ends when its connection does; wait returns
// then, with what it wrote last if that explains its end.
type Starter interface {
	Start(ctx context.Context, environment, socket string) (wait func() error, err error)
}

// Host has the processes of one manager.
type Host struct {
	dir     string
	starter Starter
	events  Events
	log     *slog.Logger
	keep    int

	ctx     context.Context //nolint:containedctx // the host's own life, which its goroutines share
	cancel  context.CancelCauseFunc
	running sync.WaitGroup

	mu      sync.Mutex
	sockets int
	zygotes map[string]*zygote
	workers map[string]*worker
}

// zygote has a socket of its own, for itself and the workers forked from it.
type zygote struct {
	key      string
	listener net.Listener
	conn     *conn
}

type worker struct {
	id       string
	zygote   *zygote
	dir      string
	progress string
	stdout   *output
	stderr   *output
	conn     *conn
	pid      int
	loaded   map[string]bool
}

// New returns a host whose files are under dir, which must be short: a
// socket's path has at most 108 characters. Of what a worker writes between
// two outcomes at most outputLimit bytes are kept.
func New(ctx context.Context, dir string, outputLimit int, starter Starter, events Events, log *slog.Logger) *Host {
	h := &Host{
		dir: dir, starter: starter, events: events, log: log, keep: outputLimit / 2,
		zygotes: map[string]*zygote{}, workers: map[string]*worker{},
	}
	h.ctx, h.cancel = context.WithCancelCause(ctx)
	return h
}

var errClosed = errors.New("the manager ends")

// Close ends all processes and waits for them.
func (h *Host) Close() {
	h.cancel(errClosed) // closes connections and listeners; a zygote ends with its children
	h.running.Wait()
}

// StartZygote starts the process that workers of the key are forked from.
func (h *Host) StartZygote(key, environment string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sockets++
	socket := filepath.Join(h.dir, "z"+strconv.Itoa(h.sockets))
	listener, err := (&net.ListenConfig{}).Listen(h.ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("listening for workers: %w", err)
	}
	wait, err := h.starter.Start(h.ctx, environment, socket)
	if err != nil {
		_ = listener.Close()
		return fmt.Errorf("starting %s: %w", environment, err)
	}
	z := &zygote{key: key, listener: listener}
	h.zygotes[key] = z
	h.running.Go(func() { h.accept(z) })
	h.running.Go(func() {
		err := wait()
		_ = listener.Close()
		h.zygoteGone(z, err)
	})
	return nil
}

func (h *Host) zygoteGone(z *zygote, err error) {
	h.mu.Lock()
	if h.zygotes[z.key] == z {
		delete(h.zygotes, z.key)
	}
	var orphans []*worker
	for _, w := range h.workers {
		if w.zygote == z {
			orphans = append(orphans, w)
		}
	}
	h.mu.Unlock()
	for _, w := range orphans {
		h.gone(w, -1, int(unix.SIGKILL))
	}
	h.events.ZygoteGone(z.key, err)
}

// Fork asks the key's zygote for a worker.
func (h *Host) Fork(key, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	z := h.zygotes[key]
	if z == nil || z.conn == nil {
		return fmt.Errorf("there is no zygote for %s", key)
	}
	w, err := h.prepare(z, id)
	if err != nil {
		return err
	}
	h.workers[id] = w
	h.running.Go(w.stdout.pump)
	h.running.Go(w.stderr.pump)
	return z.conn.send(wire.KindFork, wire.Fork{
		Worker: id, Stdout: filepath.Join(w.dir, "stdout"), Stderr: filepath.Join(w.dir, "stderr"),
		Dir: filepath.Join(w.dir, "cwd"), Progress: w.progress,
	})
}

func (h *Host) prepare(z *zygote, id string) (*worker, error) {
	w := &worker{id: id, zygote: z, dir: filepath.Join(h.dir, id), loaded: map[string]bool{}}
	if err := os.MkdirAll(filepath.Join(w.dir, "cwd"), 0o700); err != nil {
		return nil, fmt.Errorf("making a worker's directory: %w", err)
	}
	w.progress = filepath.Join(w.dir, "progress")
	if err := os.WriteFile(w.progress, make([]byte, 16), 0o600); err != nil {
		return nil, fmt.Errorf("making a worker's progress file: %w", err)
	}
	var err error
	if w.stdout, err = newOutput(filepath.Join(w.dir, "stdout"), h.keep); err != nil {
		return nil, err
	}
	if w.stderr, err = newOutput(filepath.Join(w.dir, "stderr"), h.keep); err != nil {
		w.stdout.close()
		return nil, err
	}
	return w, nil
}

// Run gives a worker a run, and before it the function's body if it does not
// have it yet.
func (h *Host) Run(id string, run wire.Run, body []byte, columns [][]byte) error {
	w := h.worker(id)
	if w == nil || w.conn == nil {
		return fmt.Errorf("there is no worker %s", id)
	}
	// What came after the last outcome belongs to nobody.
	w.stdout.take()
	w.stderr.take()
	if !w.loaded[run.Function] {
		w.loaded[run.Function] = true
		if err := w.conn.send(wire.KindLoad, wire.Load{Function: run.Function}, body); err != nil {
			return err
		}
	}
	return w.conn.send(wire.KindRun, run, columns...)
}

func (h *Host) worker(id string) *worker {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.workers[id]
}

// At returns the run and the index of the task that a worker is at.
func (h *Host) At(id string) (run int64, index int) {
	w := h.worker(id)
	if w == nil {
		return 0, 0
	}
	return w.at()
}

func (w *worker) at() (run int64, index int) {
	data, err := os.ReadFile(w.progress)
	if err != nil || len(data) < 16 {
		return 0, 0
	}
	return int64(binary.LittleEndian.Uint64(data)), int(binary.LittleEndian.Uint64(data[8:])) //nolint:gosec // written by our own worker
}

// Signal sends a signal to a worker and all that it has started.
func (h *Host) Signal(id string, signal unix.Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w := h.workers[id]; w != nil && w.pid > 0 {
		_ = unix.Kill(-w.pid, signal)
	}
}

func (h *Host) accept(z *zygote) {
	stop := context.AfterFunc(h.ctx, func() { _ = z.listener.Close() })
	defer stop()
	for {
		raw, err := z.listener.Accept()
		if err != nil {
			return
		}
		h.running.Go(func() { h.serve(z, newConn(raw)) })
	}
}

// serve reads one process's frames to the end of its connection.
func (h *Host) serve(z *zygote, c *conn) {
	defer c.close()
	stop := context.AfterFunc(h.ctx, c.close)
	defer stop()
	frame, err := c.recv()
	var hello wire.WorkerHello
	if err == nil {
		err = frame.Decode(wire.KindWorkerHello, &hello)
	}
	if err != nil {
		h.log.Warn("a process did not introduce itself", slog.Any("error", err))
		return
	}
	if hello.Role == "zygote" {
		err = h.serveZygote(z, c)
	} else {
		err = h.serveWorker(c, hello)
	}
	if err != nil && !errors.Is(err, io.EOF) && h.ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
		h.log.Warn("lost the connection of a process", slog.String("role", hello.Role), slog.Int("pid", hello.PID), slog.Any("error", err))
	}
}

func (h *Host) serveZygote(z *zygote, c *conn) error {
	h.mu.Lock()
	z.conn = c
	h.mu.Unlock()
	h.events.ZygoteReady(z.key)
	for {
		frame, err := c.recv()
		if err != nil {
			return err
		}
		var exited wire.Exited
		if err := frame.Decode(wire.KindExited, &exited); err != nil {
			return err
		}
		if w := h.worker(exited.Worker); w != nil {
			h.gone(w, exited.Code, exited.Signal)
		}
	}
}

func (h *Host) serveWorker(c *conn, hello wire.WorkerHello) error {
	h.mu.Lock()
	w := h.workers[hello.Worker]
	if w == nil || w.conn != nil {
		h.mu.Unlock()
		return fmt.Errorf("there is no worker %q to be", hello.Worker)
	}
	w.conn, w.pid = c, hello.PID
	h.mu.Unlock()
	h.events.WorkerReady(w.id)
	for {
		frame, err := c.recv()
		if err != nil {
			_ = unix.Kill(-w.pid, unix.SIGKILL) // the zygote will tell its end
			return err
		}
		var ran wire.Ran
		if err := frame.Decode(wire.KindRan, &ran); err != nil {
			_ = unix.Kill(-w.pid, unix.SIGKILL)
			return err
		}
		h.events.Ran(w.id, ran, frame.Columns, w.stdout.take(), w.stderr.take())
	}
}

// gone forgets a worker that ended and tells how.
func (h *Host) gone(w *worker, code, signal int) {
	h.mu.Lock()
	if h.workers[w.id] != w {
		h.mu.Unlock()
		return
	}
	delete(h.workers, w.id)
	h.mu.Unlock()
	end := End{Code: code, Signal: signal, Stdout: w.stdout.take(), Stderr: w.stderr.take()}
	end.Run, end.At = w.at()
	w.stdout.close()
	w.stderr.close()
	_ = os.RemoveAll(w.dir)
	h.events.WorkerGone(w.id, end)
}

// conn is one process's connection.
type conn struct {
	raw net.Conn
	in  *bufio.Reader
	mu  sync.Mutex // of writes
}

func newConn(raw net.Conn) *conn { return &conn{raw: raw, in: bufio.NewReaderSize(raw, 64<<10)} }

func (c *conn) recv() (wire.Frame, error) {
	return wire.Read(c.in, wire.MaxLocalFrame) //nolint:wrapcheck // io.EOF is looked for
}

func (c *conn) send(kind wire.Kind, header any, columns ...[]byte) error {
	frame, err := wire.NewFrame(kind, header, columns...)
	if err != nil {
		return fmt.Errorf("preparing a message to a worker: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.raw.Write(frame.Bytes()); err != nil {
		return fmt.Errorf("writing to a worker: %w", err)
	}
	return nil
}

func (c *conn) close() { _ = c.raw.Close() }
