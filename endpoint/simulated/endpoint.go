// Package simulated stands in for endpoints, so that a service can be tried
// with more of them than there are machines. Each has the shipped link: its own
// credential, connection and session, heartbeats, and accepts before it
// reports. A task answers with its own arguments at once, so that whoever sent
// it can tell whether the result is the right one.
//
// What is not there: managers, workers, and the journal. What an endpoint holds
// is lost with its process, as if its disk had been.
package simulated

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/link"
	"github.com/yonder-run/yonder/internal/version"
	"github.com/yonder-run/yonder/wire"
)

// What an endpoint lets the service give it at once: what answers at once
// needs little, and there are many in one process.
const (
	mostTasks = 1000
	mostBytes = 8 << 20
)

// Endpoint is one that is simulated.
type Endpoint struct {
	link     *link.Link
	log      *slog.Logger
	counts   *counts
	instance yonder.ID
	epoch    int64
	beat     time.Duration

	offers chan struct{} // something came in
	stale  chan struct{} // the service has to hear of the capacity
	over   chan struct{} // the epoch is over
	open   atomic.Bool   // the session is, and may be offered tasks

	mu       sync.Mutex
	incoming []offered
	turn     wire.Turn
	fence    *wire.Fence
}

// offered is a lease with the payloads of its tasks.
type offered struct {
	lease   wire.Lease
	columns [][]byte
}

func newEndpoint(config link.Config, counts *counts) (*Endpoint, error) {
	e := &Endpoint{
		log: config.Logger, counts: counts, instance: yonder.NewID(),
		offers: make(chan struct{}, 1), stale: make(chan struct{}, 1), over: make(chan struct{}, 1),
	}
	var err error
	e.link, err = link.New(config, hints{e})
	return e, err
}

// connect opens a session that may be offered tasks. Serve has to follow: it
// sends the heartbeats.
func (e *Endpoint) connect(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := e.link.Start(context.WithoutCancel(ctx)); err != nil { // it has to outlive ctx, to say goodbye
		return err
	}
	opened, err := e.link.Open(ctx, wire.SessionOpen{
		WireOldest: wire.Oldest, WireNewest: wire.Version, Instance: e.instance, Journal: e.instance,
		Capabilities: capabilities(), Capacity: e.capacity(),
	})
	if err != nil {
		return fmt.Errorf("opening the session: %w", err)
	}
	e.mu.Lock()
	e.epoch, e.beat = opened.Epoch, max(time.Duration(opened.HeartbeatSeconds*float64(time.Second)), 10*time.Millisecond)
	e.checkFence()
	e.mu.Unlock()
	answer, err := e.link.Reconcile(ctx, wire.Reconcile{Epoch: opened.Epoch, Last: true})
	if err != nil {
		return fmt.Errorf("reconciling: %w", err)
	}
	e.open.Store(true)
	hints{e}.Turn(answer.Turn)
	return nil
}

func capabilities() wire.Capabilities {
	return wire.Capabilities{
		Kinds: yonder.FunctionKinds, Runtime: "simulated", Provider: "none", Hostname: "simulated",
		System: runtime.GOOS + "/" + runtime.GOARCH, Version: version.Version,
	}
}

// status is always the same: what came in is done before anybody could ask.
func status() wire.Status { return wire.Status{Managers: 1, Slots: 1} }

// capacity is what the service may have outstanding here.
func (e *Endpoint) capacity() wire.Capacity {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.turn.Paused != nil {
		return wire.Capacity{}
	}
	return wire.Capacity{Tasks: mostTasks, Bytes: mostBytes}
}

// serve works until ctx ends, or the session is over: others go on then.
func (e *Endpoint) serve(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return e.working(ctx) })
	group.Go(func() error { return e.heartbeats(ctx) })
	err := group.Wait()
	if errors.Is(err, &yonder.Error{Code: yonder.CodeSessionFenced}) {
		e.open.Store(false)
		e.log.Warn("an endpoint ends", slog.Any("error", err))
		return nil
	}
	return err
}

// heartbeats renew the session. What has to be stopped has ended already.
func (e *Endpoint) heartbeats(ctx context.Context) error {
	tick := time.NewTicker(e.beat)
	defer tick.Stop()
	for {
		reply, err := e.link.Heartbeat(ctx, wire.Heartbeat{
			Epoch: e.epoch, Capacity: e.capacity(), Status: status(),
		})
		if err != nil {
			return fmt.Errorf("heartbeat: %w", err)
		}
		e.counts.beats.Add(1)
		hints{e}.Turn(reply.Turn)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.over:
			return yonder.Errorf(yonder.CodeSessionFenced, "another agent serves the endpoint, or it was deleted")
		case <-tick.C:
		case <-e.stale:
		}
	}
}

// leave ends the session, if the service can be reached, and the connection.
func (e *Endpoint) leave(ctx context.Context) {
	if e.open.Load() && e.link.Connected() {
		if err := e.link.Close(ctx, e.epoch); err != nil {
			e.log.Debug("left without a goodbye", slog.Any("error", err))
		}
	}
	e.link.Stop()
}
