// Package manager is the daemon on every node: it takes work from its agent,
// runs it in warm workers, and keeps results until the agent has them. It goes
// on without an agent, and finds a restarted one by itself.
//
// All state belongs to one goroutine, the desk's. What is to happen is decided
// by the pool; connections and processes only bring events and carry out
// actions.
package manager

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/manager/link"
	"github.com/yonder-run/yonder/manager/runtime/process"
	"github.com/yonder-run/yonder/manager/workerproc"
	"github.com/yonder-run/yonder/python"
	"github.com/yonder-run/yonder/wire"
)

// Config of a manager. Only Rendezvous is required.
type Config struct {
	Rendezvous string // file through which the agent is found
	Block      string // that the node belongs to
	Dir        string // for sockets, pipes and payloads; the system's for temporary files by default
	Slots      int    // tasks at a time; what the endpoint says or one per CPU by default
	Pythons    []wire.Interpreter
	// Kinds of functions that may run; what the endpoint says or all by default.
	Kinds []string
	// Native is the command that starts zygotes of kinds that need no
	// interpreter; this program's "worker" by default.
	Native []string
	// Grace is how long a cancelled task has between SIGTERM and SIGKILL: what
	// the endpoint says or 5 s by default, enough to write a file.
	Grace time.Duration
	// StartTimeout is how long a worker may take to start: 1 min by default,
	// because shared file systems can be slow.
	StartTimeout time.Duration
	WorkerIdle   time.Duration // after which an unused worker ends; 5 min
	// A manager whose agent does not come back ends by itself, or nodes would
	// be held for ever: after OrphanIdle (10 min) when it has nothing to do and
	// nothing to tell, after OrphanBusy (24 h) even with results, which no
	// agent of a longer absence would find useful.
	OrphanIdle, OrphanBusy time.Duration
	// RoomPatience is how long there is waited for room on this node's disk: 1
	// min, because many a disk is full for a moment only. After that, tasks whose
	// payload finds none are given back, because another node may have room, and
	// tasks whose result finds none fail.
	RoomPatience  time.Duration
	FunctionBytes int64 // kept of functions that are not in use; 64 MiB
	BlobBytes     int64 // the same of large payloads; 4 GiB
	HeldBytes     int64 // of payloads that wait; 1 GiB
	InlineBytes   int64 // larger results travel as files; what the agent says or 256 KiB
	OutputBytes   int   // kept of stdout and of stderr of a run; 64 KiB
	// LiveBytes of a running task's latest output, and LiveValueBytes of a
	// generator's latest values, are kept for those who may come to follow it:
	// 64 KiB and 1 MiB, what a reader can be behind without missing anything.
	LiveBytes, LiveValueBytes int
	// Failures is after how many workers in a row that did not start nothing
	// more is tried with their interpreter, and Probe for how long: what the
	// endpoint says or 3 and 10 min.
	Failures int
	Probe    time.Duration
	// WorkerBytes is how much memory a worker may use: what the endpoint says
	// or no limit. What asks for more gets none: in Python, a MemoryError.
	WorkerBytes int64
	Logger      *slog.Logger
	// Workers makes what stands in for worker processes; none: there are real
	// ones. With it, nobody asks the endpoint's interpreters whether they work.
	Workers func(sink workerproc.Sink) Workers

	broken []wire.BrokenInterpreter // of those that the endpoint has
}

