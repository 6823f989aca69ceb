package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/client"
	"github.com/yonder-run/yonder/wire"
)

// noop is never run: simulated workers do not look at a function's body.
const noop = `{"command": ":", "params": [{"name": "number", "type": "integer"}]}`

type load struct {
	options

	client    *client.Client
	group     yonder.ID
	ledger    *ledger
	begin     time.Time
	submitted time.Duration

	mu    sync.Mutex
	tenth []time.Duration // when each tenth was accepted
	done  int
}

// everything submits all calls while their results come in.
func (l *load) everything(ctx context.Context) (result, error) {
	endpoint, err := l.client.EndpointNamed(ctx, l.endpoint)
	if err != nil {
		return result{}, fmt.Errorf("looking for the endpoint: %w", err)
	}
	function, err := l.client.RegisterFunction(ctx, wire.RegisterFunction{Name: "bench-noop", Kind: yonder.KindShell, Body: []byte(noop)})
	if err != nil {
		return result{}, fmt.Errorf("registering the function: %w", err)
	}
	if _, err := l.client.CreateGroup(ctx, wire.CreateGroup{ID: l.group}); err != nil {
		return result{}, fmt.Errorf("making the group: %w", err)
	}
	l.begin = time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.submit(ctx, endpoint.ID, function.ID) })
	if !l.submitOnly {
		group.Go(func() error { return l.collect(ctx) })
	}
	err = group.Wait()
	return l.result(), err
}

// submit keeps some requests under way.
func (l *load) submit(ctx context.Context, endpoint, function yonder.ID) error {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range l.senders {
		group.Go(func() error {
			for {
				lo := int(next.Add(int64(l.bundle))) - l.bundle
				if lo >= l.tasks {
					return nil
				}
				hi := min(lo+l.bundle, l.tasks)
				if err := l.send(ctx, endpoint, function, lo, hi); err != nil {
					return err
				}
				l.accepted(hi - lo)
			}
		})
	}
	err := group.Wait()
	l.submitted = time.Since(l.begin)
	return err
}

func (l *load) send(ctx context.Context, endpoint, function yonder.ID, lo, hi int) error {
	each := hi - lo
	if l.single {
		each = 1
	}
	var bundles []client.BundlePayloads
	for first := lo; first < hi; first += each {
		b, err := pack(first, first+each)
		if err != nil {
			return err
		}
		b.Group, b.Endpoint, b.Function = l.group, endpoint, function
		bundles = append(bundles, b)
	}
	if _, err := l.client.Submit(ctx, bundles...); err != nil {
		return fmt.Errorf("submitting: %w", err)
	}
	return nil
}

// pack makes a bundle of the calls lo to hi.
func pack(lo, hi int) (client.BundlePayloads, error) {
	bundle := client.BundlePayloads{Bundle: wire.Bundle{
		ID: yonder.NewBundleID(), Tasks: hi - lo, Form: wire.FormEach, Codec: "json", Shapes: []wire.Shape{{Positional: 1}},
	}}
	for number := lo; number < hi; number++ {
		payload, err := wire.PackCall(client.Args(number))
		if err != nil {
			return bundle, fmt.Errorf("packing a call: %w", err)
		}
		bundle.Payloads = append(bundle.Payloads, payload)
	}
	return bundle, nil
}

// accepted notes when each tenth of the calls was.
func (l *load) accepted(tasks int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done += tasks
	for len(l.tenth) < 10 && l.done >= l.tasks/10*(len(l.tenth)+1) {
		l.tenth = append(l.tenth, time.Since(l.begin))
	}
}

// collect follows the group until every result is there.
func (l *load) collect(ctx context.Context) error {
	stream := l.client.Stream()
	defer stream.Close()
	if err := stream.Follow(ctx, l.group, 0); err != nil {
		return fmt.Errorf("following the group: %w", err)
	}
	for !l.ledger.complete() {
		page, err := stream.Next(ctx)
		if err != nil {
			return fmt.Errorf("after %d results: %w", l.ledger.verified+l.ledger.wrong, err)
		}
		for i, entry := range page.Entries {
			l.ledger.take(entry, page.Payloads[i])
		}
	}
	return nil
}

func (l *load) result() result {
	took := time.Since(l.begin)
	r := result{
		Tasks: l.tasks, Verified: l.ledger.verified, Wrong: l.ledger.wrong, SubmitS: l.submitted.Seconds(), Seconds: took.Seconds(),
		PerS: float64(l.ledger.verified) / took.Seconds(), Concurrent: l.ledger.concurrent(), Group: l.group,
	}
	last := time.Duration(0)
	for _, at := range l.tenth {
		r.Tenths = append(r.Tenths, float64(l.begin.Add(at).UnixMicro())/1e6)
		r.Rates = append(r.Rates, float64(l.tasks/10)/max(at-last, time.Microsecond).Seconds())
		last = at
	}
	return r
}
