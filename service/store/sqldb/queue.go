package sqldb

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/fair"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// queue is what a turn changes of an owner's row at an endpoint.
type queue struct {
	endpoint, owner yonder.ID
	change          tally
	bytes           int64 // that wait
	served          int64 // virtual time; 0: as it is
	// bounds are what a submission is held to; nil where there is none.
	bounds *store.Bounds
}

type queueKey struct{ endpoint, owner yonder.ID }

// queue returns the change of the bundle's queue, which may be none so far.
func (t *turn) queue(b *bundle) *queue {
	key := queueKey{b.Endpoint, b.Owner}
	if t.queues[key] == nil {
		t.queues[key] = &queue{endpoint: b.Endpoint, owner: b.Owner}
	}
	return t.queues[key]
}

// writeQueues changes the rows of queues, and refuses a submission that takes
// one over a bound: only the new counters tell.
func (t *turn) writeQueues(ctx context.Context) error {
	keys := slices.SortedFunc(maps.Keys(t.queues), func(a, b queueKey) int {
		return cmp.Or(bytes.Compare(a.endpoint[:], b.endpoint[:]), bytes.Compare(a.owner[:], b.owner[:]))
	})
	for _, key := range keys {
		c := t.queues[key]
		var err error
		switch {
		case c.bounds != nil:
			err = t.joinQueue(ctx, c)
		case c.change != tally{} || c.bytes != 0 || c.served != 0:
			err = t.q.ChangeQueue(ctx, gen.ChangeQueueParams{
				Endpoint: c.endpoint, Owner: c.owner, QueuedTasks: c.change.queued, RestingTasks: c.change.resting,
				QueuedBytes: c.bytes, GivenTasks: c.change.given, Bundles: c.change.open, Served: c.served,
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) joinQueue(ctx context.Context, c *queue) error {
	weight := weightOf(c.bounds.Owner)
	load := fair.Cost(c.change.given, weight)
	s := t.sessions[c.endpoint]
	now, err := t.q.JoinQueue(ctx, gen.JoinQueueParams{
		Endpoint: c.endpoint, Owner: c.owner, QueuedTasks: c.change.queued, QueuedBytes: c.bytes,
		GivenTasks: c.change.given, Bundles: c.change.open, Weight: weight,
		MostGiven: c.bounds.Owner.RunningTasks, Load: load, Served: s.VirtualTime + load,
	})
	if err != nil {
		return err
	}
	for _, over := range []error{
		bound(yonder.LimitQueuedTasks, c.change.queued, now.QueuedTasks, c.bounds.Owner.QueuedTasks, "of yours wait at this endpoint"),
		bound(yonder.LimitQueuedBytes, c.bytes, now.QueuedBytes, c.bounds.Owner.QueuedBytes, "of yours wait at this endpoint"),
		bound(yonder.LimitBundles, c.change.open, now.Bundles, c.bounds.Owner.Bundles, "of yours are unfinished at this endpoint"),
		bound(yonder.LimitQueuedTasks, c.change.queued, s.QueuedTasks, c.bounds.Endpoint.QueuedTasks, "of all users wait at this endpoint"),
		bound(yonder.LimitQueuedBytes, c.bytes, s.QueuedBytes, c.bounds.Endpoint.QueuedBytes, "of all users wait at this endpoint"),
	} {
		if over != nil {
			return over
		}
	}
	return nil
}

// bound refuses what takes a counter over its limit; what adds nothing to the
// counter is never refused.
func bound(name string, added, now, limit int64, what string) error {
	if limit <= 0 || added <= 0 || now <= limit {
		return nil
	}
	return yonder.LimitError(name, now-added, limit, added, what)
}

// mostNow is how many more tasks of the owner may be given, of n.
func (t *turn) mostNow(ctx context.Context, b *bundle, bounds *store.Bounds, n int) (int, error) {
	most := bounds.Owner.RunningTasks
	if most <= 0 {
		return n, nil
	}
	given, err := t.q.QueueGiven(ctx, b.Endpoint, b.Owner)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	given += t.queue(b).change.given // of bundles before, in the same request
	return int(min(max(most-given, 0), int64(n))), nil
}

// told is a weight as agents are told it: most have none, and it is in every lease.
func told(weight int64) int64 {
	if weight <= 1 {
		return 0
	}
	return weight
}

func weightOf(l yonder.Allowance) int64 { return min(max(l.Weight, 1), fair.MaxWeight) }
