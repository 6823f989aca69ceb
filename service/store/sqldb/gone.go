package sqldb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// goneError is why the payloads of tasks up to hi can never be read. It costs
// these tasks, and nobody else's.
type goneError struct {
	hi  int
	err error
}

func (g *goneError) Error() string { return g.err.Error() }
func (g *goneError) Unwrap() error { return g.err }

// atPage is the error of reading a page up to hi.
func atPage(id yonder.ID, hi int, err error) error {
	err = fmt.Errorf("bundle %s: %w", id, err)
	if errors.Is(err, ErrNoPayload) {
		return &goneError{hi: hi, err: err}
	}
	return err
}

// giveUp ends tasks without their arguments. Who waits for them finds that out
// at the next look: this is too seldom for a hint.
func (t *turn) giveUp(b *bundle, lo, hi int, why error) {
	ended, _ := b.lease.Expire(lo, hi)
	t.fail(b, ended, yonder.CodeStorageCorrupt, fmt.Sprintf("the service cannot read the task's arguments any more: %v", why))
	t.recount(b)
}

// takeBackGone returns a live session's offers of bundles to the queue: what
// can be read is offered again, and the next claim ends the rest. A reader that
// is behind finds payloads gone of tasks that have ended: nothing happens to those.
func (s *Store) takeBackGone(ctx context.Context, endpoint yonder.ID, bundles []yonder.ID) error {
	if len(bundles) == 0 {
		return nil
	}
	return s.tasks.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		t, err := begin(ctx, q, time.Now(), endpoint)
		if err != nil {
			return err
		}
		for _, id := range bundles {
			b, ok, err := t.load(ctx, endpoint, id)
			if err != nil {
				return err
			}
			if ok && t.sessions[endpoint] != nil {
				b.lease.Release(t.sessions[endpoint].Epoch)
			}
		}
		return t.flush(ctx)
	})
}
