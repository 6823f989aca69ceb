package sqldb

import (
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
		if seg.task.Finished != nil {
			facts.Worker, facts.Accepted = seg.worker, momentUnlessZero(seg.since)
		}
		facts.Task.ID = id
		facts.MaxAttempts, facts.GiveUpAt = int(b.MaxAttempts), maybeMoment(b.GiveUpAt)
		facts.Codec = b.Codec
		facts.Walltime = time.Duration(b.Walltime * float64(time.Second))
		for _, read := range []func(context.Context, *gen.Queries, *gen.Bundle, *store.TaskFacts) error{
			readRequires, readAttempts, readPlace, readCancel,
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
	for _, row := range slices.Backward(rows) {
		facts.Attempts = append(facts.Attempts, attemptOf(row))
	}
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
	facts.Ahead, err = readAhead(ctx, q, b, facts.Task.ID)
	facts.Ahead.Others += facts.Endpoint.Queued
	return err
}

// readAhead counts what comes before in the owner's own queue. Others is minus
// what the owner has queued, to be taken off what the endpoint has.
func readAhead(ctx context.Context, q *gen.Queries, b *gen.Bundle, task yonder.ID) (store.Ahead, error) {
	mine, err := q.QueueOf(ctx, b.Endpoint, b.Owner)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return store.Ahead{}, err
	}
	queue, err := q.QueuedRanges(ctx, b.Endpoint, b.Owner, store.CountLimit)
	a := store.Ahead{Others: -int(mine)}
	for _, r := range queue {
		if r.BundleID == task.Bundle() && int(r.Lo) <= task.Index() && task.Index() < int(r.Hi) {
			a.Own += task.Index() - int(r.Lo)
			return a, nil
		}
		a.Own += int(r.Hi - r.Lo)
	}
	a.More = true
	return a, err
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
		facts.Failures, facts.Visits = nil, visitsOf(visits)
		for _, row := range failures {
			facts.Failures = append(facts.Failures, attemptOf(gen.AttemptsOfRow(row)))
		}
		return readShares(ctx, q, id, &facts)
	})
	return facts, err
}

// readShares says whose tasks wait and whose are at the endpoint.
func readShares(ctx context.Context, q *gen.Queries, id yonder.ID, facts *store.EndpointFacts) error {
	rows, err := q.SharesOf(ctx, id, explainedOwners+1)
	if err != nil {
		return err
	}
	facts.More = len(rows) > explainedOwners
	for _, row := range rows[:min(len(rows), explainedOwners)] {
		identity, err := q.GetIdentity(ctx, row.Owner)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		facts.Shares = append(facts.Shares, store.Share{
			Owner: row.Owner, Name: identity.Name, Queued: int(row.QueuedTasks), Given: int(row.GivenTasks),
		})
	}
	return nil
}
