package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/lease"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// turn is one change of ranges inside a transaction: it locks the sessions of
// the endpoints concerned, loads bundles, lets package lease decide, and in
// the end writes what is different.
type turn struct {
	q        *gen.Queries
	now      int64
	sessions map[yonder.ID]*session
	bundles  map[yonder.ID]*bundle
	loaded   []*bundle // in the order of loading, which fixes the order of writing
	outcomes []outcome
	news     []store.News
	attempts []attempt
	joins    map[yonder.ID]*join
	queues   map[queueKey]*queue
	memos    memos
	kept     *kept // payloads that came with the operation; nil: none did
	stored   func(q *gen.Queries, row *gen.Bundle) pager
	unwanted []yonder.ID // bundles that are over, of whose tasks memos wanted results
}

// session is an endpoint's session row as it was and as it will be.
type session struct {
	gen.Session
	was  gen.Session
	stop []wire.Span // that the agent is to drop
}

// bundle is a bundle's row with its ranges as they were and as they will be.
type bundle struct {
	gen.Bundle
	lease   *lease.Bundle
	was     []lease.Range
	counted tally // what the session's counters have of it
	header  *wire.Lease
	blobs   map[int]wire.Blob
}

// tally is what a bundle adds to the counters of its session and its queue.
type tally struct{ queued, resting, given, open int64 }

// begin locks the endpoints' sessions. A deleted endpoint has none.
func begin(ctx context.Context, q *gen.Queries, now time.Time, endpoints ...yonder.ID) (*turn, error) {
	t := &turn{
		q: q, now: micros(now),
		sessions: map[yonder.ID]*session{}, bundles: map[yonder.ID]*bundle{}, joins: map[yonder.ID]*join{}, queues: map[queueKey]*queue{},
	}
	slices.SortFunc(endpoints, compareIDs)
	for _, id := range slices.Compact(endpoints) {
		row, err := q.LockSession(ctx, id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		t.sessions[id] = &session{Session: row, was: row}
	}
	return t, nil
}

// beginAs is begin for a request of an agent under an epoch.
func beginAs(ctx context.Context, q *gen.Queries, now time.Time, endpoint yonder.ID, epoch int64) (*turn, *session, error) {
	t, err := begin(ctx, q, now, endpoint)
	if err != nil {
		return nil, nil, err
	}
	s, ok := t.sessions[endpoint]
	if !ok {
		return nil, nil, ownSession(nil, sql.ErrNoRows, endpoint, epoch)
	}
	if err := ownSession(&s.Session, nil, endpoint, epoch); err != nil {
		return nil, nil, err
	}
	return t, s, nil
}

// ownSession refuses a request under an epoch that is over. The error is that
// of reading the session.
func ownSession(s *gen.Session, err error, endpoint yonder.ID, epoch int64) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return yonder.Errorf(yonder.CodeNotFound, "there is no endpoint %s", endpoint)
	case err != nil:
		return err
	case s.Epoch != epoch:
		return yonder.Errorf(yonder.CodeSessionFenced, "session %d is over: the endpoint's newest is %d", epoch, s.Epoch)
	case s.State == yonder.SessionFenced || s.State == yonder.SessionClosed:
		return yonder.Errorf(yonder.CodeSessionFenced, "session %d is %s: open a new one", epoch, s.State)
	}
	return nil
}

