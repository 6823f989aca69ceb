package endpoint

import (
	"context"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/wire"
)

// maxAccept bounds the leases of one accept, so that it fits a message.
const maxAccept = 1000

// accepting takes offers, as many at a time as came in while the ones before
// were journalled and accepted: they share one fsync and one request.
func (s *session) accepting(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.offers:
		}
		for batch := s.take(); len(batch.offers)+len(batch.declined) > 0; batch = s.take() {
			if err := s.acceptBatch(ctx, batch); err != nil {
				return err
			}
		}
	}
}

// intake is a batch of offers that are new.
type intake struct {
	offers   []offered
	declined []wire.Span
}

// take sorts what came in. Repeats, and offers to another epoch, are ignored.
func (s *session) take() intake {
	s.mu.Lock()
	defer s.mu.Unlock()
	var batch intake
	n := min(maxAccept, len(s.incoming))
	for _, o := range s.incoming[:n] {
		switch {
		case o.epoch != s.epoch.Epoch:
		case !s.ledger.Offer(o.lease): // declining it would give back what is held
		case s.draining || s.resting() || s.full != nil:
			s.apply(s.ledger.Declined(o.lease.Span))
			batch.declined = append(batch.declined, o.lease.Span)
		default:
			batch.offers = append(batch.offers, o)
		}
	}
	if s.incoming = s.incoming[n:]; len(s.incoming) == 0 {
		s.incoming = nil
	} else if len(batch.offers)+len(batch.declined) == 0 {
		s.offers.notify()
	}
	return batch
}

// acceptBatch journals first, then accepts: what the service hears of outlives
// this process. The disk has it by the time that a manager may.
func (s *session) acceptBatch(ctx context.Context, batch intake) error {
	err := s.keep(batch.offers)
	if err != nil {
		s.mu.Lock()
		s.storage(err)
		for _, o := range batch.offers {
			batch.declined = append(batch.declined, o.lease.Span)
			s.apply(s.ledger.Declined(o.lease.Span))
		}
		s.mu.Unlock()
		batch.offers = nil
	}
	accept := wire.Accept{Epoch: s.epoch.Epoch, Declined: batch.declined}
	for _, o := range batch.offers {
		accept.Spans = append(accept.Spans, o.lease.Span)
	}
	var disk errgroup.Group
	if len(batch.offers) > 0 && s.cfg.Journal.Sync {
		disk.Go(s.journal.Sync)
	}
	refused, err := s.accept(ctx, accept)
	unsafe := disk.Wait()
	if err != nil && (ctx.Err() != nil || fatal(err)) {
		return fmt.Errorf("accepting: %w", err)
	}
	if err != nil {
		s.log.Error("the service refuses to have its offer accepted", slog.Any("error", err))
		refused = accept.Spans
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if unsafe != nil {
		s.storage(unsafe) // from here on nothing is dispatched
	}
	s.apply(s.ledger.Answered(accept.Spans, refused))
	switch {
	case unsafe != nil:
		s.giveBack(notOnDisk)
	case s.paused():
		s.giveBack(pausedBefore)
	}
	return nil
}

// keep writes leases to the journal, where the end of this process does not
// reach them; that the disk has them is not waited for.
func (s *session) keep(offers []offered) error {
	frames := make([]wire.Frame, 0, len(offers))
	for _, o := range offers {
		frame, err := wire.NewFrame(recordLease, accepted{
			Lease: o.lease, Instance: s.instance, Writer: s.journal.Writer(),
		}, o.columns...)
		if err != nil {
			return err
		}
		frames = append(frames, frame)
	}
	if len(frames) == 0 {
		return nil
	}
	ids, err := s.journal.Append(frames...)
	if err != nil {
		return err
	}
	s.locked(func() {
		for i, o := range offers {
			record := ledger.Record(ids[i])
			s.ledger.Journalled(o.lease.Span, record)
			s.payloads[record] = &payload{columns: o.columns}
		}
	})
	return nil
}
