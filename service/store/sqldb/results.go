package sqldb

import (
	"context"
	"database/sql"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// GroupResults returns results after the cursor. Results never change, and a
// cursor that can be seen has all smaller ones before it: no snapshot needed.
func (s *Store) GroupResults(
	ctx context.Context, group yonder.ID, cursor int64, limit, maxBytes int,
) (page wire.ResultPage, columns [][]byte, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		page, columns = wire.ResultPage{Group: group, Cursor: cursor, Entries: []wire.ResultEntry{}}, nil
		sizes, err := q.ResultSizes(ctx, group, cursor, int32(min(max(limit, 1), maxPage)))
		if err != nil {
			return err
		}
		if len(sizes) == 0 {
			g, err := q.GetGroup(ctx, group)
			if err != nil {
				return found(err, "there is no group %s", group)
			}
			return checkCursor(g, cursor)
		}
		if sizes[0].Cursor > cursor+1 {
			g, err := q.GetGroup(ctx, group)
			if err != nil {
				return found(err, "there is no group %s", group)
			}
			return checkCursor(g, cursor)
		}
		rows, err := q.GroupResults(ctx, group, cursor, fitting(sizes, maxBytes))
		if err != nil {
			return err
		}
		for _, row := range rows {
			entry, err := entryOf(gen.TaskResultRow(row))
			if err != nil {
				return err
			}
			column := row.Result.Payload
			if row.Result.Expired.Valid {
				column = expireEntry(&entry, &row.Result)
			}
			page.Entries, page.Cursor = append(page.Entries, entry), entry.Cursor
			columns = append(columns, column)
		}
		return nil
	})
	return page, columns, err
}

// fitting returns the last cursor up to which results fit; one always does.
func fitting(sizes []gen.ResultSizesRow, maxBytes int) int64 {
	last, total := sizes[0].Cursor, sizes[0].Size
	for _, s := range sizes[1:] {
		if total += s.Size; total > int64(maxBytes) {
			break
		}
		last = s.Cursor
	}
	return last
}

// TaskResult returns the entry that has the task's result.
func (s *Store) TaskResult(ctx context.Context, task yonder.ID) (entry wire.ResultEntry, payload []byte, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.TaskResult(ctx, task.Bundle(), int64(task.Index()))
		if err == nil && row.Result.Hi <= int64(task.Index()) {
			err = sql.ErrNoRows
		}
		if err != nil {
			return found(err, "task %s has no result", task)
		}
		if row.Result.Expired.Valid {
			return expiredError(task, &row.Result)
		}
		payload = row.Result.Payload
		entry, err = entryOf(row)
		return err
	})
	return entry, payload, err
}

func entryOf(row gen.TaskResultRow) (wire.ResultEntry, error) {
	r := row.Result
	e := wire.ResultEntry{
		Entry: wire.Entry{
			Bundle: r.BundleID, Attempt: int(r.Attempt), Lo: int(r.Lo), Hi: int(r.Hi),
			Outcome: wire.Outcome(r.Outcome), Form: wire.Form(r.Form), Stdout: string(r.Stdout), Stderr: string(r.Stderr),
			Started: r.Started, Finished: r.Finished, Worker: r.Worker,
		},
		Cursor: r.Cursor, Skip: int(r.Skip), Endpoint: row.Endpoint, Submitted: row.Submitted, Accepted: r.Accepted, Memo: maybeID(r.Memo),
	}
	return e, parse(r.Blob, &e.Blob)
}
