package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// GroupResults returns results after the cursor, which may be in the middle of
// a row. Results never change, and a cursor that can be seen has all smaller
// ones before it: no snapshot needed.
func (s *Store) GroupResults(
	ctx context.Context, group yonder.ID, cursor int64, limit, maxBytes int,
) (page wire.ResultPage, columns [][]byte, err error) {
	limit = min(max(limit, 1), maxPage)
	err = s.reread(ctx, func(ctx context.Context, q *gen.Queries, last bool) error {
		page, columns = newPage(group, cursor), nil
		sizes, err := q.ResultSizes(ctx, group, cursor, int32(limit))
		if err != nil {
			return err
		}
		if len(sizes) == 0 || sizes[0].Cursor-sizes[0].Entries > cursor {
			g, err := q.GetGroup(ctx, group)
			if err != nil {
				return found(err, "there is no group %s", group)
			}
			return checkCursor(g, cursor)
		}
		rows, err := q.GroupResults(ctx, group, cursor, fitting(sizes, cursor+int64(limit), maxBytes))
		if err != nil {
			return err
		}
		page, columns, err = pageOf(group, cursor, rows, limit, s.fetcher(last))
		return err
	})
	return page, columns, err
}

func newPage(group yonder.ID, cursor int64) wire.ResultPage {
	return wire.ResultPage{Group: group, Cursor: cursor, Entries: []wire.ResultEntry{}}
}

// fetch returns a result's payload. If that is lost, it makes the entry one
// that says so: its reader, and those who come after it, are not to wait for it.
type fetch func(*wire.ResultEntry, *gen.Result) ([]byte, error)

// pageOf is what rows have after the cursor, at most limit entries.
func pageOf(group yonder.ID, cursor int64, rows []gen.GroupResultsRow, limit int, payload fetch) (wire.ResultPage, [][]byte, error) {
	page := newPage(group, cursor)
	var columns [][]byte
	var err error
	for i := 0; i < len(rows) && err == nil; i++ {
		columns, err = appendEntries(&page, columns, rows[i], limit, payload)
	}
	return page, columns, err
}

// fitting returns the last cursor of a row that is to be read: up to one that
// has the cursor upto, and as far as the bytes go; one row always fits.
func fitting(sizes []gen.ResultSizesRow, upto int64, maxBytes int) int64 {
	last, total := sizes[0].Cursor, sizes[0].Size
	for _, s := range sizes[1:] {
		if total += s.Size; total > int64(maxBytes) || last >= upto {
			break
		}
		last = s.Cursor
	}
	return last
}

// appendEntries adds a row's entries after the page's cursor, until the page
// has as many as the limit.
func appendEntries(
	page *wire.ResultPage, columns [][]byte, row gen.GroupResultsRow, limit int, payload fetch,
) ([][]byte, error) {
	list, err := unpack(row.Result)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Cursor <= page.Cursor || len(page.Entries) >= limit {
			continue
		}
		row.Result = list[i]
		entry, column, err := readable(gen.TaskResultRow(row), payload)
		if err != nil {
			return nil, err
		}
		page.Entries, page.Cursor = append(page.Entries, entry), entry.Cursor
		columns = append(columns, column)
	}
	return columns, nil
}

// readable is a result as its reader gets it.
func readable(row gen.TaskResultRow, payload fetch) (wire.ResultEntry, []byte, error) {
	entry, err := entryOf(row)
	if err == nil && row.Result.Expired.Valid {
		return entry, expireEntry(&entry, &row.Result), nil
	}
	if err != nil {
		return entry, nil, err
	}
	data, err := payload(&entry, &row.Result)
	return entry, data, err
}

func (s *Store) payloadOf(r *gen.Result) ([]byte, error) {
	return s.fetched(r.Payload, Place{Segment: r.Segment, Offset: r.Place, Size: r.Away, Sum: uint32(r.Checksum)})
}

// fetcher returns payloads; lost ones are errors until the last look.
func (s *Store) fetcher(last bool) fetch {
	return func(e *wire.ResultEntry, r *gen.Result) ([]byte, error) {
		data, err := s.payloadOf(r)
		if last && errors.Is(err, ErrNoPayload) {
			return failEntry(e, yonder.CodeStorageCorrupt, fmt.Sprintf("the service cannot read the result any more: %v", err)), nil
		}
		return data, err
	}
}

// TaskResult returns the entry that has the task's result.
func (s *Store) TaskResult(ctx context.Context, task yonder.ID) (entry wire.ResultEntry, payload []byte, err error) {
	err = s.reread(ctx, func(ctx context.Context, q *gen.Queries, _ bool) error {
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
		if row.Result.Entries > 1 {
			list, err := unpack(row.Result)
			if err != nil {
				return err
			}
			row.Result = list[int64(task.Index())-row.Result.Lo]
		}
		if payload, err = s.payloadOf(&row.Result); err != nil {
			return err
		}
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
