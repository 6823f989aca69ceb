package sqldb

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// forgetBatch is the number of kept results that one transaction lets go.
const forgetBatch = 1000

// SetMemo sets the scope of the function's memo.
func (s *Store) SetMemo(ctx context.Context, function yonder.ID, scope string) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.SetMemoScope(ctx, function, scope)
		return changed(n, err, yonder.CodeNotFound, "there is no function %s", function)
	})
}

// ForgetMemo begins a new generation, whose keys are others: that forgets all
// at once. The rows follow.
func (s *Store) ForgetMemo(ctx context.Context, function yonder.ID) error {
	err := s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.NextMemoGeneration(ctx, function)
		return changed(n, err, yonder.CodeNotFound, "there is no function %s", function)
	})
	for n := int64(forgetBatch); n == forgetBatch && err == nil; {
		err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
			n, err = q.ForgetMemos(ctx, function, forgetBatch)
			return err
		})
	}
	return err
}

// TrimMemos lets go what was not used since before, and what is too much.
func (s *Store) TrimMemos(ctx context.Context, before time.Time, bytes int64, limit int) (n int, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		expired, err := q.ExpireMemos(ctx, micros(before), int32(limit))
		if err != nil {
			return err
		}
		n = int(expired)
		held, err := q.MemosSize(ctx)
		if err != nil || held.Bytes <= bytes || n >= limit {
			return err
		}
		over := (held.Bytes-bytes)*held.Results/held.Bytes + 1 // of mean size
		evicted, err := q.EvictMemos(ctx, int32(min(over, int64(limit-n))))
		n += int(evicted)
		return err
	})
	return n, err
}
