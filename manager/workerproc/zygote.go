package workerproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/manager/output"
	"github.com/yonder-run/yonder/manager/runtime"
	"github.com/yonder-run/yonder/wire"
)

const (
	helloTimeout = 10 * time.Second
	forkTimeout  = 10 * time.Second // for a zygote to take a frame
	zygoteOutput = 8 << 10          // kept of what a zygote itself says
	acceptAgain  = 100 * time.Millisecond
	strangers    = 16
	roleZygote   = "zygote"
	roleWorker   = "worker"
)

// zygote is the service around one zygote process, its socket and its workers.
type zygote struct {
	startstop.Base

	host  *Host
	place Place
	dir   string
	said  *output.Buffer

	mu      sync.Mutex
	conn    net.Conn // once it said hello
	waiting []wire.Fork
	workers map[string]*worker
	cancel  context.CancelCauseFunc
	closed  bool
	why     string // it is closed
}

// newZygote gives it a directory that no other one has ever had: the one
// before may still be about to remove its own.
func newZygote(h *Host, place Place) *zygote {
	h.started++
	return &zygote{
		host: h, place: place, dir: filepath.Join(h.dir, "z"+strconv.Itoa(h.started)),
		said: output.NewBuffer(zygoteOutput), workers: map[string]*worker{},
	}
}

// Start listens and starts the process.
func (z *zygote) Start(ctx context.Context) error { return z.Base.Start(ctx, z.run) }

func (z *zygote) socket() string { return filepath.Join(z.dir, "socket") }

func (z *zygote) run(ctx context.Context, ready func()) error {
	ctx, z.cancel = context.WithCancelCause(ctx)
	defer z.cancel(nil)
	if err := os.Mkdir(z.dir, 0o700); err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", z.socket())
	if err != nil {
		return fmt.Errorf("listening for workers: %w", err)
	}
	ready()
	err = z.serveAll(ctx, listener)
	z.close(z.reason(err))
	return err
}

// serveAll runs the process and its connections until one of them ends it all.
func (z *zygote) serveAll(ctx context.Context, listener net.Listener) error {
	defer listener.Close()
	process, err := z.host.cfg.Runtime.Start(ctx, runtime.Spec{
		Command: z.host.command(z.place), Socket: z.socket(), Dir: z.dir, Output: z.said,
	})
	if err != nil {
		return err
	}
	defer func() {
		// It ends with its connection, and ends what workers have left behind.
		select {
		case <-process.Done():
		case <-time.After(lingering):
		}
		process.Kill()
	}()
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	group.Go(func() error {
		select {
		case <-process.Done():
			return errors.New(process.Reason())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	group.Go(func() error { return z.accept(ctx, group, listener, process) })
	return group.Wait()
}

// accept takes connections while there are not too many: a task can open as
// many as it likes.
func (z *zygote) accept(ctx context.Context, group *errgroup.Group, listener net.Listener, process runtime.Process) error {
	var open atomic.Int64
	for {
		conn, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return context.Cause(ctx)
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("waiting for workers: %w", err)
		case err != nil: // no descriptors, for instance: there will be some again
			z.log().Warn("could not take a worker's connection", slog.Any("error", err))
			select {
			case <-ctx.Done():
			case <-time.After(acceptAgain):
			}
			continue
		}
		if open.Add(1) > z.expected() {
			open.Add(-1)
			conn.Close()
			continue
		}
		group.Go(func() error {
			defer open.Add(-1)
			return z.serve(ctx, process, conn)
		})
	}
}

// expected is how many connections there may be: the zygote's, one of each
// worker, and a few of strangers on their way out.
func (z *zygote) expected() int64 {
	z.mu.Lock()
	defer z.mu.Unlock()
	return int64(1 + len(z.workers) + strangers)
}

// serve handles one connection. Only the end of the zygote's own one is an
// error: it ends everything here.
func (z *zygote) serve(ctx context.Context, process runtime.Process, conn net.Conn) error {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	hello, err := z.hello(conn)
	switch {
	case err != nil:
		z.log().Warn("refused a worker's connection", slog.Any("error", err))
	case hello.Role == roleZygote:
		if err = z.serveZygote(conn); !errors.Is(err, errSecond) {
			return ended(ctx, process, err)
		}
		z.log().Warn("refused a second zygote")
	default:
		if w := z.find(hello.Worker); w != nil {
			w.serve(conn, hello.PID)
		}
	}
	return nil
}

// ended prefers the reason of the process's end to that of its connection's.
func ended(ctx context.Context, process runtime.Process, err error) error {
	select {
	case <-process.Done():
		return errors.New(process.Reason())
	case <-time.After(lingering):
	case <-ctx.Done():
	}
	return err
}

// hello reads the first frame of a connection and checks who it is from.
func (z *zygote) hello(conn net.Conn) (wire.WorkerHello, error) {
	var hello wire.WorkerHello
	if err := conn.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return hello, fmt.Errorf("limiting a hello: %w", err)
	}
	frame, err := wire.Read(conn, wire.MaxFabricFrame)
	if err != nil {
		return hello, err
	}
	if err := frame.Decode(wire.KindWorkerHello, &hello); err != nil {
		return hello, err
	}
	if hello.Role != roleZygote && hello.Role != roleWorker {
		return hello, yonder.Errorf(yonder.CodeMalformedFrame, "unknown role %q", hello.Role)
	}
	// The kernel knows better than the peer whom to signal.
	if hello.PID, err = peerPID(conn, hello.PID); err != nil {
		return hello, err
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return hello, fmt.Errorf("ending a hello: %w", err)
	}
	return hello, nil
}

// serveZygote sends the forks that wait and hears of exits.
func (z *zygote) serveZygote(conn net.Conn) error {
	if err := z.attach(conn); err != nil {
		return err
	}
	for {
		frame, err := wire.Read(conn, wire.MaxFabricFrame)
		if err != nil {
			return fmt.Errorf("hearing of workers: %w", err)
		}
		var exited wire.Exited
		if err := frame.Decode(wire.KindExited, &exited); err != nil {
			return err
		}
		if w := z.remove(exited.Worker); w != nil {
			w.exit(z.host.explain(exited))
		}
	}
}

var errSecond = errors.New("the place has a zygote")

func (z *zygote) attach(conn net.Conn) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.conn != nil {
		return errSecond
	}
	z.conn = conn
	for _, fork := range z.waiting {
		if err := z.send(fork); err != nil {
			return err
		}
	}
	z.waiting = nil
	return nil
}

