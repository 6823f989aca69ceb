package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// most is how many bundles one request has at most.
const most = 500

// pace says when each task is due: those of a second are spread over it, and
// over the endpoints in turn. Task i is of endpoint i modulo their number.
type pace struct {
	options

	endpoints int
	tasks     int
	between   time.Duration // one task and the next
	begin     time.Time

	mu       sync.Mutex
	took     []time.Duration // of verified results
	accepted []time.Duration
	wrong    int
	ended    time.Time
}

func newPace(o options, endpoints int) *pace {
	perSecond := o.rate * float64(endpoints)
	return &pace{
		options: o, endpoints: endpoints, tasks: int(perSecond * o.last.Seconds()),
		between: time.Duration(float64(time.Second) / perSecond),
	}
}

func (p *pace) due(task int) time.Time { return p.begin.Add(time.Duration(task) * p.between) }

func (p *pace) result() eachResult {
	r := eachResult{Endpoints: p.endpoints, Tasks: p.tasks, Verified: len(p.took), Wrong: p.wrong, Seconds: p.ended.Sub(p.begin).Seconds()}
	if len(p.took) == 0 {
		return r
	}
	r.PerS = float64(r.Verified) / r.Seconds
	slices.Sort(p.took)
	slices.Sort(p.accepted)
	r.P50, r.P99, r.Most, r.Accepted = at(p.took, 0.5), at(p.took, 0.99), at(p.took, 1), at(p.accepted, 0.99)
	return r
}

// at is the quantile of sorted times, in milliseconds.
func at(sorted []time.Duration, q float64) float64 {
	i := min(int(q*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Microseconds()) / 1000
}

// share is what one client submits: every so many-th task.
type share struct {
	*pace

	client   *client.Client
	function yonder.ID
	targets  []yonder.ID
	group    yonder.ID
	first    int
	step     int

	mu   sync.Mutex
	next int               // task to submit
	open map[yonder.ID]int // task of a bundle that has no result yet
}

func newShare(p *pace, function yonder.ID, endpoints []yonder.ID, first, step int) *share {
	return &share{
		pace: p, function: function, targets: endpoints, group: yonder.NewID(), first: first, step: step, next: first,
		open: map[yonder.ID]int{},
	}
}

// run submits what is due, and checks results, until all are there.
func (s *share) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range s.senders {
		group.Go(func() error { return s.submit(ctx) })
	}
	group.Go(func() error { return s.collect(ctx) })
	return group.Wait()
}

// submit sends what has become due while the request before was under way.
func (s *share) submit(ctx context.Context) error {
	for {
		first, n := s.take(time.Now())
		if first >= s.tasks {
			return nil
		}
		if n == 0 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(time.Until(s.due(first))):
			}
			continue
		}
		bundles, err := s.bundles(first, n)
		if err != nil {
			return err
		}
		if _, err := s.client.Submit(ctx, bundles...); err != nil {
			return fmt.Errorf("submitting: %w", err)
		}
		s.note(first, n, time.Now())
	}
}

// take returns the next task, and how many from there on are due.
func (s *share) take(now time.Time) (first, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = s.next
	for s.next < s.tasks && n < most && !s.due(s.next).After(now) {
		s.next += s.step
		n++
	}
	return first, n
}

// bundles makes one bundle for each of n tasks.
func (s *share) bundles(first, n int) ([]client.BundlePayloads, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bundles := make([]client.BundlePayloads, n)
	for i := range bundles {
		task := first + i*s.step
		payload, err := wire.PackCall(client.Args(task))
		if err != nil {
			return nil, fmt.Errorf("packing a call: %w", err)
		}
		bundles[i] = client.BundlePayloads{Bundle: wire.Bundle{
			ID: yonder.NewBundleID(), Group: s.group, Endpoint: s.targets[task%len(s.targets)], Function: s.function,
			Tasks: 1, Form: wire.FormEach, Codec: "json", Shapes: []wire.Shape{{Positional: 1}},
		}, Payloads: [][]byte{payload}}
		s.open[bundles[i].ID] = task
	}
	return bundles, nil
}

func (s *share) note(first, n int, now time.Time) {
	s.pace.mu.Lock()
	defer s.pace.mu.Unlock()
	for i := range n {
		s.accepted = append(s.accepted, now.Sub(s.due(first+i*s.step)))
	}
}

func (s *share) collect(ctx context.Context) error {
	stream := s.client.Stream()
	defer stream.Close()
	if err := stream.Follow(ctx, s.group, 0); err != nil {
		return fmt.Errorf("following a group: %w", err)
	}
	for left := (s.tasks - s.first + s.step - 1) / s.step; left > 0; {
		page, err := stream.Next(ctx)
		if err != nil {
			return fmt.Errorf("with %d results to come: %w", left, err)
		}
		now := time.Now()
		for i, entry := range page.Entries {
			s.check(entry, page.Payloads[i], now)
			left -= entry.Hi - entry.Lo
		}
	}
	return nil
}

// check takes a result that is the arguments of its own task, at its endpoint,
// and the first one of it.
func (s *share) check(e wire.ResultEntry, payload []byte, now time.Time) {
	s.mu.Lock()
	task, mine := s.open[e.Bundle]
	delete(s.open, e.Bundle)
	s.mu.Unlock()
	sent, err := wire.PackCall(client.Args(task))
	good := mine && err == nil && e.Outcome == wire.OutcomeOK && e.Lo == 0 && e.Hi == 1 &&
		e.Endpoint == s.targets[task%len(s.targets)] && bytes.Equal(sent, payload)
	s.pace.mu.Lock()
	defer s.pace.mu.Unlock()
	s.ended = now
	if good {
		s.took = append(s.took, now.Sub(s.due(task)))
		return
	}
	if s.wrong++; s.wrong <= 10 {
		fmt.Fprintf(os.Stderr, "load: bundle %s of task %d ended as %s: %q\n", e.Bundle, task, e.Outcome, payload)
	}
}
