package client

import (
	"context"
	"iter"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// waitAtOnce is how long one request waits for a result: less than what
// proxies on the way allow.
const waitAtOnce = 30 * time.Second

// Wait waits for a task's result, with its value, for as long as the context
// allows. A service that is away for a while does not end the wait.
func (c *Client) Wait(ctx context.Context, task yonder.ID) (wire.Result, error) {
	for pause := newPause(); ; {
		r, err := c.Result(ctx, task, waitAtOnce)
		if err == nil {
			err = c.Fetch(ctx, &r)
		}
		switch {
		case err == nil:
			return Only(r, task)
		case ctx.Err() != nil:
			return wire.Result{}, context.Cause(ctx)
		case yonder.CodeOf(err) == yonder.CodeNotFound:
			if _, err := c.Task(ctx, task); err != nil && yonder.CodeOf(err) != yonder.CodeUnavailable {
				return wire.Result{}, err // there is no such task
			}
			pause.reset()
		case yonder.CodeOf(err) != yonder.CodeUnavailable:
			return wire.Result{}, err
		}
		if err := pause.wait(ctx); err != nil {
			return wire.Result{}, err
		}
	}
}

// Only takes the task's own value out of a chunk's.
func Only(r wire.Result, task yonder.ID) (wire.Result, error) {
	all, err := Split(r)
	if err != nil {
		return r, err
	}
	for _, one := range all {
		if one.Task == task {
			return one, nil
		}
	}
	return r, yonder.Errorf(yonder.CodeMalformedFrame, "the result does not hold that of task %s", task)
}

// Follow goes through the results of a group after a cursor, one for every
// task and with their values, in the order in which they came, until all tasks
// that were submitted by then are done. A result's Cursor is where to go on
// from, in another process if need be; it is that of a whole chunk. It ends
// with the first error.
func (c *Client) Follow(ctx context.Context, group yonder.ID, cursor int64) iter.Seq2[wire.Result, error] {
	return func(yield func(wire.Result, error) bool) {
		for pause := newPause(); ; {
			page, err := c.Results(ctx, group, cursor, waitAtOnce)
			switch {
			case ctx.Err() != nil:
				yield(wire.Result{}, context.Cause(ctx))
				return
			case err != nil && yonder.CodeOf(err) != yonder.CodeUnavailable:
				yield(wire.Result{}, err)
				return
			case err != nil:
				if err := pause.wait(ctx); err != nil {
					yield(wire.Result{}, err)
					return
				}
				continue
			}
			pause.reset()
			for _, r := range page {
				if !c.pass(ctx, r, yield) {
					return
				}
				cursor = r.Cursor
			}
			over, err := c.over(ctx, group, cursor)
			if err != nil {
				yield(wire.Result{}, err)
			}
			if over || err != nil {
				return
			}
		}
	}
}

// over says whether a group has nothing to come after the cursor.
func (c *Client) over(ctx context.Context, group yonder.ID, cursor int64) (bool, error) {
	g, err := c.Group(ctx, group)
	if yonder.CodeOf(err) == yonder.CodeUnavailable {
		return false, nil
	}
	return err == nil && g.Done == g.Tasks && g.Cursor <= cursor, err
}

// pass yields the results of all tasks of one.
func (c *Client) pass(ctx context.Context, r wire.Result, yield func(wire.Result, error) bool) bool {
	var all []wire.Result
	err := c.Fetch(ctx, &r)
	if err == nil {
		all, err = Split(r)
	}
	if err != nil {
		yield(r, err)
		return false
	}
	for _, one := range all {
		if !yield(one, nil) {
			return false
		}
	}
	return true
}

// pause grows while something is away.
type pause struct{ next time.Duration }

const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

func newPause() *pause { return &pause{next: firstPause} }

func (p *pause) reset() { p.next = firstPause }

func (p *pause) wait(ctx context.Context) error {
	timer := time.NewTimer(p.next)
	defer timer.Stop()
	p.next = min(2*p.next, lastPause)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
