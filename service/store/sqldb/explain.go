package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

const (
	explainedAttempts = 100 // of a task, the last ones
	explainedFailures = 10  // of an endpoint
	explainedOwners   = 100 // of an endpoint's tasks
)

// ExplainTask gathers all that there is about a task. Reading only, it holds
// up no writer, and what could be much is counted up to a limit.
func (s *Store) ExplainTask(ctx context.Context, id yonder.ID) (facts store.TaskFacts, err error) {
	err = s.engine.Snapshot(ctx, func(ctx context.Context, q *gen.Queries) error {
		facts = store.TaskFacts{}
		b, err := q.GetBundle(ctx, id.Bundle())
		if err != nil {
			return found(err, "there is no task %s", id)
		}
		seg, err := segmentOf(ctx, q, &b, id)
		if err != nil {
			return err
		}
		facts.Task, facts.Since = seg.task, moment(seg.since)
		facts.Task.ID = id
		facts.MaxAttempts, facts.GiveUpAt = int(b.MaxAttempts), maybeMoment(b.GiveUpAt)
		facts.Walltime = time.Duration(b.Walltime * float64(time.Second))
		for _, read := range []func(context.Context, *gen.Queries, *gen.Bundle, *store.TaskFacts) error{
			readRequires, readAttempts, readPlace, readCancel, readEnd,
		} {
			if err := read(ctx, q, &b, &facts); err != nil {
				return err
			}
		}
		return nil
	})
	return facts, err
}

// segmentOf is the run of alike tasks that the task is in.
func segmentOf(ctx context.Context, q *gen.Queries, b *gen.Bundle, id yonder.ID) (segment, error) {
	list, err := segments(ctx, q, b, id.Index()+1, "", 1)
	if err != nil {
		return segment{}, err
	}
	for _, seg := range list {
		if id.Index() < seg.hi {
			return seg, nil
		}
	}
	return segment{}, yonder.Errorf(yonder.CodeNotFound, "there is no task %s: its bundle has %d tasks", id, b.Tasks)
}

func readRequires(_ context.Context, _ *gen.Queries, b *gen.Bundle, facts *store.TaskFacts) error {
	return parse(b.Requires, &facts.Requires)
}

func readAttempts(ctx context.Context, q *gen.Queries, b *gen.Bundle, facts *store.TaskFacts) error {
	rows, err := q.AttemptsOf(ctx, b.ID, int64(facts.Task.ID.Index()), explainedAttempts)
	slices.Reverse(rows)
	facts.Attempts = attemptsOf(rows)
	return err
}

// readPlace says where the task is to run, and how many tasks come before.
func readPlace(ctx context.Context, q *gen.Queries, b *gen.Bundle, facts *store.TaskFacts) error {
	row, err := q.GetEndpoint(ctx, b.Endpoint)
	if errors.Is(err, sql.ErrNoRows) {
		facts.Endpoint.ID = b.Endpoint // it was deleted
		return nil
	}
	if err != nil {
		return err
	}
	if facts.Endpoint, err = endpointFacts(row); err != nil || facts.Task.State != yonder.RangeQueued {
		return err
	}
	queue, err := q.QueueHead(ctx, b.Endpoint, store.CountLimit)
	if err != nil {
		return err
	}
	facts.Ahead = ahead(queue, b.Owner, facts.Task.ID)
	return nil
}

func ahead(queue []gen.QueueHeadRow, owner, task yonder.ID) store.Ahead {
	var a store.Ahead
	for _, r := range queue {
		n := int(r.Hi - r.Lo)
		here := r.BundleID == task.Bundle() && int(r.Lo) <= task.Index() && task.Index() < int(r.Hi)
		if here {
			n = task.Index() - int(r.Lo)
		}
		if r.Owner == owner {
			a.Own += n
		} else {
			a.Others += n
		}
		if here {
			return a
		}
	}
	a.More = true
	return a
}

func readCancel(ctx context.Context, q *gen.Queries, b *gen.Bundle, facts *store.TaskFacts) error {
	if !facts.Task.Cancel {
		return nil
	}
	row, err := q.GetCancel(ctx, b.ID, int64(facts.Task.ID.Index()))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	facts.CancelWhy, facts.CancelAsked = row.Why, momentUnlessZero(row.Asked)
	return err
}

func readEnd(ctx context.Context, q *gen.Queries, b *gen.Bundle, facts *store.TaskFacts) error {
	if facts.Task.Finished == nil {
		return nil
	}
	row, err := q.TaskEnd(ctx, b.ID, int64(facts.Task.ID.Index()))
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	facts.Worker, facts.Accepted = row.Worker, momentUnlessZero(row.Accepted)
	return err
}

func endpointFacts(row gen.GetEndpointRow) (store.EndpointFacts, error) {
	e, err := endpointOf(gen.ListEndpointsRow(row))
	return store.EndpointFacts{
		Endpoint: e, Opened: moment(row.Session.Opened), Bytes: row.Session.OutstandingBytes,
		Capacity: wire.Capacity{Tasks: int(row.Session.CapacityTasks), Bytes: row.Session.CapacityBytes},
	}, err
}

// ExplainEndpoint gathers all that there is about an endpoint.
func (s *Store) ExplainEndpoint(ctx context.Context, id yonder.ID) (facts store.EndpointFacts, err error) {
	err = s.engine.Snapshot(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.GetEndpoint(ctx, id)
		if err != nil {
			return found(err, "there is no endpoint %s", id)
		}
		if facts, err = endpointFacts(row); err != nil {
			return err
		}
		failures, err := q.LastAttempts(ctx, id, explainedFailures)
		if err != nil {
			return err
		}
		visits, err := q.VisitsOf(ctx, id, keptVisits)
		if err != nil {
			return err
		}
		facts.Failures, facts.Visits = attemptsOf(failures), visitsOf(visits)
		return readShares(ctx, q, id, &facts)
	})
	return facts, err
}

// readShares counts whose tasks wait and whose are at the endpoint.
func readShares(ctx context.Context, q *gen.Queries, id yonder.ID, facts *store.EndpointFacts) error {
	queued, err := q.QueueHead(ctx, id, store.CountLimit)
	if err != nil {
		return err
	}
	given, err := q.GivenHead(ctx, id, store.CountLimit)
	if err != nil {
		return err
	}
	shares := map[yonder.ID]*store.Share{}
	of := func(owner yonder.ID) *store.Share {
		if shares[owner] == nil {
			shares[owner] = &store.Share{Owner: owner}
		}
		return shares[owner]
	}
	for _, r := range queued {
		of(r.Owner).Queued += int(r.Hi - r.Lo)
	}
	for _, r := range given {
		of(r.Owner).Given += int(r.Hi - r.Lo)
	}
	facts.More = len(queued) == store.CountLimit || len(given) == store.CountLimit || len(shares) > explainedOwners
	for _, share := range shares {
		facts.Shares = append(facts.Shares, *share)
	}
	slices.SortFunc(facts.Shares, func(a, b store.Share) int {
		return cmp.Or(b.Queued+b.Given-a.Queued-a.Given, compareIDs(a.Owner, b.Owner))
	})
	facts.Shares = facts.Shares[:min(len(facts.Shares), explainedOwners)]
	for i := range facts.Shares {
		identity, err := q.GetIdentity(ctx, facts.Shares[i].Owner)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		facts.Shares[i].Name = identity.Name
	}
	return nil
}
