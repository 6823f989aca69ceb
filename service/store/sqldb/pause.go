package sqldb

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// PauseEndpoint gives the endpoint no more work, or gives it work again.
func (s *Store) PauseEndpoint(ctx context.Context, id yonder.ID, pause *yonder.Pause, now time.Time) (word wire.Turn, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		t, err := begin(ctx, q, now, id)
		if err != nil {
			return err
		}
		session, ok := t.sessions[id]
		if !ok {
			return yonder.Errorf(yonder.CodeNotFound, "there is no endpoint %s", id)
		}
		stored := ""
		if pause != nil {
			if err := t.takeBack(ctx, session); err != nil {
				return err
			}
			stored = document(pause)
		}
		if err := q.SetPaused(ctx, id, stored); err != nil {
			return err
		}
		word = wire.Turn{Number: session.PauseTurn + 1, Paused: pause}
		return t.flush(ctx)
	})
	return word, err
}

// pauseOf is nil for an endpoint that works.
func pauseOf(s *gen.Session) (pause *yonder.Pause, err error) {
	return pause, parse(s.Paused, &pause)
}

func turnOf(s *gen.Session) (wire.Turn, error) {
	pause, err := pauseOf(s)
	return wire.Turn{Number: s.PauseTurn, Paused: pause}, err
}
