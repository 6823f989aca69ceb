// Package shellworker runs functions of kind shell in a process of its own,
// one task at a time. It speaks what Python's workers speak (docs/protocol.md):
// one zygote for every identity, and a worker for every Fork. It needs no
// interpreter but the shell that a function names.
package shellworker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Roles of a hello.
const (
	roleZygote = "zygote"
	roleWorker = "worker"
)

// Zygote starts workers until the manager closes the connection, and ends them
// all with itself.
func Zygote(socket string) error {
	// A worker is told by the kernel when the thread that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	conn, err := dial(socket, wire.WorkerHello{Role: roleZygote})
	if err != nil {
		return err
	}
	defer conn.Close()
	z := &zygote{conn: conn, socket: socket, workers: map[int]*exec.Cmd{}}
	err = z.serve()
	z.endAll()
	_ = z.waiting.Wait() // none fails
	return err
}

type zygote struct {
	conn    net.Conn
	socket  string
	waiting errgroup.Group

	mu      sync.Mutex // of what follows, and of writing
	workers map[int]*exec.Cmd
}

func (z *zygote) serve() error {
	for {
		frame, err := wire.Read(z.conn, wire.MaxFabricFrame)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var fork wire.Fork
		if err := frame.Decode(wire.KindFork, &fork); err != nil {
			return err
		}
		if err := z.fork(fork); err != nil {
			return err
		}
	}
}

// fork starts one more worker. That it cannot be started is told as an exit.
func (z *zygote) fork(fork wire.Fork) error {
	request, err := json.Marshal(fork)
	if err != nil {
		return fmt.Errorf("encoding a request: %w", err)
	}
	cmd := exec.Command(self(), "worker", "--socket", z.socket, "--fork", string(request)) //nolint:noctx // ends with the zygote
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr                                          // until it has opened its own
	newSession(cmd)
	z.mu.Lock()
	defer z.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return send(z.conn, wire.KindExited, wire.Exited{Worker: fork.Worker, Code: errno(err)})
	}
	z.workers[cmd.Process.Pid] = cmd
	z.waiting.Go(func() error { return z.reap(fork.Worker, cmd) })
	return nil
}

// reap collects a worker with what is left of its group.
func (z *zygote) reap(worker string, cmd *exec.Cmd) error {
	pid := cmd.Process.Pid
	// Until it is collected its number cannot be a stranger's.
	awaitEnd(cmd)
	z.mu.Lock()
	defer z.mu.Unlock()
	killGroup(pid)
	_ = cmd.Wait() // the state says more
	delete(z.workers, pid)
	code, signal := ending(cmd.ProcessState)
	_ = send(z.conn, wire.KindExited, wire.Exited{Worker: worker, PID: pid, Code: code, Signal: signal}) // serve hears of it
	return nil
}

func (z *zygote) endAll() {
	z.mu.Lock()
	defer z.mu.Unlock()
	for pid, cmd := range z.workers {
		killGroup(pid)
		_ = cmd.Process.Kill() // it may not have a group of its own yet
	}
}

// errno is an error of the system as a number, for Exited.
func errno(err error) int {
	var number syscall.Errno
	if errors.As(err, &number) {
		return int(number)
	}
	return 1
}

func dial(socket string, hello wire.WorkerHello) (net.Conn, error) {
	conn, err := net.Dial("unix", socket) //nolint:noctx // answers at once or never
	if err != nil {
		return nil, yonder.Errorf(yonder.CodeUnavailable, "connecting to the manager: %w", err)
	}
	hello.Wire, hello.PID = wire.Version, os.Getpid()
	return conn, send(conn, wire.KindWorkerHello, hello)
}

func send(conn net.Conn, kind wire.Kind, header any, columns ...[]byte) error {
	frame, err := wire.NewFrame(kind, header, columns...)
	if err != nil {
		return err
	}
	if _, err := conn.Write(frame.Bytes()); err != nil {
		return fmt.Errorf("writing to the manager: %w", err)
	}
	return nil
}
