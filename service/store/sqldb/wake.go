package sqldb

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// WakeTasks puts tasks of at most limit bundles, whose rest after a lost
// attempt is over, back into the queue.
func (s *Store) WakeTasks(ctx context.Context, now time.Time, limit int) (n int, err error) {
	var resting []gen.RestedBundlesRow
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		resting, err = q.RestedBundles(ctx, micros(now), int32(min(limit, endBatch)))
		return err
	})
	if err != nil || len(resting) == 0 {
		return 0, err
	}
	endpoints := make([]yonder.ID, len(resting))
	for i, b := range resting {
		endpoints[i] = b.Endpoint
	}
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n = 0
		t, err := begin(ctx, q, now, endpoints...)
		if err != nil {
			return err
		}
		for _, row := range resting {
			b, ok, err := t.load(ctx, row.Endpoint, row.BundleID)
			if err != nil {
				return err
			}
			if ok {
				b.lease.Wake()
				n++
			}
		}
		return t.flush(ctx)
	})
	return n, err
}
