package sqldb

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// CreateGroup stores an empty group. The owner's own group may be created
// again; the first label stays.
func (s *Store) CreateGroup(ctx context.Context, group yonder.Group) error {
	retention := time.Duration(group.Retention) * time.Second
	if retention == 0 {
		retention = defaultRetention
	}
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.InsertGroup(ctx, gen.InsertGroupParams{
			ID: group.ID, Owner: group.Owner, Label: text(group.Label), Created: micros(group.Created),
			Retention: int64(retention / time.Microsecond), Due: some(micros(group.Created.Add(retention))),
		})
		if err != nil || n > 0 {
			return err
		}
		there, err := q.GetGroup(ctx, group.ID)
		if err == nil && there.Owner != group.Owner {
			return yonder.FieldErrorf(yonder.CodeConflict, "id", "group %s is there already: make a new id", group.ID)
		}
		return err
	})
}

// Group returns the group with its counters.
func (s *Store) Group(ctx context.Context, id yonder.ID) (group yonder.Group, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.GetGroup(ctx, id)
		group = groupOf(row)
		return found(err, "there is no group %s", id)
	})
	return group, err
}

// ListGroups lists an owner's groups, newest first.
func (s *Store) ListGroups(ctx context.Context, owner yonder.ID, page store.Page) (list []yonder.Group, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		rows, err := q.ListGroups(ctx, owner, after(page), limit(page))
		list = make([]yonder.Group, len(rows))
		for i, row := range rows {
			list[i] = groupOf(row)
		}
		return err
	})
	return list, err
}

func groupOf(row gen.Group) yonder.Group {
	return yonder.Group{
		ID: row.ID, Label: row.Label, Owner: row.Owner, Created: moment(row.Created),
		Tasks: row.Tasks, Done: row.Done, Failed: row.Failed, Cursor: row.LastCursor,
		Retention: row.Retention / int64(time.Second/time.Microsecond), Expired: row.Expired, Forgotten: row.Forgotten,
	}
}
