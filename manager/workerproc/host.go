// Package workerproc keeps worker processes: it starts a zygote for every
// identity and interpreter, has it fork workers, speaks the wire format to
// them over a Unix socket, gathers what they print and tells how they end.
//
// Whatever one worker sends or does concerns that worker alone.
package workerproc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/manager/live"
	"github.com/yonder-run/yonder/manager/runtime"
	"github.com/yonder-run/yonder/wire"
)

// Place is where a worker runs: one identity in one environment. Workers of
// one place share a zygote and nothing with other places.
type Place struct {
	ID string
	// Python is the path of the interpreter; empty: the native worker, which
	// needs none.
	Python string
}

func (p Place) name() string {
	if p.Python == "" {
		return "the native worker"
	}
	return p.Python
}

// Report is a Ran frame with what was written to stdout and stderr before it.
type Report struct {
	wire.Ran
	Columns        [][]byte
	Files          map[int]File // by column, in place of Ran.Files
	Stdout, Stderr string
}

// File is a result that is too large for a message. It is out of the worker's
// reach by now; whoever takes the report removes it.
type File struct {
	Path string
	Blob wire.Blob // its size; the hash is found out when it is sent
}

// Exit tells how a worker ended and where it was.
type Exit struct {
	Run     int64 // that it had begun last
	Index   int   // of the task in it
	Message string
}

// Sink is told what workers do. Calls about one worker come one at a time:
// Hello, any number of Ran, Exited. Exited comes for every worker that was
// forked, and last. Calls may block; only that worker waits.
type Sink interface {
	Hello(worker string)
	Ran(worker string, report Report)
	Exited(worker string, exit Exit)
}

// Config of a Host.
type Config struct {
	// Dir is where the directory of sockets, pipes and results is made; empty:
	// the system's place for temporary files.
	Dir     string
	Zipapp  []byte   // what Python's zygotes run
	Native  []string // the command of native ones
	Runtime runtime.Runtime
	Output  int   // bytes kept of each of stdout and stderr between two reports
	Memory  int64 // bytes that a worker may use; 0: no limit
	Live    *live.Book
	Logger  *slog.Logger
}

// Host is a service. Its directory exists while it runs.
type Host struct {
	startstop.Base

	cfg  Config
	sink Sink

	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // the host's life, within which zygotes live
	dir     string
	archive string
	zygotes map[string]*zygote
	started int // zygotes, ever
	workers map[string]*worker
	oom     int64 // kills by the kernel, as last counted
}

// New makes a host that tells the sink what happens.
func New(cfg Config, sink Sink) *Host {
	return &Host{cfg: cfg, sink: sink, zygotes: map[string]*zygote{}, workers: map[string]*worker{}}
}

// Start makes the directory.
func (h *Host) Start(ctx context.Context) error { return h.Base.Start(ctx, h.run) }

func (h *Host) run(ctx context.Context, ready func()) error {
	dir, err := makeDir(h.cfg.Dir)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	archive, err := WriteArchive(dir, h.cfg.Zipapp)
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.ctx, h.dir, h.archive = ctx, dir, archive
	h.oom, _ = oomKills()
	h.mu.Unlock()
	ready()
	<-ctx.Done()
	for _, z := range h.allZygotes() {
		z.Stop()
	}
	return context.Cause(ctx)
}

// maxSocketPath is what the address of a Unix socket holds on every system.
const maxSocketPath = 103

// longest is the longest path of a socket below the host's directory.
const longest = "/z99999/socket"

// makeDir makes a private directory whose sockets' paths are short enough.
func makeDir(base string) (string, error) {
	if base == "" {
		base = os.TempDir()
	}
	dir, err := os.MkdirTemp(base, "yonder-") // 0700
	if err != nil {
		return "", fmt.Errorf("making a directory for workers: %w", err)
	}
	if len(dir)+len(longest) <= maxSocketPath {
		if err := os.Mkdir(resultsDir(dir), 0o700); err != nil {
			return "", fmt.Errorf("making a directory for results: %w", err)
		}
		return dir, nil
	}
	_ = os.Remove(dir)
	const short = "/tmp"
	if base == short {
		return "", fmt.Errorf("the path %s is too long for a socket", dir)
	}
	return makeDir(short)
}

// command starts a place's zygote. Interpreters are kept from the
// environment's PYTHON variables, the working directory and the user's site
// packages.
func (h *Host) command(place Place) []string {
	if place.Python == "" {
		return h.cfg.Native
	}
	return []string{place.Python, "-I", h.archive}
}

func resultsDir(dir string) string { return filepath.Join(dir, "results") }

// Fork starts a worker. After an error there is none, and no Exited follows.
func (h *Host) Fork(place Place, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx == nil || h.ctx.Err() != nil {
		return errors.New("the manager is stopping")
	}
	z := h.zygotes[place.ID]
	if z == nil || z.over() {
		z = newZygote(h, place)
		if err := z.Start(h.ctx); err != nil {
			return fmt.Errorf("starting workers with %s: %w", place.name(), err)
		}
		h.zygotes[place.ID] = z
	}
	w, err := z.fork(id)
	if err != nil {
		return err
	}
	h.workers[id] = w
	return nil
}

// Run sends a worker its next run, after the function if it has another one.
func (h *Host) Run(id string, load wire.Load, body []byte, run wire.Run, columns [][]byte) error {
	w := h.worker(id)
	if w == nil {
		return fmt.Errorf("there is no worker %s", id)
	}
	return w.give(load, body, run, columns)
}

// Signal asks a worker's process group to end, or kills it.
func (h *Host) Signal(id string, kill bool) {
	if w := h.worker(id); w != nil {
		w.signal(kill)
	}
}

// Look says which task a worker has begun last, and what that has said of its
// progress. It is nowhere if there is no such worker.
func (h *Host) Look(id string) (live.Place, *yonder.Progress) {
	w := h.worker(id)
	if w == nil {
		return live.Place{}, nil
	}
	at := w.board.where()
	return at, w.board.progress(at)
}

// Whereabouts is the run a worker is in and the task that it has begun last.
func (h *Host) Whereabouts(id string) (run int64, index int) {
	if w := h.worker(id); w != nil {
		at := w.board.where()
		return at.Run, at.Index
	}
	return 0, 0
}

// Process returns a worker's process and when it last wrote something.
func (h *Host) Process(id string) (pid int, printed time.Time) {
	w := h.worker(id)
	if w == nil {
		return 0, printed
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	printed = w.stdout.last()
	if err := w.stderr.last(); err.After(printed) {
		printed = err
	}
	return w.pid, printed
}

// Retire ends the zygote of a place that has no workers.
func (h *Host) Retire(place string) {
	h.mu.Lock()
	z := h.zygotes[place]
	delete(h.zygotes, place)
	h.mu.Unlock()
	if z != nil {
		z.end(errRetired)
	}
}

var errRetired = yonder.Errorf(yonder.CodeUnavailable, "the place was retired")

func (h *Host) worker(id string) *worker {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.workers[id]
}

func (h *Host) forget(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.workers, id)
}

func (h *Host) allZygotes() []*zygote {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*zygote, 0, len(h.zygotes))
	for _, z := range h.zygotes {
		all = append(all, z)
	}
	return all
}
