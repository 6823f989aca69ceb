package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// eachResult is what is printed of a run with many endpoints. Times are in
// milliseconds, from when a task was due.
type eachResult struct {
	Endpoints int     `json:"endpoints"`
	ListS     float64 `json:"list_s"` // finding the endpoints, page by page
	Tasks     int     `json:"tasks"`
	Verified  int     `json:"verified"`
	Wrong     int     `json:"wrong"`
	Seconds   float64 `json:"seconds"`
	PerS      float64 `json:"tasks_per_s"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Most      float64 `json:"max_ms"`
	Accepted  float64 `json:"accepted_p99_ms"` // by the service
}

// each submits to all endpoints whose names begin as the options say.
func each(o options) (eachResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	c, err := client.FromEnvironment(client.WaitWhenFull(nil))
	if err != nil {
		return eachResult{}, err
	}
	function, err := c.RegisterFunction(ctx, wire.RegisterFunction{Name: "bench-noop", Kind: yonder.KindShell, Body: []byte(noop)})
	if err != nil {
		return eachResult{}, fmt.Errorf("registering the function: %w", err)
	}
	began := time.Now()
	endpoints, err := beginning(ctx, c, o.each)
	listed := time.Since(began)
	if err != nil {
		return eachResult{}, err
	}
	if len(endpoints) < o.clients {
		return eachResult{}, fmt.Errorf("%d endpoints begin with %q, too few for %d clients", len(endpoints), o.each, o.clients)
	}
	l := newPace(o, len(endpoints))
	l.begin = time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i := range o.clients {
		s := newShare(l, function.ID, endpoints, i, o.clients)
		if s.client, err = client.FromEnvironment(client.WaitWhenFull(nil)); err != nil {
			return eachResult{}, err
		}
		if _, err := s.client.CreateGroup(ctx, wire.CreateGroup{ID: s.group}); err != nil {
			return eachResult{}, fmt.Errorf("making a group: %w", err)
		}
		group.Go(func() error { return s.run(ctx) })
	}
	err = group.Wait()
	r := l.result()
	r.ListS = listed.Seconds()
	return r, err
}

// beginning lists one's endpoints whose names begin so.
func beginning(ctx context.Context, c *client.Client, prefix string) ([]yonder.ID, error) {
	var found []yonder.ID
	for e, err := range client.Each[yonder.Endpoint](ctx, c, "endpoints", url.Values{"limit": {"1000"}}) {
		if err != nil {
			return nil, fmt.Errorf("listing endpoints: %w", err)
		}
		if strings.HasPrefix(e.Name, prefix) {
			found = append(found, e.ID)
		}
	}
	return found, nil
}
