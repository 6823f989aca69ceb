package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize" //nolint:misspell // its name
	"github.com/spf13/cobra"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

func newTaskLogs(a *app) *cobra.Command {
	var follow bool
	var attempt int
	cmd := &cobra.Command{
		Use:   "logs ID",
		Short: "Show what a task prints and how far it is, also while it runs",
		Long: "Show what a task prints and how far it is. With --follow to its end, from wherever you are:\n" +
			"its standard output goes to standard output, its standard error and everything else to\n" +
			"standard error. With --json each event is a line. Of an attempt that was lost and followed by\n" +
			"another one --attempt shows what it had written, up to 16 KiB of each stream.",
		Example: "  yonder task logs 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000\n" +
			"  yonder task logs -f 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000\n" +
			"  yonder task logs --attempt 1 0198c5a2-7b1e-7c3d-9f00-3a5b6c7d0000",
		Args: needs(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if follow && attempt > 0 {
				return kit.Usagef("--follow is for the attempt at hand: leave out --attempt")
			}
			c, id, err := a.taskID(args[0])
			if err != nil {
				return err
			}
			if follow {
				return a.followLogs(cmd.Context(), c, id)
			}
			return a.showLogs(cmd.Context(), c, id, attempt)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on to the end of the task")
	kit.Count(cmd.Flags(), &attempt, "attempt", 0, 1, "show what it wrote in the attempt with this `number` (default the last)")
	return cmd
}

func (a *app) showLogs(ctx context.Context, c *client.Client, id yonder.ID, attempt int) error {
	read := func() (wire.TaskLogs, error) { return c.Logs(ctx, id, "") }
	if attempt > 0 {
		read = func() (wire.TaskLogs, error) { return c.AttemptLogs(ctx, id, attempt) }
	}
	logs, err := read()
	if err != nil {
		return err
	}
	return a.Show(logs, func() {
		printer := logPrinter{app: a}
		for _, e := range logs.Events {
			printer.print(e)
		}
		printer.close()
		if !printer.said {
			a.Notef("The task has printed nothing.\n")
		}
		if attempt == 0 && printer.attempt > 1 {
			a.Notef("Attempt %d was lost: \"yonder task logs %s --attempt %d\" shows what it wrote.\n", printer.attempt-1, id, printer.attempt-1)
		}
	})
}

func (a *app) followLogs(ctx context.Context, c *client.Client, id yonder.ID) error {
	printer := logPrinter{app: a}
	err := c.FollowLogs(ctx, id, "", func(e wire.TaskEvent) error {
		if a.JSON {
			line, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("writing JSON: %w", err)
			}
			a.Printf("%s\n", line)
			return nil
		}
		printer.print(e)
		return nil
	})
	printer.close()
	if errors.Is(context.Cause(ctx), kit.ErrInterrupted) {
		return kit.Interruptedf("interrupted; the task goes on: \"yonder task logs -f %s\" follows it again", id)
	}
	return err
}

// logPrinter shows the events of one task to a person. What is ours goes to
// standard error, on lines of its own.
type logPrinter struct {
	app     *app
	attempt int
	partial bool // the task's last line has no end yet
	said    bool // it has printed something
	live    bool // while it was followed
	values  int
	latest  *yonder.Progress // that was not shown yet
	shown   time.Time        // when progress was shown last
}

// showEvery is how often progress is shown at most.
const showEvery = time.Second

func (p *logPrinter) print(e wire.TaskEvent) {
	if p.attempt != 0 && e.Attempt != p.attempt {
		p.notef("attempt %d ended; attempt %d follows", p.attempt, e.Attempt)
	}
	p.attempt = e.Attempt
	switch e.Event {
	case wire.EventOutput:
		p.output(e)
	case wire.EventSkipped:
		p.skipped(e)
	case wire.EventProgress:
		if p.latest = e.Progress; time.Since(p.shown) >= showEvery {
			p.progress()
		}
	case wire.EventValue:
		p.values++
	case wire.EventState:
		if e.Message != "" {
			p.notef("%s", e.Message)
		}
	case wire.EventEnd:
		p.end(e)
	}
}

func (p *logPrinter) output(e wire.TaskEvent) {
	switch {
	case e.Stored && e.Hi > e.Lo:
		p.notef("the output of tasks %d to %d of its bundle together, as it is stored:", e.Lo, e.Hi-1)
	case e.Stored && p.live && e.Stream == wire.StreamStdout:
		p.notef("the rest could not be followed; the stored output, from its start:")
	}
	write := p.app.Printf
	if e.Stream == wire.StreamStderr {
		write = p.app.Notef
	}
	text := kit.Harmless(e.Text)
	write("%s", text)
	p.partial = !strings.HasSuffix(text, "\n")
	p.said, p.live = true, p.live || !e.Stored
}

func (p *logPrinter) skipped(e wire.TaskEvent) {
	if e.Stream == wire.StreamValue {
		return // they are not shown
	}
	p.notef("%s skipped", humanize.Bytes(uint64(max(e.Skipped, 0)))) //nolint:misspell // its name
}

func (p *logPrinter) progress() {
	if p.latest != nil {
		p.notef("%s", describeProgress(*p.latest))
		p.latest, p.shown = nil, time.Now()
	}
}

func (p *logPrinter) end(e wire.TaskEvent) {
	p.progress()
	if p.values > 0 {
		p.notef("%d values yielded: see \"yonder task result\"", p.values)
	}
	switch {
	case e.State == "":
		p.notef("attempt %d ended without a result (%s): %s", e.Attempt, e.Code, e.Message)
	case e.Message != "":
		p.notef("%s in attempt %d: %s", e.State, e.Attempt, e.Message)
	default:
		p.notef("%s in attempt %d", e.State, e.Attempt)
	}
}

func (p *logPrinter) notef(format string, args ...any) {
	p.close()
	p.app.Notef("… %s\n", kit.Clean(fmt.Sprintf(format, args...)))
}

// close ends a line that has no end.
func (p *logPrinter) close() {
	if p.partial {
		p.app.Printf("\n")
		p.partial = false
	}
}

func progressText(p *yonder.Progress) string {
	if p == nil {
		return ""
	}
	return describeProgress(*p)
}

// describeProgress is one line about how far a task is.
func describeProgress(p yonder.Progress) string {
	text := decimal(p.Done)
	if p.Total > 0 {
		text = fmt.Sprintf("%s of %s (%.0f %%)", text, decimal(p.Total), 100*p.Done/p.Total)
	}
	if p.Message != "" {
		text += ": " + p.Message
	}
	return text
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
