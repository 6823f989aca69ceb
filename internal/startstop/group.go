package startstop

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Group is a Service made of several loops that live and die together: the
// first to fail ends the others, and Err names it. A loop that returns nil is
// finished and disturbs nobody; the group ends with its last loop.
//
// The zero value is an empty group. Loops are added before Start.
type Group struct {
	Base

	loops []loop
}

type loop struct {
	name string
	run  func(ctx context.Context) error
}

// Add names a loop that the next Start launches.
func (g *Group) Add(name string, run func(ctx context.Context) error) {
	g.loops = append(g.loops, loop{name, run})
}

// Start launches all loops.
func (g *Group) Start(ctx context.Context) error {
	return g.Base.Start(ctx, g.run)
}

func (g *Group) run(ctx context.Context, ready func()) error {
	running, ctx := errgroup.WithContext(ctx)
	for _, l := range g.loops {
		running.Go(func() error {
			if err := l.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			return nil
		})
	}
	ready()
	return running.Wait()
}