// send writes a Fork; the caller holds the lock.
func (z *zygote) send(fork wire.Fork) error {
	frame, err := wire.NewFrame(wire.KindFork, fork)
	if err != nil {
		return err
	}
	if err := z.conn.SetWriteDeadline(time.Now().Add(forkTimeout)); err != nil {
		return fmt.Errorf("limiting a fork: %w", err)
	}
	if _, err := z.conn.Write(frame.Bytes()); err != nil {
		return fmt.Errorf("asking for a worker: %w", err)
	}
	return nil
}

// fork makes what a worker needs and asks for it, now or when the zygote is up.
func (z *zygote) fork(id string) (*worker, error) {
	w, err := newWorker(z, id)
	if err != nil && !z.over() {
		return nil, err
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.closed {
		if w != nil {
			w.discard()
		}
		return nil, errors.New(z.why)
	}
	z.workers[id] = w
	if z.conn == nil {
		z.waiting = append(z.waiting, w.fork)
	} else if err := z.send(w.fork); err != nil {
		z.cancel(err) // Exited follows for all its workers
	}
	return w, w.Start(context.WithoutCancel(z.host.ctx)) // it ends with its process
}

// unfork takes back a fork that was not sent yet.
func (z *zygote) unfork(id string) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	for i, fork := range z.waiting {
		if fork.Worker == id {
			z.waiting = append(z.waiting[:i], z.waiting[i+1:]...)
			delete(z.workers, id)
			return true
		}
	}
	return false
}

func (z *zygote) find(id string) *worker {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.workers[id]
}

func (z *zygote) remove(id string) *worker {
	z.mu.Lock()
	defer z.mu.Unlock()
	w := z.workers[id]
	delete(z.workers, id)
	return w
}

func (z *zygote) over() bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.closed
}

// end ends the zygote and its workers without waiting for that.
func (z *zygote) end(cause error) { z.cancel(cause) }

// close ends what the zygote's end has left: it was killed or it crashed, and
// the kernel ends its workers, but not what those had started.
func (z *zygote) close(reason string) {
	z.mu.Lock()
	z.closed, z.why, z.waiting = true, reason, nil
	left := z.workers
	z.workers = map[string]*worker{}
	z.mu.Unlock()
	for _, w := range left {
		w.signal(true)
		w.exit(reason)
	}
	for _, w := range left {
		<-w.Done()
	}
	_ = os.RemoveAll(z.dir)
}

// reason says for people why workers have lost their zygote.
func (z *zygote) reason(err error) string {
	text := fmt.Sprintf("workers of %s cannot run: %v", z.place.name(), err)
	if said := z.said.Take(); said != "" {
		text += "; it said: " + said
	}
	z.log().Info("zygote ended", slog.String("reason", text))
	return text
}

func (z *zygote) log() *slog.Logger {
	return z.host.cfg.Logger.With(slog.String("place", z.place.ID), slog.String("python", z.place.name()))
}
