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

// endBatch is the number of bundles that one transaction ends, so that others
// get their turn (docs/performance.md, Cancelling very many).
const endBatch = 100

// cancelled is the reason that readers of results are given.
const cancelled = "the task was cancelled"

// CancelTasks ends the tasks, or asks their agents to.
func (s *Store) CancelTasks(ctx context.Context, c store.Cancel) (answer store.Cancelling, err error) {
	if c.Why == "" {
		c.Why = cancelled
	}
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		answer = store.Cancelling{}
		targets, err := findTargets(ctx, q, c, &answer.Cancelled)
		if err != nil || len(targets) == 0 {
			return err
		}
		endpoints := make([]yonder.ID, len(targets))
		for i, target := range targets {
			endpoints[i] = target.endpoint
		}
		t, err := begin(ctx, q, time.Now(), endpoints...)
		if err != nil {
			return err
		}
		for _, target := range targets {
			if err := t.cancel(ctx, target, c.Why, &answer.Cancelled); err != nil {
				return err
			}
		}
		answer.Stops, answer.Woken = t.stops(), t.woken()
		return t.flush(ctx)
	})
	return answer, err
}

// target is tasks of one bundle that a cancel names.
type target struct {
	endpoint, bundle yonder.ID
	lo, hi           int
	counted          bool // those that had ended before are to be counted
}

func findTargets(ctx context.Context, q *gen.Queries, c store.Cancel, answer *wire.Cancelled) ([]target, error) {
	switch {
	case !c.Task.IsZero():
		return oneTarget(ctx, q, c.Task.Bundle(), c.Task.Index(), c.Task.Index()+1, "task", c.Task)
	case !c.Bundle.IsZero():
		return oneTarget(ctx, q, c.Bundle, 0, yonder.MaxBundleTasks, "bundle", c.Bundle)
	}
	rows, err := scan(ctx, q, c, answer)
	if err != nil {
		return nil, err
	}
	var targets []target
	for _, row := range rows {
		if len(targets) == endBatch {
			return targets, nil
		}
		answer.Next = row.ID
		if !row.Finished.Valid && (c.Owner.IsZero() || row.Owner == c.Owner) && (c.Endpoint.IsZero() || row.Endpoint == c.Endpoint) {
			targets = append(targets, target{endpoint: row.Endpoint, bundle: row.ID, hi: yonder.MaxBundleTasks})
		}
	}
	if len(rows) < scanBatch {
		answer.Next = yonder.ID{}
	}
	return targets, nil
}

func oneTarget(ctx context.Context, q *gen.Queries, bundle yonder.ID, lo, hi int, noun string, id yonder.ID) ([]target, error) {
	row, err := q.GetBundle(ctx, bundle)
	if err == nil && lo >= int(row.Tasks) {
		err = sql.ErrNoRows
	}
	if err != nil {
		return nil, found(err, "there is no %s %s", noun, id)
	}
	return []target{{endpoint: row.Endpoint, bundle: row.ID, lo: lo, hi: hi, counted: true}}, nil
}

// scanBatch is the number of bundles that one transaction looks at: those of
// a group or an owner may have ended long ago.
const scanBatch = 20 * endBatch

// scan lists the next bundles, the ones that have ended among them.
func scan(ctx context.Context, q *gen.Queries, c store.Cancel, answer *wire.Cancelled) ([]gen.BundlesOfGroupAfterRow, error) {
	after := c.After
	if after.IsZero() {
		after = firstID
	}
	switch {
	case !c.Group.IsZero():
		if c.After.IsZero() {
			group, err := q.GetGroup(ctx, c.Group)
			if err != nil {
				return nil, found(err, "there is no group %s", c.Group)
			}
			answer.Done = int(group.Done)
		}
		return q.BundlesOfGroupAfter(ctx, c.Group, after, scanBatch)
	case !c.Endpoint.IsZero():
		rows, err := q.OpenBundlesOfEndpointAfter(ctx, c.Endpoint, after, scanBatch)
		list := make([]gen.BundlesOfGroupAfterRow, len(rows))
		for i, row := range rows {
			list[i] = gen.BundlesOfGroupAfterRow(row)
		}
		return list, err
	default:
		rows, err := q.BundlesOfOwnerAfter(ctx, c.Owner, after, scanBatch)
		list := make([]gen.BundlesOfGroupAfterRow, len(rows))
		for i, row := range rows {
			list[i] = gen.BundlesOfGroupAfterRow(row)
		}
		return list, err
	}
}

func (t *turn) cancel(ctx context.Context, target target, why string, answer *wire.Cancelled) error {
	b, ok, err := t.load(ctx, target.endpoint, target.bundle)
	if !ok || err != nil {
		return err
	}
	hi := min(target.hi, b.lease.Tasks)
	ended, marked, stop := b.lease.Cancel(target.lo, hi)
	t.fail(b, ended, yonder.CodeTaskCancelled, why+"; no worker had begun it")
	t.stop(b, stop)
	answer.Cancelled += tasks(ended)
	answer.Stopping += tasks(marked)
	if target.counted {
		answer.Done += hi - target.lo - tasks(ended) - tasks(marked)
	}
	for _, s := range marked {
		err := t.q.InsertCancel(ctx, gen.InsertCancelParams{BundleID: b.ID, Lo: int64(s.Lo), Hi: int64(s.Hi), Why: text(why), Asked: t.now})
		if err != nil {
			return err
		}
	}
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
