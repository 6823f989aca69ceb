package sqldb

import (
	"context"
	"fmt"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// queueBatch is the number of ranges that one claim looks at.
const queueBatch = 256

// credit is how many of n queued tasks of the bundle the session may be
// given. Who holds nothing gets at least one task, however large. A chunk is
// not split below the whole capacity: it waits until enough of that is free.
func (s *session) credit(b *bundle, n int) int {
	free := max(s.CapacityTasks-s.OutstandingTasks, 0)
	whole := s.CapacityTasks
	if b.TaskBytes > 0 {
		free = min(free, max(s.CapacityBytes-s.OutstandingBytes, 0)/b.TaskBytes)
		whole = min(whole, s.CapacityBytes/b.TaskBytes)
	}
	if s.OutstandingTasks == 0 && s.CapacityTasks > 0 {
		free, whole = max(free, 1), max(whole, 1)
	}
	if b.Form == string(wire.FormChunk) && free < min(int64(n), whole) {
		return 0
	}
	return int(min(int64(n), free))
}

// Claim offers queued tasks to the live session within its credit, in the
// order of the queue. What is first in the queue is never overtaken.
func (s *Store) Claim(ctx context.Context, endpoint yonder.ID, maxBytes int, now time.Time) (offered []store.Offered, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		offered = nil
		t, err := begin(ctx, q, now, endpoint)
		if err != nil {
			return err
		}
		session, ok := t.sessions[endpoint]
		if !ok {
			return yonder.Errorf(yonder.CodeNotFound, "there is no endpoint %s", endpoint)
		}
		if session.State != yonder.SessionLive || session.QueuedTasks == 0 {
			return nil
		}
		if offered, err = t.claim(ctx, session, &budget{left: maxBytes}); err != nil {
			return err
		}
		return t.flush(ctx)
	})
	return offered, err
}

func (t *turn) claim(ctx context.Context, s *session, left *budget) ([]store.Offered, error) {
	queue, err := t.q.Queue(ctx, s.Endpoint, queueBatch)
	if err != nil {
		return nil, err
	}
	var offered []store.Offered
	s.Grants++
	for _, r := range queue {
		b, ok, err := t.load(ctx, s.Endpoint, r.BundleID)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("the queue has tasks of bundle %s, which is not there", r.BundleID)
		}
		want := wire.Span{Bundle: b.ID, Attempt: int(r.Attempt), Lo: int(r.Lo), Hi: int(r.Hi), Grant: s.Grants}
		want.Hi = want.Lo + s.credit(b, want.Tasks())
		o, err := b.fill(ctx, stored(t.q, &b.Bundle), want, left)
		if err != nil {
			return nil, err
		}
		if o.Lease.Tasks() > 0 {
			o.Epoch = s.Epoch
			offered = append(offered, o)
			b.lease.Offer(s.Epoch, s.Grants, o.Lease.Lo, o.Lease.Hi)
			t.recount(b)
		}
		if o.Lease.Hi < int(r.Hi) {
			break
		}
	}
	return offered, nil
}

// Unanswered returns offers older than before that the live session has
// neither accepted nor declined.
func (s *Store) Unanswered(
	ctx context.Context, endpoint yonder.ID, before time.Time, maxBytes int,
) (offered []store.Offered, err error) {
	err = s.engine.Snapshot(ctx, func(ctx context.Context, q *gen.Queries) error {
		offered = nil
		ranges, err := q.Unanswered(ctx, endpoint, micros(before), queueBatch)
		if err != nil {
			return err
		}
		left := budget{left: maxBytes}
		for _, r := range ranges {
			row, err := q.GetBundle(ctx, r.BundleID)
			if err != nil {
				return err
			}
			b := &bundle{Bundle: row}
			span := wire.Span{Bundle: b.ID, Attempt: int(r.Attempt), Lo: int(r.Lo), Hi: int(r.Hi), Grant: r.GrantNo}
			o, err := b.fill(ctx, stored(q, &b.Bundle), span, &left)
			if err != nil {
				return err
			}
			if o.Lease.Tasks() > 0 {
				o.Epoch = r.Epoch
				offered = append(offered, o)
			}
			if o.Lease.Hi < span.Hi {
				return nil
			}
		}
		return nil
	})
	return offered, err
}

// Claimable lists live endpoints that have queued tasks and credit.
func (s *Store) Claimable(ctx context.Context, limit int) (ids []yonder.ID, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		ids, err = q.ClaimableSessions(ctx, int32(limit))
		return err
	})
	return ids, err
}

// Unsettled lists live endpoints with offers older than before.
func (s *Store) Unsettled(ctx context.Context, before time.Time, limit int) (ids []yonder.ID, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		ids, err = q.UnsettledSessions(ctx, micros(before), int32(limit))
		return err
	})
	return ids, err
}