func (c *Config) defaults(r wire.Rendezvous) {
	c.Slots = cmp.Or(c.Slots, r.Slots, runtime.NumCPU())
	if len(c.Pythons) == 0 {
		c.Pythons = r.Pythons
	}
	if c.Kinds == nil {
		c.Kinds = r.Kinds
	}
	if len(c.Kinds) == 0 {
		c.Kinds = yonder.FunctionKinds
	}
	c.Failures = cmp.Or(c.Failures, r.Failures, 3)
	c.Probe = cmp.Or(c.Probe, time.Duration(r.ProbeSeconds*float64(time.Second)), 10*time.Minute)
	c.WorkerBytes = cmp.Or(c.WorkerBytes, r.WorkerBytes)
	c.Grace = cmp.Or(c.Grace, time.Duration(r.CancelGrace*float64(time.Second)), 5*time.Second)
	c.StartTimeout = cmp.Or(c.StartTimeout, time.Minute)
	c.WorkerIdle = cmp.Or(c.WorkerIdle, 5*time.Minute)
	c.OrphanIdle = cmp.Or(c.OrphanIdle, 10*time.Minute)
	c.OrphanBusy = cmp.Or(c.OrphanBusy, 24*time.Hour)
	c.RoomPatience = cmp.Or(c.RoomPatience, time.Minute)
	c.FunctionBytes = cmp.Or(c.FunctionBytes, 64<<20)
	c.BlobBytes = cmp.Or(c.BlobBytes, 4<<30)
	c.HeldBytes = cmp.Or(c.HeldBytes, 1<<30)
	c.InlineBytes = cmp.Or(c.InlineBytes, 256<<10)
	c.OutputBytes = cmp.Or(c.OutputBytes, 64<<10)
	c.LiveBytes = cmp.Or(c.LiveBytes, 64<<10)
	c.LiveValueBytes = cmp.Or(c.LiveValueBytes, 1<<20)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Manager is a service that may end by itself: drained by its agent, or left
// alone for too long.
type Manager struct {
	startstop.Base

	cfg Config
}

// New makes a manager.
func New(cfg Config) *Manager { return &Manager{cfg: cfg} }

// Run is a manager from its start to its end.
func Run(ctx context.Context, cfg Config) error {
	m := New(cfg)
	if err := m.Start(ctx); err != nil {
		return err
	}
	<-m.Done()
	return m.Err()
}

// Start looks for interpreters and begins to look for the agent. When its
// context ends or Stop is called, running tasks are ended and told as lost.
func (m *Manager) Start(ctx context.Context) error { return m.Base.Start(ctx, m.run) }

func (m *Manager) run(ctx context.Context, ready func()) error {
	rendezvous, err := awaitRendezvous(ctx, m.cfg.Rendezvous)
	if err != nil {
		return err
	}
	cfg := m.cfg
	cfg.defaults(rendezvous)
	if err := cfg.environments(ctx); err != nil {
		return err
	}
	blobs, err := os.MkdirTemp(cfg.Dir, "yonder-blobs-") // 0700
	if err != nil {
		return fmt.Errorf("making a directory for payloads: %w", err)
	}
	defer os.RemoveAll(blobs)
	return newDesk(cfg, blobs).serve(ctx, ready)
}

// processes are the workers of a node.
func (d *desk) processes(sink workerproc.Sink) (Workers, error) {
	if d.cfg.Workers != nil {
		return d.cfg.Workers(sink), nil
	}
	zipapp, err := python.Zipapp()
	if err != nil {
		return nil, err
	}
	return workerproc.New(workerproc.Config{
		Dir: d.cfg.Dir, Zipapp: zipapp, Native: d.cfg.Native, Runtime: process.New(),
		Output: d.cfg.OutputBytes, Live: d.live, Memory: d.cfg.WorkerBytes, Logger: d.log,
	}, sink), nil
}

// serve runs the desk between its workers and its agent.
func (d *desk) serve(ctx context.Context, ready func()) error {
	defer d.clear()
	host, err := d.processes(fromWorkers{d})
	if err != nil {
		return err
	}
	d.host = host
	agent := link.New(link.Config{File: d.cfg.Rendezvous, Logger: d.log}, fromAgent{d}, d.outbox)
	services := startstop.All(d.host, agent)
	// They outlive ctx: what its end brings about is still to be told.
	if err := services.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	defer services.Stop()
	defer close(d.over) // first, so that nobody waits for the desk
	ready()
	return d.run(ctx)
}

// rendezvousDelay is how long a file that another node has just written may
// take to show up here.
const rendezvousDelay = 30 * time.Second

func awaitRendezvous(ctx context.Context, file string) (wire.Rendezvous, error) {
	if file == "" {
		return wire.Rendezvous{}, yonder.FieldErrorf(yonder.CodeInvalidConfig, "rendezvous", "name the agent's rendezvous file")
	}
	over := time.NewTimer(rendezvousDelay)
	defer over.Stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		r, err := link.Read(filepath.Clean(file))
		if err == nil || yonder.CodeOf(err) != yonder.CodeUnavailable {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, context.Cause(ctx)
		case <-over.C:
			return r, err
		case <-look.C:
		}
	}
}