// load returns a bundle of a locked endpoint. A bundle that is not there or
// is another endpoint's is not found.
func (t *turn) load(ctx context.Context, endpoint, id yonder.ID) (*bundle, bool, error) {
	if b, ok := t.bundles[id]; ok {
		return b, b.Endpoint == endpoint, nil
	}
	row, ranges, err := t.read(ctx, id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && row.Endpoint != endpoint {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	b := &bundle{Bundle: row, was: ranges}
	b.lease = &lease.Bundle{
		ID: id, Tasks: int(row.Tasks), MaxAttempts: int(row.MaxAttempts),
		Done: slices.Clone(row.Done), Ranges: slices.Clone(b.was), Now: t.now,
	}
	if err := parse(row.Retry, &b.lease.Retry); err != nil {
		return nil, false, err
	}
	b.counted = count(b.lease.Ranges)
	t.add(b)
	return b, true, nil
}

// read returns a bundle's row and its ranges, in one statement if there is
// but one of these.
func (t *turn) read(ctx context.Context, id yonder.ID) (gen.Bundle, []lease.Range, error) {
	rows, err := t.q.BundleWithRange(ctx, id)
	switch {
	case err != nil:
		return gen.Bundle{}, nil, err
	case len(rows) == 0:
		return gen.Bundle{}, nil, sql.ErrNoRows
	case len(rows) > 1:
		ranges, err := t.ranges(ctx, id)
		return rows[0].Bundle, ranges, err
	case !rows[0].Lo.Valid:
		return rows[0].Bundle, nil, nil
	}
	r := rows[0]
	return r.Bundle, []lease.Range{{
		Lo: int(r.Lo.Int64), Hi: int(r.Hi.Int64), State: yonder.State(r.State), Attempt: int(r.Attempt.Int64),
		Epoch: r.Epoch.Int64, Grant: r.GrantNo.Int64, Cancel: r.Cancel.Bool, Since: r.Since.Int64,
		NotBefore: r.NotBefore.Int64,
	}}, nil
}

func (t *turn) ranges(ctx context.Context, id yonder.ID) ([]lease.Range, error) {
	rows, err := t.q.RangesOf(ctx, id)
	ranges := make([]lease.Range, len(rows))
	for i, r := range rows {
		ranges[i] = lease.Range{
			Lo: int(r.Lo), Hi: int(r.Hi), State: r.State, Attempt: int(r.Attempt),
			Epoch: r.Epoch, Grant: r.GrantNo, Cancel: r.Cancel, Since: r.Since, NotBefore: r.NotBefore,
		}
	}
	return ranges, err
}

func (t *turn) add(b *bundle) {
	t.bundles[b.ID] = b
	t.loaded = append(t.loaded, b)
}

// find is load for a span that an agent names, which may be nonsense.
func (t *turn) find(ctx context.Context, endpoint yonder.ID, span wire.Span) (*bundle, bool, error) {
	b, ok, err := t.load(ctx, endpoint, span.Bundle)
	if !ok || err != nil {
		return nil, false, err
	}
	return b, span.Lo >= 0 && span.Lo < span.Hi && span.Hi <= b.lease.Tasks, nil
}

func count(ranges []lease.Range) tally {
	var n tally
	for _, r := range ranges {
		if r.State == yonder.RangeQueued {
			n.queued += int64(r.Hi - r.Lo)
			if r.NotBefore != 0 {
				n.resting += int64(r.Hi - r.Lo)
			}
		} else {
			n.given += int64(r.Hi - r.Lo)
		}
		n.open = 1
	}
	return n
}

// recount brings the counters of the session and the queue up to date with
// the bundle. Bytes are charged at the bundle's mean, so that what is charged
// and what is released always cancel out.
func (t *turn) recount(b *bundle) {
	now := count(b.lease.Ranges)
	queued, resting, given := now.queued-b.counted.queued, now.resting-b.counted.resting, now.given-b.counted.given
	if s := t.sessions[b.Endpoint]; s != nil {
		s.QueuedTasks += queued
		s.QueuedBytes += queued * b.TaskBytes
		s.RestingTasks += resting
		s.OutstandingTasks += given
		s.OutstandingBytes += given * b.held()
	}
	if now != b.counted {
		q := t.queue(b)
		q.change.queued += queued
		q.change.resting += resting
		q.change.given += given
		q.change.open += now.open - b.counted.open
		q.bytes += queued * b.TaskBytes
	}
	b.counted = now
}

// flush writes everything that is different now, groups last.
func (t *turn) flush(ctx context.Context) error {
	for _, b := range t.loaded {
		t.recount(b)
		if err := t.writeBundle(ctx, b); err != nil {
			return err
		}
	}
	for _, id := range sortedKeys(t.sessions) {
		if s := t.sessions[id]; s.Session != s.was {
			if err := t.writeSession(ctx, s); err != nil {
				return err
			}
		}
	}
	if err := t.writeQueues(ctx); err != nil {
		return err
	}
	if err := t.writeAttempts(ctx); err != nil {
		return err
	}
	if err := t.writeMemos(ctx); err != nil {
		return err
	}
	if err := t.joinGroups(ctx); err != nil {
		return err
	}
	return t.writeOutcomes(ctx)
}

func (t *turn) writeBundle(ctx context.Context, b *bundle) error {
	remaining := int64(b.lease.Remaining())
	if slices.Equal(b.was, b.lease.Ranges) && remaining == b.Remaining {
		return nil
	}
	if err := b.lease.Check(); err != nil {
		return err
	}
	if err := t.writeRanges(ctx, b); err != nil {
		return err
	}
	if remaining == b.Remaining {
		return nil
	}
	done := gen.SetBundleDoneParams{ID: b.ID, Done: b.lease.Done, Remaining: remaining, Page: filled(b.Page)}
	if remaining == 0 {
		done.Finished, done.Page = some(t.now), []byte{}
	}
	err := t.q.SetBundleDone(ctx, done)
	if err != nil || remaining > 0 {
		return err
	}
	return t.dropPayloads(ctx, b)
}

// writeRanges walks both sorted lists and touches only rows that differ.
func (t *turn) writeRanges(ctx context.Context, b *bundle) error {
	was := b.was
	for _, r := range b.lease.Ranges {
		for len(was) > 0 && was[0].Lo < r.Lo {
			if err := t.q.DeleteRange(ctx, b.ID, int64(was[0].Lo)); err != nil {
				return err
			}
			was = was[1:]
		}
		if len(was) > 0 && was[0].Lo == r.Lo {
			same := was[0] == r
			was = was[1:]
			if same {
				continue
			}
		}
		if err := t.q.PutRange(ctx, rangeRow(b, r)); err != nil {
			return err
		}
	}
	for _, r := range was {
		if err := t.q.DeleteRange(ctx, b.ID, int64(r.Lo)); err != nil {
			return err
		}
	}
	return nil
}

func rangeRow(b *bundle, r lease.Range) gen.PutRangeParams {
	return gen.PutRangeParams{
		BundleID: b.ID, Lo: int64(r.Lo), Hi: int64(r.Hi), State: r.State, Attempt: int64(r.Attempt),
		Epoch: r.Epoch, GrantNo: r.Grant, Cancel: r.Cancel, Since: r.Since,
		Endpoint: b.Endpoint, Priority: b.Priority, Submitted: b.Submitted, Owner: b.Owner, NotBefore: r.NotBefore,
	}
}

// writeSession leaves out what changes seldom.
func (t *turn) writeSession(ctx context.Context, s *session) error {
	counters := s.was
	counters.Grants = s.Grants
	counters.OutstandingTasks, counters.OutstandingBytes = s.OutstandingTasks, s.OutstandingBytes
	counters.QueuedTasks, counters.QueuedBytes, counters.VirtualTime = s.QueuedTasks, s.QueuedBytes, s.VirtualTime
	counters.RestingTasks = s.RestingTasks
	if counters != s.Session {
		return t.q.UpdateSession(ctx, updateOf(s))
	}
	return t.q.CountSession(ctx, gen.CountSessionParams{
		Endpoint: s.Endpoint, OutstandingTasks: s.OutstandingTasks, OutstandingBytes: s.OutstandingBytes,
		QueuedTasks: s.QueuedTasks, QueuedBytes: s.QueuedBytes, VirtualTime: s.VirtualTime, Grants: s.Grants,
		RestingTasks: s.RestingTasks,
	})
}

func updateOf(s *session) gen.UpdateSessionParams {
	return gen.UpdateSessionParams{
		Endpoint: s.Endpoint, Epoch: s.Epoch, State: s.State, Instance: s.Instance, Journal: s.Journal,
		Opened: s.Opened, LastSeen: s.LastSeen, CapacityTasks: s.CapacityTasks, CapacityBytes: s.CapacityBytes,
		OutstandingTasks: s.OutstandingTasks, OutstandingBytes: s.OutstandingBytes, QueuedTasks: s.QueuedTasks,
		Capabilities: s.Capabilities, Status: s.Status, Grants: s.Grants, QueuedBytes: s.QueuedBytes, VirtualTime: s.VirtualTime,
		RestingTasks: s.RestingTasks,
	}
}

// woken lists the groups that the turn gave results to.
func (t *turn) woken() store.Woken {
	seen := map[yonder.ID]struct{}{}
	for _, o := range t.outcomes {
		seen[o.bundle.GroupID] = struct{}{}
	}
	return sortedKeys(seen)
}
