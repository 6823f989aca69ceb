package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

const (
	firstWait = time.Second / 2 // before a person wants to know what is going on
	nextWait  = 5 * time.Second // and so often again
)

var errWaited = errors.New("waited long enough")

// finish waits for a task's result and prints it. A timeout of 0 waits for
// ever, if the service has answered before.
func (a *app) finish(ctx context.Context, c *client.Client, task yonder.ID, timeout time.Duration, away outage) error {
	waiting, cancel := within(ctx, timeout)
	defer cancel()
	r, err := a.await(waiting, c, task, away)
	switch {
	case err == nil:
		return a.showResult(ctx, c, r)
	case errors.Is(context.Cause(ctx), kit.ErrInterrupted):
		return kit.Interruptedf("interrupted; the task goes on: \"yonder task result %s\" waits for it again, \"yonder task cancel %s\" stops it",
			task, task)
	case errors.Is(context.Cause(waiting), errWaited):
		return yonder.Errorf(yonder.CodeTimeout, "no result within %s; the task goes on: \"yonder task result %s\" waits for it again", timeout, task)
	case yonder.CodeOf(err) == yonder.CodeUnavailable:
		return yonder.Errorf(yonder.CodeUnavailable, "%w; what was accepted goes on: \"yonder task result %s\" waits for it again", err, task)
	}
	return err
}

// await asks until there is a result, showing what the task is doing.
func (a *app) await(ctx context.Context, c *client.Client, task yonder.ID, away outage) (wire.Result, error) {
	progress := a.Progress(ctx, "waiting for the result")
	defer progress.Stop()
	for wait := firstWait; ; wait = nextWait {
		asked := time.Now()
		r, err := patiently(ctx, progress, &away, func() (wire.Result, error) { return c.Result(ctx, task, wait) })
		if ctx.Err() != nil || yonder.CodeOf(err) != yonder.CodeNotFound {
			return r, err // a request that was cut off says nothing about the service
		}
		why, err := doing(ctx, c, task, err.Error())
		if err != nil && yonder.CodeOf(err) != yonder.CodeUnavailable {
			return r, err
		}
		progress.Sayf("%s", why)
		if err := pause(ctx, firstWait-time.Since(asked)); err != nil {
			return r, err
		}
	}
}

// doing says why there is no result yet, or that there is no such task.
func doing(ctx context.Context, c *client.Client, task yonder.ID, otherwise string) (string, error) {
	e, err := c.Explain(ctx, "tasks", task)
	if err == nil {
		return e.Summary, nil
	}
	_, err = c.Task(ctx, task)
	return otherwise, err
}

// pause keeps an answer that comes at once from being asked for at once again.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// showResult prints a value, or returns what went wrong as the error. What the
// function printed goes to standard error, so that the value can be piped.
func (a *app) showResult(ctx context.Context, c *client.Client, r wire.Result) error {
	if err := fill(ctx, c, &r); err != nil {
		return err
	}
	r, err := client.Only(r, r.Task)
	if err != nil {
		return err
	}
	if s, ok := shellResult(r); ok {
		return a.showShell(r, s)
	}
	if a.JSON {
		return errors.Join(a.Show(r, nil), outcome(r))
	}
	err = outcome(r)
	if r.Outcome == wire.OutcomeFailed {
		return a.failed(ctx, c, r, err)
	}
	a.remoteOutput(r)
	if err != nil {
		a.Notef("%s\n", where(ctx, c, r))
		return err
	}
	text, err := human(r)
	if err == nil {
		a.Printf("%s\n", text)
	}
	return err
}

func (a *app) remoteOutput(r wire.Result) {
	for _, output := range []string{r.Stdout, r.Stderr} {
		if output != "" {
			a.Notef("%s\n", kit.Printable(output))
		}
	}
	e, ok := raised(r)
	if !ok {
		return
	}
	if len(e.Values) > 0 {
		values, _ := kit.Excerpt(string(e.Values), 1)
		a.Notef("it had yielded %s\n", values)
	}
	if e.Traceback != "" {
		a.Notef("%s\n", kit.Printable(e.Traceback))
	}
}

// shownLines is how much a person sees of what a task wrote that crashed: most
// of it is a dump, which the sentence about it quotes.
const shownLines = 20

// ours are the frames of a worker in the dump of one that crashed: they come
// last and tell nothing to who wrote the function.
var ours = regexp.MustCompile(`(?m)^  File "(?:[^"]*/worker-[0-9a-f]+\.pyz/[^"]*|<frozen runpy>)", line .*\n?`)

// failed is the error of a task whose function did not get to its end: the
// sentence comes first, what the task wrote is below it.
func (a *app) failed(ctx context.Context, c *client.Client, r wire.Result, err error) error {
	below, left := where(ctx, c, r), 0
	for _, output := range []string{r.Stdout, r.Stderr} {
		if output == "" {
			continue
		}
		text, more := kit.Excerpt(ours.ReplaceAllString(output, ""), shownLines)
		below, left = below+"\n"+text, left+more
	}
	if left > 0 {
		below += fmt.Sprintf("\n\"yonder task logs %s\" shows all that it wrote", r.Task)
	}
	return kit.WithDetail(err, below)
}

// where says which endpoint it was, which somebody who names only a function
// may not know.
func where(ctx context.Context, c *client.Client, r wire.Result) string {
	text := fmt.Sprintf("task %s, attempt %d", r.Task, r.Attempt)
	t, err := c.Task(ctx, r.Task)
	if err != nil {
		return text // that the task failed is said anyway
	}
	name := t.Endpoint.String()
	if e, err := c.Endpoint(ctx, t.Endpoint); err == nil {
		name = e.Name
	}
	return text + ", at the endpoint " + name
}

func raised(r wire.Result) (exception, bool) {
	var e exception
	raw, ok := r.Value.(json.RawMessage)
	if !ok || r.Outcome != wire.OutcomeException {
		return e, false
	}
	return e, json.Unmarshal(raw, &e) == nil
}
