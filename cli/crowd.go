package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/simworker"
	"github.com/yonder-run/yonder/manager/workerproc"
)

// crowd is many managers with simulated workers.
type crowd struct {
	managers, workers, processes int

	work       simworker.Work
	rendezvous string
	logs       kit.LogFlags
	log        *slog.Logger
}

// run has them connect until ctx ends or one of them fails. The command is
// this program's, for a process with so many managers.
func (c crowd) run(ctx context.Context, command func(managers int) []string) error {
	if c.processes > 1 {
		return c.spread(ctx, command)
	}
	dir, err := os.MkdirTemp("", "yonder-simulated-")
	if err != nil {
		return fmt.Errorf("making a directory for managers: %w", err)
	}
	defer os.RemoveAll(dir)
	group, ctx := errgroup.WithContext(ctx)
	pace := time.NewTicker(startEvery)
	defer pace.Stop()
	for i := 0; i < c.managers && ctx.Err() == nil; i++ {
		group.Go(func() error { return c.manager(ctx, filepath.Join(dir, strconv.Itoa(i))) })
		select {
		case <-ctx.Done():
		case <-pace.C:
		}
	}
	return group.Wait()
}

// startEvery is the time between one manager and the next. An agent has so
// many greetings under way at one time; of more, it ends the oldest, and
// thousands that come at once would take turns for minutes.
const startEvery = 2 * time.Millisecond

func (c crowd) manager(ctx context.Context, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making a manager's directory: %w", err)
	}
	return runManager(ctx, manager.Config{
		Rendezvous: c.rendezvous, Dir: dir, Slots: c.workers, Logger: c.log,
		Workers: func(sink workerproc.Sink) manager.Workers { return simworker.New(c.work, sink) },
	})
}

// spread runs the managers in processes of their own.
func (c crowd) spread(ctx context.Context, command func(managers int) []string) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range c.processes {
		managers := share(c.managers, c.processes, i)
		group.Go(func() error {
			child, err := childOf(ctx, command(managers)...)
			if err != nil {
				return err
			}
			child.Stdout = os.Stdout
			return endOf(ctx, child.Run(), fmt.Sprintf("%d managers", managers))
		})
	}
	return group.Wait()
}

// share is the part of n that is the i-th of several processes'.
func share(n, processes, i int) int { return n*(i+1)/processes - n*i/processes }

// childOf prepares a process of this program that ends with ctx.
func childOf(ctx context.Context, args ...string) (*exec.Cmd, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	child := exec.CommandContext(ctx, program, args...)
	child.Stderr = os.Stderr
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = childGrace
	return child, nil
}

// endOf is how the end of a child is told: one that was asked for is no error.
func endOf(ctx context.Context, err error, what string) error {
	if err == nil || ctx.Err() != nil && errors.Is(context.Cause(ctx), kit.ErrInterrupted) {
		return nil
	}
	return fmt.Errorf("running %s: %w", what, err)
}

// childGrace is how long a process has to end what it runs: what each of these
// takes itself, and some more because they are many.
const childGrace = 20 * time.Second
