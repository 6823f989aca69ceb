package sqldb

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// Silence marks live sessions that were not heard of for too long.
func (s *Store) Silence(ctx context.Context, now time.Time, patience time.Duration) (n int, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		if err := q.SetSessionsBack(ctx, micros(now), micros(now.Add(patience))); err != nil {
			return err
		}
		silenced, err := q.SilenceSessions(ctx, micros(now.Add(-patience)))
		n = int(silenced)
		return err
	})
	return n, err
}

// Counts returns the number of tasks that are not done by state, and of
// endpoints by the state of their session.
func (s *Store) Counts(ctx context.Context) (counts map[yonder.State]int64, err error) {
	err = s.engine.Snapshot(ctx, func(ctx context.Context, q *gen.Queries) error {
		queued, err := q.CountQueued(ctx)
		if err != nil {
			return err
		}
		counts = map[yonder.State]int64{
			yonder.RangeQueued: queued, yonder.RangeOffered: 0, yonder.RangeAccepted: 0, yonder.RangeStarted: 0,
		}
		given, err := q.CountGiven(ctx)
		if err != nil {
			return err
		}
		for _, row := range given {
			counts[row.State] = row.Tasks
		}
		sessions, err := q.CountSessions(ctx)
		for _, row := range sessions {
			counts[row.State] = row.Sessions
		}
		return err
	})
	return counts, err
}

// PutReplica says that the replica is there.
func (s *Store) PutReplica(ctx context.Context, r store.Replica) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		return q.PutReplica(ctx, r.ID, text(r.Addr), micros(r.Seen))
	})
}

// DeleteReplica forgets the replica.
func (s *Store) DeleteReplica(ctx context.Context, id yonder.ID) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		return q.DeleteReplica(ctx, id)
	})
}

// ListReplicas lists replicas seen after the time.
func (s *Store) ListReplicas(ctx context.Context, seenAfter time.Time) (list []store.Replica, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		rows, err := q.ListReplicas(ctx, micros(seenAfter))
		list = make([]store.Replica, len(rows))
		for i, row := range rows {
			list[i] = store.Replica{ID: row.ID, Addr: row.Addr, Seen: moment(row.Seen)}
		}
		return err
	})
	return list, err
}

// Setting returns the value of key, storing value first if there is none.
func (s *Store) Setting(ctx context.Context, key string, value []byte) (stored []byte, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		stored, err = q.GetSetting(ctx, key)
		return found(err, "there is no setting %s", key)
	})
	if yonder.CodeOf(err) != yonder.CodeNotFound {
		return stored, err
	}
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		if err := q.PutSetting(ctx, key, filled(value)); err != nil {
			return err
		}
		stored, err = q.GetSetting(ctx, key)
		return err
	})
	return stored, err
}
