package sqldb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/fair"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

const (
	// queueBatch is the number of ranges of an owner that one claim looks at.
	queueBatch = 256
	// claimOwners is the number of owners that one claim gives something: those
	// who have least. The next claim has the next ones.
	claimOwners = 16
	// aloneBytes is about what a task that comes one by one takes of an agent's
	// memory besides its payload, with its result. Calls of a chunk share one
	// payload and one lease, which is why an agent can have far more of those.
	aloneBytes = 1 << 10
)

// held is how many bytes an agent is charged for one of the bundle's tasks.
func (b *bundle) held() int64 {
	if b.Form == string(wire.FormChunk) {
		return b.TaskBytes
	}
	return b.TaskBytes + aloneBytes
}

// credit is how many of n queued tasks of the bundle the session may be
// given. Who holds nothing gets at least one task, however large. A chunk is
// not split below the whole capacity: it waits until enough of that is free.
func (s *session) credit(b *bundle, n int) int {
	free := max(s.CapacityTasks-s.OutstandingTasks, 0)
	whole := s.CapacityTasks
	if bytes := b.held(); bytes > 0 {
		free = min(free, max(s.CapacityBytes-s.OutstandingBytes, 0)/bytes)
		whole = min(whole, s.CapacityBytes/bytes)
	}
	if s.OutstandingTasks == 0 && s.CapacityTasks > 0 {
		free, whole = max(free, 1), max(whole, 1)
	}
	if b.Form == string(wire.FormChunk) && free < min(int64(n), whole) {
		return 0
	}
	return int(min(int64(n), free))
}

// Claim offers queued tasks to the live session within its credit: fairly
// between owners, as package fair decides, and for each owner in the order of
// their queue. What is first in a queue is never overtaken.
func (s *Store) Claim(ctx context.Context, endpoint yonder.ID, maxBytes int, now time.Time) (offered []store.Offered, err error) {
	err = s.tasks.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		offered = nil
		t, err := begin(ctx, q, now, endpoint)
		if err != nil {
			return err
		}
		session, ok := t.sessions[endpoint]
		if !ok {
			return yonder.Errorf(yonder.CodeNotFound, "there is no endpoint %s", endpoint)
		}
		if session.State != yonder.SessionLive || session.Paused != "" || session.QueuedTasks == session.RestingTasks {
			return nil
		}
		t.stored = s.stored
		if offered, err = t.claim(ctx, session, &budget{left: maxBytes}); err != nil {
			return err
		}
		return t.flush(ctx)
	})
	return offered, err
}

// claim gives each owner their share of the free places. Whoever's turn it is
// and whose first tasks do not fit yet is waited for: others would take the
// room away for ever.
func (t *turn) claim(ctx context.Context, s *session, left *budget) ([]store.Offered, error) {
	rows, err := t.q.NextQueues(ctx, s.Endpoint, claimOwners)
	if err != nil {
		return nil, err
	}
	queues := make([]fair.Queue, len(rows))
	for i, r := range rows {
		queues[i] = fair.Queue{
			Owner: r.Owner, Queued: r.QueuedTasks - r.RestingTasks, Out: r.GivenTasks, Most: r.MostGiven, Weight: r.Weight, Served: r.Served,
		}
	}
	free := s.CapacityTasks - s.OutstandingTasks
	var offered []store.Offered
	s.Grants++
	for _, p := range fair.Divide(queues, s.VirtualTime, free) {
		at := slices.IndexFunc(queues, func(q fair.Queue) bool { return q.Owner == p.Owner })
		c := claimant{turn: t, session: s, left: left, owner: p.Owner, weight: queues[at].Weight, places: int(p.Tasks)}
		more, err := c.claim(ctx)
		if err != nil {
			return nil, err
		}
		offered = append(offered, c.offered...)
		t.charge(s, &queues[at], p)
		if !more {
			break
		}
	}
	s.VirtualTime = fair.Advance(queues, s.VirtualTime)
	return offered, nil
}

