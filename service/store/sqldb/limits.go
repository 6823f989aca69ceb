package sqldb

import (
	"context"
	"database/sql"
	"errors"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// Limits returns what was set for an identity or an endpoint.
func (s *Store) Limits(ctx context.Context, subject yonder.ID) (limits yonder.Allowance, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		limits = yonder.Allowance{}
		doc, err := q.GetLimits(ctx, subject)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return parse(doc, &limits)
	})
	return limits, err
}

// SetLimits replaces them, and changes the queues that are there. Their rows
// are written without the lock of their sessions: a claim that runs meanwhile
// goes by one weight or the other.
func (s *Store) SetLimits(ctx context.Context, subject yonder.ID, limits, holds yonder.Allowance) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		if err := q.PutLimits(ctx, subject, document(limits)); err != nil || holds == (yonder.Allowance{}) {
			return err
		}
		return q.SetWeight(ctx, subject, weightOf(holds), holds.RunningTasks)
	})
}

// Usage adds up what counts against an identity's limits.
func (s *Store) Usage(ctx context.Context, identity yonder.ID) (usage store.Usage, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.OwnerUsage(ctx, identity)
		if err != nil {
			return err
		}
		disk, err := q.DiskOf(ctx, identity)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		usage = store.Usage{
			QueuedTasks: row.QueuedTasks, QueuedBytes: row.QueuedBytes, RunningTasks: row.GivenTasks, Bundles: row.Bundles, BlobBytes: disk,
		}
		return err
	})
	return usage, err
}

// EndpointUsage adds up what counts against an endpoint's limits.
func (s *Store) EndpointUsage(ctx context.Context, endpoint yonder.ID) (usage store.Usage, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.EndpointUsage(ctx, endpoint)
		usage = store.Usage{
			QueuedTasks: row.QueuedTasks, QueuedBytes: row.QueuedBytes, RunningTasks: row.GivenTasks, Bundles: row.Bundles,
		}
		return err
	})
	return usage, err
}

// BlobBytes is what all uploads take.
func (s *Store) BlobBytes(ctx context.Context) (bytes int64, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		bytes, err = q.CountDisk(ctx)
		return err
	})
	return bytes, err
}
