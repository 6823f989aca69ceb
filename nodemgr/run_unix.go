//go:build unix

package manager

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/nodemgr/agentlink"
	"github.com/yonder-run/yonder/nodemgr/pool"
	"github.com/yonder-run/yonder/nodemgr/runtime/process"
	"github.com/yonder-run/yonder/nodemgr/workers"
	"github.com/yonder-run/yonder/python"
	"github.com/yonder-run/yonder/wire"
)

func (c *Config) defaults(r wire.Rendezvous) {
	c.Slots = cmp.Or(c.Slots, r.Slots, runtime.NumCPU())
	c.Hostname = cmp.Or(c.Hostname, hostname())
	c.PID = os.Getpid()
	c.Grace = cmp.Or(c.Grace, 5*time.Second)
	c.WorkerIdle = cmp.Or(c.WorkerIdle, 5*time.Minute)
	c.OrphanIdle = cmp.Or(c.OrphanIdle, 10*time.Minute)
	c.OrphanBusy = cmp.Or(c.OrphanBusy, 24*time.Hour)
	c.CacheBytes = cmp.Or(c.CacheBytes, 256<<20)
	c.InlineBytes = cmp.Or(c.InlineBytes, 128<<10)
	c.OutputBytes = cmp.Or(c.OutputBytes, 64<<10)
	if c.Logger == nil {
		c.Logger = slog.Default() //nolint:sloglint // a caller that does not care
	}
}

// Run runs a manager until ctx ends, its agent drains it, or it has been
// alone for too long.
func Run(ctx context.Context, cfg Config) error {
	rendezvous, err := readRendezvous(cfg.Rendezvous)
	if err != nil {
		return err
	}
	cfg.defaults(rendezvous)
	if len(rendezvous.Pythons) == 0 {
		return yonder.Errorf(yonder.CodeNoInterpreter, "the endpoint names no Python interpreter: set `pythons` in its configuration")
	}
	dir, err := os.MkdirTemp("", "yonder-m")
	if err != nil {
		return fmt.Errorf("making the manager's directory: %w", err)
	}
	defer os.RemoveAll(dir)
	zipapp, err := python.Zipapp()
	if err != nil {
		return fmt.Errorf("packing the worker: %w", err)
	}
	starter, err := process.New(dir, zipapp)
	if err != nil {
		return fmt.Errorf("preparing workers: %w", err)
	}
	d := newDesk(cfg, rendezvous.Pythons, dir, cfg.Logger)
	d.outbox.dir = dir
	d.host = workers.New(ctx, dir, cfg.OutputBytes, starter, toDesk{d}, cfg.Logger)
	defer d.host.Close()
	group, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancelCause(ctx)
	group.Go(func() error {
		defer cancel(errOver)
		return d.run(ctx)
	})
	group.Go(func() error { return agentlink.New(cfg.Rendezvous, toAgent{d}, cfg.Logger).Run(ctx) })
	if err := group.Wait(); err != nil && context.Cause(ctx) != errOver { //nolint:errorlint // our own value
		return fmt.Errorf("managing: %w", err)
	}
	return nil
}

var errOver = yonder.Errorf(yonder.CodeNotRunning, "the manager ends")

func readRendezvous(path string) (r wire.Rendezvous, err error) {
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return r, yonder.Errorf(yonder.CodeInvalidConfig, "reading the rendezvous file: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, yonder.Errorf(yonder.CodeInvalidConfig, "the rendezvous file %s is damaged: %w", path, err)
	}
	return r, nil
}

// toDesk brings the host's calls to the desk's goroutine.
type toDesk struct{ desk *desk }

func (t toDesk) ZygoteReady(key string) { t.key(key, t.desk.zygoteReady) }

func (t toDesk) ZygoteGone(key string, err error) {
	t.key(key, func(k pool.Key) { t.desk.zygoteGone(k, err) })
}

func (t toDesk) key(name string, f func(pool.Key)) {
	owner, environment, _ := strings.Cut(name, " ")
	id, err := yonder.ParseID(owner)
	if err != nil {
		id = yonder.ID{}
	}
	t.desk.do(func() { f(pool.Key{Owner: id, Environment: environment}) })
}

func (t toDesk) WorkerReady(worker string) {
	t.desk.do(func() { t.desk.pool.Hello(worker, time.Now()) })
}

func (t toDesk) Ran(worker string, ran wire.Ran, columns [][]byte, stdout, stderr string) {
	t.desk.do(func() { t.desk.ran(worker, ran, columns, stdout, stderr) })
}

func (t toDesk) WorkerGone(worker string, end workers.End) {
	t.desk.do(func() { t.desk.workerGone(worker, end, "") })
}

// describe says how a worker ended, in words.
func describe(end workers.End) string {
	var text string
	if end.Signal != 0 {
		s := syscall.Signal(end.Signal)
		text = fmt.Sprintf("the worker was killed by signal %d (%s)", end.Signal, s)
	} else {
		text = fmt.Sprintf("the worker exited with code %d while it ran the task", end.Code)
	}
	if words := strings.TrimSpace(end.Stderr); words != "" {
		const kept = 2000
		text += "; its last words:\n" + words[max(0, len(words)-kept):]
	}
	return text
}

func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}
