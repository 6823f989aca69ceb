package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// defaultRetention is for groups of which nobody says how long their results
// are kept.
const defaultRetention = 14 * 24 * time.Hour

// dueGroups is the number of groups that one call looks at, each in a
// transaction of its own.
const dueGroups = 100

// dropPayloads lets go what a bundle carried: its tasks are done, and no agent
// will ask for it again.
func (t *turn) dropPayloads(ctx context.Context, b *bundle) error {
	if b.Tasks*(b.TaskBytes+columnBytes) > besideBytes {
		if err := t.q.FreePages(ctx, t.now, b.ID); err != nil {
			return err
		}
	}
	if len(b.Page) == 0 {
		if err := t.q.DeletePages(ctx, b.ID); err != nil {
			return err
		}
	}
	if b.Memo {
		t.unwanted = append(t.unwanted, b.ID)
	}
	blobs, err := blobsOf(&b.Bundle)
	if err != nil {
		return err
	}
	ids := map[yonder.ID]struct{}{}
	for _, blob := range blobs {
		ids[blob.ID] = struct{}{}
	}
	for _, id := range sortedKeys(ids) {
		if err := t.q.ReleaseBlob(ctx, id, b.ID); err != nil {
			return err
		}
	}
	return nil
}

// Retire lets results go whose time is over, and records after them.
func (s *Store) Retire(ctx context.Context, now time.Time, records time.Duration, limit int) (total store.Retired, err error) {
	var due []yonder.ID
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		due, err = q.DueGroups(ctx, some(micros(now)), dueGroups)
		return err
	})
	total.More = len(due) == dueGroups
	for _, id := range due {
		if err != nil || total.Results+total.Records >= limit {
			total.More = true
			break
		}
		r := retirement{id: id, now: micros(now), records: records.Microseconds(), limit: int32(limit)}
		err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
			r.q, r.done = q, store.Retired{}
			return r.run(ctx)
		})
		total.Results += r.done.Results
		total.Records += r.done.Records
		total.Groups += r.done.Groups
		total.More = total.More || r.done.More
	}
	return total, err
}

// retirement is what time does to one group in one transaction. The group's
// row is locked: its stream stands still meanwhile.
type retirement struct {
	q       *gen.Queries
	id      yonder.ID
	now     int64
	records int64
	limit   int32
	done    store.Retired
}

func (r *retirement) run(ctx context.Context) error {
	g, err := r.q.LockGroup(ctx, r.id)
	if errors.Is(err, sql.ErrNoRows) || err == nil && (!g.Due.Valid || g.Due.Int64 > r.now) {
		return nil // another replica was faster
	}
	if err != nil {
		return err
	}
	if err := r.expire(ctx, &g); err != nil {
		return err
	}
	if err := r.forget(ctx, &g); err != nil {
		return err
	}
	next, gone, err := r.next(ctx, g)
	if err != nil {
		return err
	}
	if gone {
		r.done.Groups++
		return r.q.DeleteGroup(ctx, r.id)
	}
	r.done.More = next.Valid && next.Int64 <= r.now
	return r.q.SetGroupKept(ctx, gen.SetGroupKeptParams{ID: r.id, Expired: g.Expired, Forgotten: g.Forgotten, Due: next})
}

// expire empties the results whose retention is over.
func (r *retirement) expire(ctx context.Context, g *gen.Group) error {
	rows, err := r.q.ResultsAfter(ctx, r.id, g.Expired, r.limit)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row.Accepted+g.Retention > r.now {
			return nil
		}
		if err := r.release(ctx, row); err != nil {
			return err
		}
		err := r.q.ExpireResult(ctx, gen.ExpireResultParams{GroupID: r.id, Cursor: row.Cursor, Expired: some(r.now), Payload: []byte{}})
		if err != nil {
			return err
		}
		if row.Attempt > 1 {
			lost := gen.ExpireAttemptsParams{BundleID: row.BundleID, Lo: row.Lo, Hi: row.Hi, Stdout: []byte{}}
			if err := r.q.ExpireAttempts(ctx, lost); err != nil {
				return err
			}
		}
		g.Expired = row.Cursor
		r.done.Results++
	}
	return nil
}

func (r *retirement) release(ctx context.Context, row gen.ResultsAfterRow) error {
	if row.Segment > 0 {
		place := gen.FreePlaceParams{Since: r.now, Segment: row.Segment, Place: row.Place, Away: row.Away}
		if err := r.q.FreePlace(ctx, place); err != nil {
			return err
		}
	}
	var blob *wire.Blob
	if err := parse(row.Blob, &blob); err != nil || blob == nil {
		return err
	}
	return r.q.ReleaseBlob(ctx, blob.ID, row.BundleID)
}