// charge counts what the owner of a portion was really given.
func (t *turn) charge(s *session, q *fair.Queue, p fair.Portion) {
	row := t.queues[queueKey{s.Endpoint, p.Owner}]
	if row == nil {
		return
	}
	q.Served = p.Start + fair.Cost(row.change.given, q.Weight)
	q.Queued += row.change.queued // given, or given up
	row.served = q.Served
}

// claimant is an owner whose turn it is.
type claimant struct {
	*turn

	session *session
	left    *budget
	owner   yonder.ID
	weight  int64
	places  int
	offered []store.Offered
}

// claim offers what the owner has first in the queue, by priority and age,
// and says whether there is room for others after that.
func (c *claimant) claim(ctx context.Context) (more bool, err error) {
	ranges, err := c.q.QueuedRanges(ctx, c.session.Endpoint, c.owner, queueBatch)
	if err != nil {
		return false, err
	}
	for _, r := range ranges {
		if c.places <= 0 {
			return true, nil
		}
		b, ok, err := c.load(ctx, c.session.Endpoint, r.BundleID)
		if err != nil {
			return false, err
		}
		if !ok {
			return false, fmt.Errorf("the queue has tasks of bundle %s, which is not there", r.BundleID)
		}
		want := wire.Span{Bundle: b.ID, Attempt: int(r.Attempt), Lo: int(r.Lo), Hi: int(r.Hi), Grant: c.session.Grants}
		if b.Form == string(wire.FormEach) {
			want.Hi = min(want.Hi, want.Lo+c.places)
		}
		fits, err := c.offer(ctx, b, want)
		if !fits || err != nil {
			return false, err
		}
	}
	return true, nil
}

// offer gives the session as much of the span as it has credit for, and says
// whether that was all of it. What cannot be read is given up.
func (c *claimant) offer(ctx context.Context, b *bundle, span wire.Span) (bool, error) {
	pages := c.stored(c.q, &b.Bundle)
	for span.Lo < span.Hi {
		want := span
		want.Hi = want.Lo + c.session.credit(b, want.Tasks())
		o, err := b.fill(ctx, pages, want, c.left)
		var gone *goneError
		if err != nil && !errors.As(err, &gone) {
			return false, err
		}
		if o.Lease.Tasks() > 0 {
			c.give(b, o)
		}
		if span.Lo = o.Lease.Hi; gone == nil {
			break
		}
		c.giveUp(b, span.Lo, min(gone.hi, span.Hi), gone)
		span.Lo = min(gone.hi, span.Hi)
	}
	return span.Lo == span.Hi, nil
}

func (c *claimant) give(b *bundle, o store.Offered) {
	o.Epoch, o.Lease.Weight = c.session.Epoch, told(c.weight)
	c.offered = append(c.offered, o)
	b.lease.Offer(c.session.Epoch, c.session.Grants, o.Lease.Lo, o.Lease.Hi)
	c.recount(b)
	c.places -= o.Lease.Tasks()
}

// setBack is how far after the time asked for an offer must be for it to be one
// of before the clock was set back: further than clocks of replicas differ. It
// would be sent again only when that time comes.
const setBack = time.Minute

// Unanswered returns offers older than before that the live session has
// neither accepted nor declined. Those that cannot be read go back to the queue.
func (s *Store) Unanswered(
	ctx context.Context, endpoint yonder.ID, before time.Time, maxBytes int,
) (offered []store.Offered, err error) {
	var unread []yonder.ID
	err = s.engine.Snapshot(ctx, func(ctx context.Context, q *gen.Queries) error {
		offered, unread = nil, nil
		ranges, err := q.Unanswered(ctx, gen.UnansweredParams{
			Endpoint: endpoint, Before: micros(before), Ahead: micros(before.Add(setBack)), Count: queueBatch,
		})
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
			o, err := b.fill(ctx, s.stored(q, &b.Bundle), span, &left)
			if errors.Is(err, ErrNoPayload) {
				unread = append(unread, b.ID)
				continue
			}
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
	if err == nil {
		err = s.takeBackGone(ctx, endpoint, unread)
	}
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
		ids, err = q.UnsettledSessions(ctx, micros(before), micros(before.Add(setBack)), int32(limit))
		return err
	})
	return ids, err
}
