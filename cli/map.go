package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
	var file, format string
	cmd := &cobra.Command{
		Use:   "map FUNCTION",
		Short: "Run a function once for every line of a file or standard input",
		Long: "Runs a function once for every line of a file or standard input, and prints the values in the order\n" +
			"of the lines. A line is JSON: an array holds positional arguments, an object keyword arguments, and\n" +
			"anything else is the only argument. In CSV the first row names the arguments; a cell that reads as\n" +
			"JSON is taken so, any other is a text. The command fails if any of the tasks does.",
		Example: "  seq 10 | yonder map square -e local\n" +
			"  yonder map add -e cluster < pairs.jsonl > sums.jsonl\n" +
			"  yonder map simulate -e cluster --file parameters.csv --json",
		Args:              mapArgs,
		ValidArgsFunction: complete(a, functions),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, from, err := a.callsOf(file, format)
			if err != nil {
				return err
			}
			defer in.Close()
			c, err := a.client()
			if err != nil {
				return err
			}
			b, err := s.bundle(cmd.Context(), a, c, args[0])
			if err != nil {
				return err
			}
			return newMapping(a, c, b, from).run(cmd.Context())
		},
	}
	s.flags(cmd, a)
	cmd.Flags().StringVar(&file, "file", "-", "read the arguments from a `file`; - is standard input")
	kit.Choice(cmd.Flags(), &format, "format", formatAuto, []string{formatAuto, formatJSON, formatCSV},
		"jsonl, csv, or auto: csv if the file's name ends so")
	completeFlag(cmd, "format", cobra.FixedCompletions([]string{formatAuto, formatJSON, formatCSV}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// mapArgs refuses a file among the arguments with the flag that it belongs to.
func mapArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 2 {
		return kit.Usagef("expected \"%s\", found 2 arguments; \"yonder map %s --file %s\" reads them from a file",
			cmd.UseLine(), args[0], args[1])
	}
	return needs(1, 1)(cmd, args)
}

// Forms of a map's arguments.
const (
	formatAuto = "auto"
	formatJSON = "jsonl"
	formatCSV  = "csv"
)

// callsOf opens the file and says how to read it. Somebody at a terminal is
// told that they are waited for.
func (a *app) callsOf(file, format string) (io.Closer, calls, error) {
	in, what := io.NopCloser(a.In), "standard input"
	if file != "-" {
		opened, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, kit.Usagef("--file: there is no file %s", file)
		}
		if err != nil {
			return nil, nil, kit.Usagef("--file: %w", err)
		}
		in, what = opened, file
	} else if a.Interactive() {
		a.Notef("Reading arguments from this terminal, one call in each line; Ctrl-D ends them.\n")
	}
	text := newPlainText(in)
	if format == formatCSV || format == formatAuto && strings.EqualFold(filepath.Ext(what), ".csv") {
		return in, newCSVRows(text), nil
	}
	return in, newJSONLines(text), nil
}

// mapping submits lines and collects results at the same time.
type mapping struct {
	app      *app
	client   *client.Client
	from     batches
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

func newMapping(a *app, c *client.Client, template wire.Bundle, from calls) *mapping {
	known := make(chan struct{})
	return &mapping{
		app: a, client: c, from: batches{from}, template: template, output: ordered{app: a},
		known: known, begun: sync.OnceFunc(func() { close(known) }), base: map[yonder.ID]int{},
	}
}

func (m *mapping) run(ctx context.Context) error {
	m.progress = m.app.Progress(ctx, "reading the arguments")
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
	for {
		calls, err := m.from.next()
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
	all, err := client.Split(r)
	for _, one := range all {
		if err == nil {
			err = m.output.add(first+one.Task.Index(), one)
		}
	}
	return err
}
