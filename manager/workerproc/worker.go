package workerproc

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/wire"
)

const (
	// lastWords is how long frames of a dead worker are waited for: only a
	// process that it started can still hold the connection open.
	lastWords = time.Second
	// lingering is how long a worker may live without its connection.
	lingering = 2 * time.Second
	// treeEvery is how often it is looked whether all that a worker has
	// started is gone, treeLooks how often after SIGKILL.
	treeEvery = 20 * time.Millisecond
	treeLooks = 100
	// queued frames for a worker: a function and a run.
	queued = 2
	// quoted is how much of its last output a message about a crash quotes.
	quoted = 2 << 10
)

// worker is the service around one forked process: it ends when the process
// has ended and the sink was told.
type worker struct {
	startstop.Base

	id             string
	zygote         *zygote
	dir            string
	fork           wire.Fork
	stdout, stderr *pipe
	board          board
	claims         *claims // made with the first run of several blocks
	send           chan wire.Frame
	exited         chan string   // how the process ended
	read           chan struct{} // closed when nothing more is read from it

	mu      sync.Mutex
	conn    net.Conn
	pid     int
	doomed  bool // to be killed as soon as it is there
	killed  bool // a signal was SIGKILL
	tree    tree // what it has started, once it was told to end
	ended   bool // its number may be another's by now
	loaded  string
	problem string
	given   wire.Run // its last
	next    int      // the first task of it that was not reported
}

// newWorker makes the worker's directory, pipes and progress file.
func newWorker(z *zygote, id string) (*worker, error) {
	dir := filepath.Join(z.dir, id)
	w := &worker{
		id: id, zygote: z, dir: dir,
		fork: wire.Fork{
			Worker: id, Stdout: filepath.Join(dir, "stdout"), Stderr: filepath.Join(dir, "stderr"),
			Dir: filepath.Join(dir, "work"), Progress: filepath.Join(dir, "progress"),
			Kept: filepath.Join(dir, "kept"), Claims: filepath.Join(dir, "claims"), Memory: z.host.cfg.Memory,
		},
		tree: tree{}, send: make(chan wire.Frame, queued), exited: make(chan string, 1), read: make(chan struct{}),
	}
	if err := w.prepare(); err != nil {
		w.discard()
		return nil, fmt.Errorf("preparing a worker: %w", err)
	}
	return w, nil
}

func (w *worker) prepare() error {
	if err := os.MkdirAll(w.fork.Dir, 0o700); err != nil {
		return err //nolint:wrapcheck // names the path
	}
	var err error
	if w.board, err = openBoard(w.fork.Progress); err != nil {
		return err
	}
	keep := w.zygote.host.cfg.Output
	if w.stdout, err = openPipe(w.fork.Stdout, keep, w.tap(wire.StreamStdout)); err != nil {
		return err
	}
	w.stderr, err = openPipe(w.fork.Stderr, keep, w.tap(wire.StreamStderr))
	return err
}

// tap is told all that comes out of a pipe.
type tap func(at live.Place, data []byte)

func (w *worker) tap(stream wire.Stream) tap {
	book := w.zygote.host.cfg.Live
	return func(at live.Place, data []byte) { book.Wrote(w.id, at, stream, data) }
}

// discard removes all that was made.
func (w *worker) discard() {
	w.stdout.Close()
	w.stderr.Close()
	w.board.Close()
	w.mu.Lock()
	w.claims.Close()
	w.mu.Unlock()
	_ = os.RemoveAll(w.dir)
}

// Start reads what the worker prints and waits for its end.
func (w *worker) Start(ctx context.Context) error { return w.Base.Start(ctx, w.run) }

func (w *worker) run(_ context.Context, ready func()) error {
	ready()
	var pumping sync.WaitGroup
	pumping.Go(func() { w.stdout.pump(w.board.where) })
	pumping.Go(func() { w.stderr.pump(w.board.where) })
	message := w.awaitExit()
	w.awaitTree()
	w.finish()
	w.salvage()
	at := w.board.where()
	exit := Exit{Run: at.Run, Index: at.Index}
	w.stdout.take(at)
	exit.Message = message + quote(w.stderr.take(at))
	w.zygote.host.forget(w.id)
	w.discard()
	pumping.Wait()
	w.zygote.host.sink.Exited(w.id, exit)
	return nil
}

// awaitExit waits for the zygote's word. A worker that closes its connection
// is about to end, or has to.
func (w *worker) awaitExit() string {
	read := w.read
	var late <-chan time.Time
	for {
		select {
		case message := <-w.exited:
			return message
		case <-read:
			read, late = nil, time.After(lingering)
		case <-late:
			w.blame("it closed its connection to the manager")
			w.signal(true)
		}
	}
}

// awaitTree waits, after a worker that was told to end, for what it has
// started: it has the same time to end by itself as the worker.
func (w *worker) awaitTree() {
	look := time.NewTicker(treeEvery)
	defer look.Stop()
	for left := treeLooks; left > 0; <-look.C {
		w.mu.Lock()
		if w.doomed && w.pid != 0 {
			w.tree.grow(w.pid)
		}
		if w.killed {
			w.tree.signal(true, 0)
			left-- // what does not even end then is beyond us
		}
		gone := len(w.tree) == 0
		w.mu.Unlock()
		if gone {
			return
		}
	}
}

// exit tells that the process is gone.
func (w *worker) exit(message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	w.ended = true
	if w.problem != "" {
		message = w.problem + "; " + message
	}
	w.exited <- message
}

