package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// endBatch is the number of bundles that one transaction ends, so that
// others get their turn.
const endBatch = 500

// cancelled is the reason that readers of results are given.
const cancelled = "the task was cancelled"

// CancelTask ends the task, or asks its agent to.
func (s *Store) CancelTask(ctx context.Context, id yonder.ID) (answer wire.Cancelled, stops []store.Stop, woken store.Woken, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		answer = wire.Cancelled{}
		row, err := q.GetBundle(ctx, id.Bundle())
		if err == nil && id.Index() >= int(row.Tasks) {
			err = sql.ErrNoRows
		}
		if err != nil {
			return found(err, "there is no task %s", id)
		}
		t, err := begin(ctx, q, time.Now(), row.Endpoint)
		if err != nil {
			return err
		}
		if err := t.cancel(ctx, row.Endpoint, row.ID, id.Index(), id.Index()+1, &answer); err != nil {
			return err
		}
		answer.Done = 1 - answer.Cancelled - answer.Stopping
		stops, woken = t.stops(), t.woken()
		return t.flush(ctx)
	})
	return answer, stops, woken, err
}

// CancelGroup ends the group's tasks, or asks their agents to.
func (s *Store) CancelGroup(ctx context.Context, id yonder.ID) (answer wire.Cancelled, stops []store.Stop, woken store.Woken, err error) {
	var group gen.Group
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		group, err = q.GetGroup(ctx, id)
		return found(err, "there is no group %s", id)
	})
	last := firstID // of the bundles dealt with
	for more := true; more && err == nil; {
		var batch cancelBatch
		err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
			batch, err = cancelSome(ctx, q, id, last)
			return err
		})
		more, last = batch.more, batch.last
		answer.Cancelled += batch.answer.Cancelled
		answer.Stopping += batch.answer.Stopping
		stops = append(stops, batch.stops...)
		if len(batch.woken) > 0 {
			woken = batch.woken
		}
	}
	answer.Done = int(group.Tasks) - answer.Cancelled - answer.Stopping
	return answer, stops, woken, err
}

type cancelBatch struct {
	answer wire.Cancelled
	stops  []store.Stop
	woken  store.Woken
	last   yonder.ID
	more   bool
}

func cancelSome(ctx context.Context, q *gen.Queries, group, after yonder.ID) (batch cancelBatch, err error) {
	open, err := q.OpenBundlesOfGroup(ctx, group, after, endBatch)
	if err != nil || len(open) == 0 {
		return batch, err
	}
	endpoints := make([]yonder.ID, len(open))
	for i, b := range open {
		endpoints[i] = b.Endpoint
	}
	t, err := begin(ctx, q, time.Now(), endpoints...)
	if err != nil {
		return batch, err
	}
	for _, b := range open {
		if err := t.cancel(ctx, b.Endpoint, b.ID, 0, yonder.MaxBundleTasks, &batch.answer); err != nil {
			return batch, err
		}
	}
	batch.last, batch.more = open[len(open)-1].ID, len(open) == endBatch
	batch.stops, batch.woken = t.stops(), t.woken()
	return batch, t.flush(ctx)
}

func (t *turn) cancel(ctx context.Context, endpoint, id yonder.ID, lo, hi int, answer *wire.Cancelled) error {
	b, ok, err := t.load(ctx, endpoint, id)
	if !ok || err != nil {
		return err
	}
	ended, marked, stop := b.lease.Cancel(lo, min(hi, b.lease.Tasks))
	t.fail(b, ended, yonder.CodeTaskCancelled, cancelled)
	t.stop(b, stop)
	answer.Cancelled += tasks(ended)
	answer.Stopping += tasks(marked)
	return nil
}

func tasks(spans []wire.Span) int {
	n := 0
	for _, s := range spans {
		n += s.Tasks()
	}
	return n
}

// stop notes that an agent is to drop spans.
func (t *turn) stop(b *bundle, spans []wire.Span) {
	if s := t.sessions[b.Endpoint]; s != nil && len(spans) > 0 {
		s.stop = append(s.stop, spans...)
	}
}

// stops lists what agents are to be told.
func (t *turn) stops() []store.Stop {
	var stops []store.Stop
	for _, id := range sortedKeys(t.sessions) {
		if s := t.sessions[id]; len(s.stop) > 0 {
			stops = append(stops, store.Stop{Endpoint: id, Epoch: s.Epoch, Spans: s.stop})
		}
	}
	return stops
}

// ExpireTasks ends tasks of at most limit bundles whose submitters gave up.
func (s *Store) ExpireTasks(ctx context.Context, now time.Time, limit int) (n int, stops []store.Stop, woken store.Woken, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n = 0
		given, err := q.GivenUpBundles(ctx, some(micros(now)), int32(min(limit, endBatch)))
		if err != nil || len(given) == 0 {
			return err
		}
		endpoints := make([]yonder.ID, len(given))
		for i, b := range given {
			endpoints[i] = b.Endpoint
		}
		t, err := begin(ctx, q, now, endpoints...)
		if err != nil {
			return err
		}
		for _, b := range given {
			ended, err := t.expire(ctx, b.Endpoint, b.ID, yonder.CodeTaskExpired, "no result came before the submitter's give-up time")
			if err != nil {
				return err
			}
			n += ended
		}
		stops, woken = t.stops(), t.woken()
		return t.flush(ctx)
	})
	return n, stops, woken, err
}

func (t *turn) expire(ctx context.Context, endpoint, id yonder.ID, code yonder.Code, message string) (int, error) {
	b, ok, err := t.load(ctx, endpoint, id)
	if !ok || err != nil {
		return 0, err
	}
	ended, stop := b.lease.Expire(0, b.lease.Tasks)
	t.fail(b, ended, code, message)
	t.stop(b, stop)
	return tasks(ended), nil
}

// DeleteEndpoint fences the session at once, and then fails the tasks, many in
// each transaction. If it is interrupted the endpoint is still listed, takes no
// tasks, and is to be deleted again.
func (s *Store) DeleteEndpoint(ctx context.Context, id yonder.ID) (woken store.Woken, err error) {
	groups := map[yonder.ID]struct{}{}
	for more := true; more && err == nil; {
		err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
			woken, more, err = deleteSome(ctx, q, id)
			return err
		})
		for _, group := range woken {
			groups[group] = struct{}{}
		}
	}
	return sortedKeys(groups), err
}

func deleteSome(ctx context.Context, q *gen.Queries, id yonder.ID) (store.Woken, bool, error) {
	t, err := begin(ctx, q, time.Now(), id)
	if err != nil {
		return nil, false, err
	}
	session, ok := t.sessions[id]
	if !ok {
		return nil, false, yonder.Errorf(yonder.CodeNotFound, "there is no endpoint %s", id)
	}
	session.State = yonder.SessionFenced
	open, err := q.OpenBundlesOfEndpoint(ctx, id, endBatch)
	if err != nil {
		return nil, false, err
	}
	for _, bundle := range open {
		if _, err := t.expire(ctx, id, bundle, yonder.CodeNotFound, "endpoint was deleted"); err != nil {
			return nil, false, err
		}
	}
	if err := t.flush(ctx); err != nil {
		return nil, false, err
	}
	if err := q.RevokeEndpointTokens(ctx, id, some(t.now)); err != nil {
		return nil, false, err
	}
	if len(open) == endBatch {
		return t.woken(), true, nil
	}
	return t.woken(), false, errors.Join(q.DeleteShares(ctx, id), q.DeleteQueues(ctx, id), q.DeleteEndpoint(ctx, id))
}
