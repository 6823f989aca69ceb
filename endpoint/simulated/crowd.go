package simulated

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder/endpoint/link"
)

const (
	// connecting is how many endpoints connect, or leave, at one time.
	connecting = 64
	// farewell is how long all of them may take to leave: nothing is lost by
	// leaving without a word.
	farewell = 5 * time.Second
)

// counts are of all endpoints of a crowd.
type counts struct{ tasks, beats atomic.Int64 }

// Counts is what a crowd has done.
type Counts struct {
	Connected int   `json:"connected"` // now
	Tasks     int64 `json:"tasks"`     // whose results the service has answered
	Beats     int64 `json:"beats"`     // that it has answered
}

// Add sums what two crowds have done.
func (c Counts) Add(other Counts) Counts {
	return Counts{c.Connected + other.Connected, c.Tasks + other.Tasks, c.Beats + other.Beats}
}

// Crowd is many endpoints in one process.
type Crowd struct {
	counts    counts
	endpoints []*Endpoint
}

// New makes a crowd; nothing is dialled before Run.
func New(configs []link.Config) (*Crowd, error) {
	c := &Crowd{}
	for _, config := range configs {
		e, err := newEndpoint(config, &c.counts)
		if err != nil {
			return nil, err
		}
		c.endpoints = append(c.endpoints, e)
	}
	return c, nil
}

// Counts is what the crowd has done so far.
func (c *Crowd) Counts() Counts {
	n := 0
	for _, e := range c.endpoints {
		if e.open.Load() && e.link.Connected() {
			n++
		}
	}
	return Counts{Connected: n, Tasks: c.counts.tasks.Load(), Beats: c.counts.beats.Load()}
}

// Run connects the endpoints and serves until ctx ends, which is no error, or
// until one of them cannot go on.
func (c *Crowd) Run(ctx context.Context) error {
	defer c.leave(context.WithoutCancel(ctx))
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error {
		var joining errgroup.Group
		joining.SetLimit(connecting)
		for _, e := range c.endpoints {
			joining.Go(func() error {
				err := e.connect(inner)
				if err == nil {
					group.Go(func() error { return e.serve(inner) })
				}
				return err
			})
		}
		return joining.Wait()
	})
	if err := group.Wait(); ctx.Err() == nil || !errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return nil
}

// leave ends all sessions and connections.
func (c *Crowd) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	var leaving errgroup.Group
	leaving.SetLimit(connecting)
	for _, e := range c.endpoints {
		leaving.Go(func() error {
			e.leave(ctx)
			return nil
		})
	}
	_ = leaving.Wait()
}
