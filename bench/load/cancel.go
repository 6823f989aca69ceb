package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// cancelResult is what a cancel of very many calls does, and what somebody
// else notices of it: Alone are the seconds that a submission of theirs takes
// before it, Beside those while it goes on.
type cancelResult struct {
	Tasks   int     `json:"tasks"`
	Seconds float64 `json:"seconds"`
	Alone   waits   `json:"other_alone_s"`
	Beside  waits   `json:"other_beside_s"`
}

type waits struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// alone is how many submissions tell how long one takes without the cancel.
const alone = 100

func cancelled(o options) (result cancelResult, err error) {
	ctx, end := context.WithTimeout(context.Background(), o.timeout)
	defer end()
	c, err := client.FromEnvironment()
	if err != nil {
		return result, err
	}
	endpoint, err := c.EndpointNamed(ctx, o.endpoint)
	if err != nil {
		return result, fmt.Errorf("looking for the endpoint: %w", err)
	}
	other, err := newOther(ctx, c.URL())
	if err != nil {
		return result, err
	}
	quiet := 0
	if result.Alone, err = other.submit(ctx, func() bool { quiet++; return quiet <= alone }); err != nil {
		return result, err
	}
	over := make(chan struct{})
	var work errgroup.Group
	work.Go(func() error {
		defer close(over)
		began := time.Now()
		done, err := o.cancelWith(ctx, c, endpoint.ID)
		result.Tasks, result.Seconds = done.Cancelled+done.Stopping, time.Since(began).Seconds()
		return err
	})
	work.Go(func() (err error) {
		result.Beside, err = other.submit(ctx, func() bool {
			select {
			case <-over:
				return false
			default:
				return true
			}
		})
		return err
	})
	return result, work.Wait()
}

func (o *options) cancelWith(ctx context.Context, c *client.Client, endpoint yonder.ID) (wire.Cancelled, error) {
	switch o.cancel {
	case "group":
		group, err := yonder.ParseID(o.group)
		if err != nil {
			return wire.Cancelled{}, fmt.Errorf("reading -group: %w", err)
		}
		return c.CancelBecause(ctx, "groups", group, "", nil)
	case "endpoint":
		return c.CancelBecause(ctx, "endpoints", endpoint, "", nil)
	}
	return c.CancelAll(ctx, "", nil)
}

// other is somebody who has nothing to do with what is cancelled.
type other struct {
	client             *client.Client
	endpoint, function yonder.ID
	group              yonder.ID
}

func newOther(ctx context.Context, url string) (*other, error) {
	c, err := client.New(url, os.Getenv("YONDER_OTHER_TOKEN"))
	if err != nil {
		return nil, fmt.Errorf("connecting as somebody else: %w", err)
	}
	function, err := c.RegisterFunction(ctx, wire.RegisterFunction{Name: "bench-noop", Kind: yonder.KindShell, Body: []byte(noop)})
	if err != nil {
		return nil, fmt.Errorf("registering the function: %w", err)
	}
	endpoint, err := c.RegisterEndpoint(ctx, wire.RegisterEndpoint{Name: "of " + yonder.NewID().String()})
	if err != nil {
		return nil, fmt.Errorf("registering an endpoint: %w", err)
	}
	return &other{client: c, endpoint: endpoint.ID, function: function.ID, group: yonder.NewID()}, nil
}

// submit submits single calls one after the other, and tells how long each took
// to be accepted.
func (o *other) submit(ctx context.Context, more func() bool) (waits, error) {
	var took []time.Duration
	for more() {
		b, err := pack(len(took), len(took)+1)
		if err != nil {
			return waits{}, err
		}
		b.Group, b.Endpoint, b.Function = o.group, o.endpoint, o.function
		began := time.Now()
		if _, err := o.client.Submit(ctx, b); err != nil {
			return waits{}, fmt.Errorf("submitting as somebody else: %w", err)
		}
		took = append(took, time.Since(began))
	}
	if len(took) == 0 {
		return waits{}, nil
	}
	slices.Sort(took)
	return waits{Count: len(took), P50: at(took, 0.5) / 1000, P99: at(took, 0.99) / 1000, Max: at(took, 1) / 1000}, nil
}
