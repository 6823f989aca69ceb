package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func newMap(a *app) *cobra.Command {
	var s submission
	cmd := &cobra.Command{
		Use:   "map FUNCTION",
		Short: "Run a function once for every line of standard input",
		Long: "Runs a function once for every line of standard input, and prints the values in the order of the\n" +
			"lines. A line is JSON: an array holds positional arguments, an object keyword arguments, and\n" +
			"anything else is the only argument. The command fails if any of the tasks does.",
		Example: "  seq 10 | yonder map square -e local\n" +
			"  yonder map add -e cluster < pairs.jsonl > sums.jsonl",
		Args:              needs(1, 1),
		ValidArgsFunction: complete(a, functions),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			b, err := s.bundle(cmd.Context(), a, c, args[0])
			if err != nil {
				return err
			}
			return newMapping(a, c, b).run(cmd.Context())
		},
	}
	s.flags(cmd, a)
	return cmd
}

// mapping submits lines and collects results at the same time.
type mapping struct {
	app      *app
	client   *client.Client
	template wire.Bundle
	progress *kit.Progress
	output   ordered

	begun func()        // the service knows the group, or never will
	known chan struct{} // closed by begun

	mu    sync.Mutex
	base  map[yonder.ID]int // number of a bundle's first line
	lines int
	ended bool // there are no more lines
}

func newMapping(a *app, c *client.Client, template wire.Bundle) *mapping {
	known := make(chan struct{})
	return &mapping{
		app: a, client: c, template: template, output: ordered{app: a},
		known: known, begun: sync.OnceFunc(func() { close(known) }), base: map[yonder.ID]int{},
	}
}

func (m *mapping) run(ctx context.Context) error {
	m.progress = m.app.Progress(ctx, "reading standard input")
	defer m.progress.Stop()
	both, running := errgroup.WithContext(ctx)
	both.Go(func() error { return m.submitAll(running) })
	both.Go(func() error { return m.collectAll(running) })
	err := both.Wait()
	if errors.Is(context.Cause(ctx), kit.ErrInterrupted) {
		return kit.Interruptedf("interrupted; the tasks go on: \"yonder group wait %s\" waits for them, \"yonder group cancel %s\" stops them",
			m.template.Group, m.template.Group)
	}
	if err != nil {
		return err
	}
	return m.output.end()
}

func (m *mapping) submitAll(ctx context.Context) error {
	defer m.begun()
	batches := newBatches(m.app.In)
	for {
		calls, err := batches.next()
		b := m.announce(len(calls))
		if err != nil || len(calls) == 0 {
			return err
		}
		if err := m.submit(ctx, b, calls); err != nil {
			return err
		}
		m.begun()
	}
}

// announce numbers the bundle's lines before its results can come.
func (m *mapping) announce(calls int) wire.Bundle {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.template
	b.ID = yonder.NewBundleID()
	m.base[b.ID] = m.lines
	m.lines += calls
	m.ended = calls == 0
	return b
}

// submit waits for room where the service has none: a full queue slows down
// and is no failure.
func (m *mapping) submit(ctx context.Context, b wire.Bundle, calls []wire.Call) error {
	for {
		err := submit(ctx, m.client, b, calls)
		if yonder.CodeOf(err) != yonder.CodeLimitReached {
			return err
		}
		m.progress.Sayf("waiting for room: %s", err)
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

func (m *mapping) collectAll(ctx context.Context) error {
	select {
	case <-m.known:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var cursor int64
	for {
		lines, ended := m.submitted()
		if ended && m.output.seen == lines {
			return nil
		}
		results, err := m.client.Results(ctx, m.template.Group, cursor, firstWait)
		if err != nil {
			return err
		}
		for _, r := range results {
			cursor = r.Cursor
			if err := m.collect(ctx, r); err != nil {
				return err
			}
		}
		m.progress.Sayf("%d of %d done", m.output.seen, lines)
	}
}

func (m *mapping) submitted() (int, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lines, m.ended
}

func (m *mapping) collect(ctx context.Context, r wire.Result) error {
	m.mu.Lock()
	first, ok := m.base[r.Task.Bundle()]
	m.mu.Unlock()
	if !ok {
		return fmt.Errorf("a result of task %s, which was not submitted here", r.Task)
	}
	if err := fill(ctx, m.client, &r); err != nil {
		return err
	}
	all, err := expand(r)
	for _, one := range all {
		if err == nil {
			err = m.output.add(first+one.Task.Index(), one)
		}
	}
	return err
}