// forget deletes the records whose time is over, and bundles of which nothing
// else is left.
func (r *retirement) forget(ctx context.Context, g *gen.Group) error {
	rows, err := r.q.ResultsAfter(ctx, r.id, g.Forgotten, r.limit)
	if err != nil {
		return err
	}
	upto, bundles := g.Forgotten, map[yonder.ID]struct{}{}
	for _, row := range rows {
		if row.Cursor > g.Expired || row.Accepted+r.records > r.now {
			break
		}
		upto, bundles[row.BundleID] = row.Cursor, struct{}{}
	}
	n, err := r.q.DeleteResults(ctx, r.id, g.Forgotten, upto)
	if err != nil {
		return err
	}
	for _, id := range sortedKeys(bundles) {
		if err := r.deleteBundle(ctx, id); err != nil {
			return err
		}
	}
	g.Forgotten = upto
	r.done.Records += int(n)
	return nil
}

// deleteBundle deletes a finished bundle and its history, unless it has
// results still.
func (r *retirement) deleteBundle(ctx context.Context, id yonder.ID) error {
	if err := r.q.DeleteFinishedBundle(ctx, id); err != nil {
		return err
	}
	if err := r.q.DeleteAttempts(ctx, id); err != nil {
		return err
	}
	return r.q.DeleteCancels(ctx, id)
}

// next is when to look at the group again: when its next result expires or
// its next record goes. While it has only unfinished tasks, their results
// will say; once it has nothing at all and is old, it is gone.
func (r *retirement) next(ctx context.Context, g gen.Group) (next sql.NullInt64, gone bool, err error) {
	for after, keep := range map[int64]int64{g.Expired: g.Retention, g.Forgotten: max(r.records, g.Retention)} {
		if g.Expired == g.Forgotten {
			keep = g.Retention
		}
		rows, err := r.q.ResultsAfter(ctx, r.id, after, 1)
		if err != nil {
			return next, false, err
		}
		if len(rows) > 0 && (!next.Valid || rows[0].Accepted+keep < next.Int64) {
			next = some(rows[0].Accepted + keep)
		}
	}
	if next.Valid {
		return next, false, nil
	}
	busy, err := r.q.GroupHasBundles(ctx, r.id)
	switch {
	case err != nil || busy:
		return next, false, err
	case g.Created+r.records <= r.now:
		return next, true, nil
	}
	return some(g.Created + r.records), false, nil
}

// expiredError says when a result was there.
func expiredError(task yonder.ID, r *gen.Result) *yonder.Error {
	return yonder.Errorf(yonder.CodeResultExpired,
		"the result of task %s, which %s at %s, was kept until %s: run it again, and keep results longer with the group's retention",
		task, r.State, moment(r.Accepted).Format(time.RFC3339), moment(r.Expired.Int64).Format(time.RFC3339))
}

// expireEntry makes an entry of a result that has expired: one that says so.
func expireEntry(e *wire.ResultEntry, r *gen.Result) []byte {
	err := expiredError(r.BundleID.Task(e.Lo), r)
	return failEntry(e, err.Code, err.Message)
}

// failEntry makes an entry whose result is not there one that says why.
func failEntry(e *wire.ResultEntry, code yonder.Code, message string) []byte {
	e.Outcome, e.Form, e.Skip, e.Blob = wire.OutcomeFailed, wire.FormEach, 0, nil
	if e.Hi-e.Lo > 1 {
		e.Form = wire.FormChunk
	}
	return []byte(document(wire.TaskError{Code: code, Message: message}))
}

// checkCursor refuses a cursor from which reading on would leave a gap, or
// which this group never gave out.
func checkCursor(g gen.Group, cursor int64) error {
	switch {
	case cursor < g.Forgotten:
		return yonder.FieldErrorf(yonder.CodeResultExpired, "cursor",
			"of the results of group %s up to cursor %d not even records are left: read on from there", g.ID, g.Forgotten)
	case cursor > g.LastCursor:
		return yonder.FieldErrorf(yonder.CodeResultExpired, "cursor",
			"group %s has no cursor %d: what it had was forgotten and the group began anew, so read from its start", g.ID, cursor)
	}
	return nil
}

// DeleteOldTokens deletes tokens that ended before the time.
func (s *Store) DeleteOldTokens(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		deleted, err := q.DeleteOldTokens(ctx, some(micros(before)), int32(limit))
		n = int(deleted)
		if err == nil && n > limit {
			err = fmt.Errorf("deleted %d tokens of %d", n, limit)
		}
		return err
	})
	return n, err
}

// Tidy gives back some of the space that is free.
func (s *Store) Tidy(ctx context.Context, now time.Time) (more bool, err error) {
	beside, err := s.tidyBeside(ctx, now)
	if err != nil {
		return false, err
	}
	more, err = s.engine.Tidy(ctx)
	return more || beside, err
}

// Size says how much space the database takes.
func (s *Store) Size(ctx context.Context) (store.Size, error) { return s.engine.Size(ctx) }
