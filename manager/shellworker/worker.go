package shellworker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Worker runs tasks until the manager closes the connection or asks it to end.
func Worker(socket, request string) error {
	var fork wire.Fork
	if err := json.Unmarshal([]byte(request), &fork); err != nil {
		return yonder.Errorf(yonder.CodeMalformedFrame, "reading the request: %w", err)
	}
	// Commands are to end with the thread that starts them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := become(fork); err != nil {
		return err
	}
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	defer signal.Stop(terminate)
	progress, err := os.OpenFile(fork.Progress, os.O_RDWR, 0)
	if err != nil {
		return yonder.Errorf(yonder.CodeInternal, "opening the progress file: %w", err)
	}
	defer progress.Close()
	conn, err := dial(socket, wire.WorkerHello{Role: roleWorker, Worker: fork.Worker})
	if err != nil {
		return err
	}
	defer conn.Close()
	w := &worker{conn: conn, dir: fork.Dir, claims: fork.Claims, progress: progress, functions: functions{}, terminate: terminate}
	return w.serve()
}

type worker struct {
	conn      net.Conn
	dir       string
	claims    string // path of the pipe
	progress  *os.File
	functions functions
	terminate chan os.Signal
	told      bool // to end
}

// serve handles frames until told to end. Frames are read on the side, so that
// a signal is noticed when there are none.
func (w *worker) serve() error {
	frames, over := make(chan wire.Frame), make(chan struct{})
	var reading errgroup.Group
	reading.Go(func() error {
		defer close(frames)
		return w.read(frames, over)
	})
	err := w.handle(frames)
	close(over)
	w.conn.Close()
	if failed := reading.Wait(); err == nil && !w.told {
		err = failed
	}
	return err
}

func (w *worker) read(frames chan<- wire.Frame, over <-chan struct{}) error {
	for {
		frame, err := wire.Read(w.conn, wire.MaxLocalFrame)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case frames <- frame:
		case <-over:
			return nil
		}
	}
}

func (w *worker) handle(frames <-chan wire.Frame) error {
	for !w.told {
		select {
		case <-w.terminate:
			w.told = true
		case frame, open := <-frames:
			if !open {
				return nil
			}
			if err := w.frame(frame); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *worker) frame(frame wire.Frame) error {
	if frame.Kind == wire.KindLoad {
		var load wire.Load
		if err := frame.Decode(wire.KindLoad, &load); err != nil {
			return err
		}
		if len(frame.Columns) != 1 {
			return yonder.Errorf(yonder.CodeMalformedFrame, "a function came in %d parts", len(frame.Columns))
		}
		w.functions.load(load.Function, frame.Columns[0])
		return nil
	}
	var run wire.Run
	if err := frame.Decode(wire.KindRun, &run); err != nil {
		return err
	}
	return w.run(run, frame.Columns)
}

// begin notes for the manager, which looks at it after a crash, where this
// worker is.
func (w *worker) begin(run int64, index int) error {
	var at [16]byte
	binary.LittleEndian.PutUint64(at[:], uint64(run))
	binary.LittleEndian.PutUint64(at[8:], uint64(index))
	if _, err := w.progress.WriteAt(at[:], 0); err != nil {
		return yonder.Errorf(yonder.CodeInternal, "noting the progress: %w", err)
	}
	return nil
}

// stopping says whether the worker was told to end, by now. Its command gets
// the same signal, and may have ended sooner than ours was noted.
func (w *worker) stopping() bool {
	settle()
	select {
	case <-w.terminate:
		w.told = true
	default:
	}
	return w.told
}