// finish reads to the end what the worker had sent.
func (w *worker) finish() {
	w.mu.Lock()
	conn := w.conn
	w.mu.Unlock()
	if conn != nil {
		_ = conn.SetReadDeadline(time.Now().Add(lastWords))
		<-w.read
	}
}

// serve is the worker's side of its connection, from its hello to its end.
func (w *worker) serve(conn net.Conn, pid int) {
	if !w.attach(conn, pid) {
		return
	}
	defer close(w.read)
	done := make(chan struct{})
	var writing sync.WaitGroup
	defer writing.Wait()
	defer close(done)
	writing.Go(func() { w.write(conn, done) })
	w.zygote.host.sink.Hello(w.id)
	// Whatever is wrong with the connection itself is the worker's end.
	var wrong *yonder.Error
	err := w.listen(conn)
	if !errors.As(err, &wrong) {
		return
	}
	w.log().Warn("a worker sent what it must not and is ended", slog.Any("error", err))
	w.blame("the worker sent what it must not: " + err.Error())
	w.signal(true)
}

// blame says why a worker is ended, unless that is known already.
func (w *worker) blame(problem string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problem = cmp.Or(w.problem, problem)
}

func (w *worker) attach(conn net.Conn, pid int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil || w.ended {
		return false
	}
	w.conn, w.pid = conn, pid
	if w.doomed {
		_ = killGroup(pid, true)
	}
	return true
}

// listen passes reports on until the connection ends.
func (w *worker) listen(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		frame, err := wire.Read(in, wire.MaxLocalFrame)
		if err != nil {
			return err
		}
		if frame.Kind == wire.KindYield {
			if err := w.yielded(frame); err != nil {
				return err
			}
			continue
		}
		report := Report{Columns: frame.Columns}
		if err := frame.Decode(wire.KindRan, &report.Ran); err != nil {
			return err
		}
		if len(report.Entries) != len(report.Columns) {
			return yonder.Errorf(yonder.CodeMalformedFrame, "%d payloads for %d outcomes", len(report.Columns), len(report.Entries))
		}
		if report.Files, err = w.takeFiles(report.Ran.Files); err != nil {
			return err
		}
		w.reported(report.Ran)
		last := w.lastOf(report.Ran)
		report.Stdout, report.Stderr = w.stdout.take(last), w.stderr.take(last)
		w.zygote.host.sink.Ran(w.id, report)
	}
}

// lastOf is the task that a report ends with, while the worker may be at
// another one already.
func (w *worker) lastOf(ran wire.Ran) live.Place {
	if n := len(ran.Entries); n > 0 {
		return live.Place{Run: ran.Run, Index: ran.Entries[n-1].Hi - 1}
	}
	return w.board.where()
}

// yielded takes values of a generator.
func (w *worker) yielded(frame wire.Frame) error {
	var yield wire.Yield
	if err := frame.Decode(wire.KindYield, &yield); err != nil {
		return err
	}
	w.zygote.host.cfg.Live.Yielded(w.id, yield, frame.Columns)
	return nil
}

// give queues a run. The queue has room, because a worker has one run at a time.
func (w *worker) give(load wire.Load, body []byte, run wire.Run, columns [][]byte) error {
	if w.loaded != load.Function {
		frame, err := wire.NewFrame(wire.KindLoad, load, body)
		if err != nil {
			return err
		}
		if err := w.queue(frame); err != nil {
			return err
		}
		w.loaded = load.Function
	}
	run, err := w.offer(run)
	if err != nil {
		return err
	}
	frame, err := wire.NewFrame(wire.KindRun, run, columns...)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.given, w.next = run, run.Lo
	w.mu.Unlock()
	return w.queue(frame)
}

func (w *worker) queue(frame wire.Frame) error {
	if frame.Size() > wire.MaxLocalFrame {
		return yonder.Errorf(yonder.CodeTooLarge, "a %v message of %d bytes is too large", frame.Kind, frame.Size())
	}
	select {
	case w.send <- frame:
		return nil
	default:
		return errors.New("the worker does not read what it is sent")
	}
}

func (w *worker) write(conn net.Conn, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case frame := <-w.send:
			if _, err := conn.Write(frame.Bytes()); err != nil {
				return // its reader hears of it too
			}
		}
	}
}

// signal ends the worker's process group. One that is not there yet is not
// forked any more, or killed when it comes.
func (w *worker) signal(kill bool) {
	w.mu.Lock()
	pid, ended := w.pid, w.ended
	w.doomed, w.killed = true, w.killed || kill
	if pid != 0 && !ended {
		w.tree.grow(pid) // while parents live, who came of whom can be seen
		// The worker's group comes first: it is to know that it was told to end
		// before it sees what it has started end.
		if err := killGroup(pid, kill); err != nil {
			w.log().Debug("could not signal a worker", slog.Any("error", err))
		}
		w.tree.signal(kill, pid)
	}
	w.mu.Unlock()
	switch {
	case ended || pid != 0: // awaitTree sees to the rest
	case w.zygote.unfork(w.id):
		w.exit("the worker was not needed any more")
	case kill:
		// Forked, and not heard of: only its zygote knows its number.
		w.zygote.end(fmt.Errorf("worker %s did not start", w.id))
	}
}

func (w *worker) log() *slog.Logger { return w.zygote.log().With(slog.String("worker", w.id)) }
