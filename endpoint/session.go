package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/shirou/gopsutil/v4/mem"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/endpoint/link"
	"github.com/yonder-run/yonder/internal/version"
	"github.com/yonder-run/yonder/wire"
)

// reconcilePage is the most that one page of a reconciliation may hold.
const reconcilePage = 2000

// reporters is how many reports are under way at once: with one, a result
// would wait for the round trip of the one before. As many more are for large
// results, which wait for their upload and the service's disk as well.
const reporters = 4

// session is the conversation with the service, from open to close. An agent
// has one in its life: it goes on over lost connections.
type session struct {
	*desk

	link     *link.Link
	instance yonder.ID               // of this process, for the service
	invite   func(epoch int64) error // lets managers in
	beat     time.Duration
	ahead    ahead
}

// run opens, reconciles, and then does everything at once until ctx ends or
// the session is fenced.
func (s *session) run(ctx context.Context) error {
	if err := s.open(ctx); err != nil {
		return fmt.Errorf("opening the session: %w", err)
	}
	if err := s.reconcile(ctx); err != nil {
		return fmt.Errorf("reconciling: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.accepting(ctx) })
	group.Go(func() error { return s.heartbeats(ctx) })
	group.Go(func() error { return s.watchFence(ctx) })
	for range reporters {
		group.Go(func() error { return s.reporting(ctx, s.report, s.nextBatch) })
		group.Go(func() error { return s.reporting(ctx, s.large, s.nextLarge) })
	}
	for range uploaders {
		group.Go(func() error { return s.uploadingAhead(ctx) })
	}
	group.Go(func() error { return s.telling(ctx) })
	return group.Wait()
}

func (s *session) open(ctx context.Context) error {
	total, _ := s.journal.Size()
	s.log.Info("opening a session", slog.Bool("certain", s.journal.Certain()), slog.Int64("journal_bytes", total))
	opened, err := s.link.Open(ctx, wire.SessionOpen{
		WireOldest: wire.Oldest, WireNewest: wire.Version,
		Instance: s.instance, Journal: s.journal.ID(),
		Capabilities: s.capabilities(), Capacity: s.capacity(),
	})
	if err != nil {
		return err
	}
	s.beat = max(time.Duration(opened.HeartbeatSeconds*float64(time.Second)), 10*time.Millisecond)
	s.mu.Lock()
	s.epoch, s.opened = epochRecord{Epoch: opened.Epoch, Owner: opened.Owner}, true
	old := s.epochRecord
	record, err := s.write(recordEpoch, s.epoch)
	if err == nil {
		s.epochRecord = record
		s.forget(ledger.Effects{Drop: notZero(old)})
	}
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("noting the epoch: %w", err)
	}
	s.log.Info("session opened", slog.Int64("epoch", opened.Epoch))
	return s.invite(opened.Epoch)
}

func (s *session) capabilities() wire.Capabilities {
	host, _ := os.Hostname() // empty is an answer too
	c := wire.Capabilities{
		Pythons: s.pythons, Kinds: s.cfg.Kinds, Runtime: "process",
		Provider: s.cfg.Provider.Kind, Hostname: host, System: runtime.GOOS + "/" + runtime.GOARCH,
		Version: version.Version, CPUs: runtime.NumCPU(),
	}
	if memory, err := mem.VirtualMemory(); err == nil {
		c.MemoryMiB = int64(memory.Total >> 20)
	}
	return c
}

// capacity is what the service may have outstanding here: nothing more while
// the journal takes nothing, or the agent is about to end.
func (d *desk) capacity() wire.Capacity {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full != nil || d.draining || d.resting() {
		return wire.Capacity{}
	}
	return wire.Capacity{Tasks: d.cfg.Limits.Tasks, Bytes: d.cfg.Limits.Bytes}
}

// reconcile tells the service all that is held, page by page. What it does
// not want dropped may be dispatched from then on.
func (s *session) reconcile(ctx context.Context) error {
	var held []wire.Holding
	s.locked(func() { held = s.ledger.Holdings() })
	for last := false; !last; {
		n := min(reconcilePage, len(held))
		page := held[:n]
		held, last = held[n:], n == len(held)
		answer, err := s.compare(ctx, wire.Reconcile{Epoch: s.epoch.Epoch, Held: page, Last: last})
		if err != nil {
			return err
		}
		spans := make([]wire.Span, 0, n)
		for _, h := range page {
			spans = append(spans, h.Span)
		}
		s.locked(func() {
			s.apply(s.ledger.Drop(answer.Drop))
			s.apply(s.ledger.Answered(spans, nil))
			s.takeTurn(answer.Turn)
		})
	}
	s.locked(func() {
		s.live = true
		s.checkFence()
		s.dispatch()
	})
	s.report.notify()
	s.large.notify()
	return nil
}

// soon is after how long the service hears of a change that it or its users
// wait for: what comes together is told once.
const soon = 50 * time.Millisecond

// heartbeats renew the session, and do what their answers repeat.
func (s *session) heartbeats(ctx context.Context) error {
	tick := time.NewTicker(s.beat)
	defer tick.Stop()
	for {
		reply, err := s.link.Heartbeat(ctx, wire.Heartbeat{
			Epoch: s.epoch.Epoch, Capacity: s.capacity(), Status: s.status(s.link.Trouble()),
		})
		if err != nil && (ctx.Err() != nil || fatal(err)) {
			return err
		}
		if err != nil {
			s.log.Error("the service refuses heartbeats", slog.Any("error", err))
		}
		if len(reply.Cancel) > 0 {
			s.Cancel(wire.Spans{Spans: reply.Cancel})
		}
		s.Turn(reply.Turn)
		s.recover()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		case <-s.stale:
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(min(soon, s.beat)):
			}
		}
	}
}

// recover tries whether the journal can be written again.
func (d *desk) recover() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full == nil {
		return
	}
	record, err := d.write(recordEpoch, d.epoch)
	if err != nil {
		return
	}
	d.full = nil
	old := d.epochRecord
	d.epochRecord = record
	d.forget(ledger.Effects{Drop: notZero(old)})
	d.dispatch()
}

func (s *session) watchFence(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.fenced:
		s.mu.Lock()
		defer s.mu.Unlock()
		return errFenced(*s.fence)
	}
}

// fatal says whether an error of a request ends the agent.
func fatal(err error) bool {
	return errors.Is(err, &yonder.Error{Code: yonder.CodeSessionFenced}) ||
		errors.Is(err, &yonder.Error{Code: yonder.CodeUnsupportedWire})
}
