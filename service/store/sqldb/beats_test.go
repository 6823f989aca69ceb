package sqldb

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// patient is an engine that says for how long it may write.
type patient struct {
	Engine

	limited bool
}

func (p *patient) Write(ctx context.Context, _ Op) error {
	_, p.limited = ctx.Deadline()
	return context.Cause(ctx)
}

// Who writes for all may have no time left, for itself; the others have.
func TestTheEndOfOneHeartbeatIsNotThatOfOthers(t *testing.T) {
	t.Parallel()
	engine := &patient{}
	b := &beats{engine: engine}
	late, end := context.WithDeadlineCause(t.Context(), time.Unix(0, 0), errors.New("late"))
	defer end()
	for _, ctx := range []context.Context{late, t.Context()} {
		require.NoError(t, b.write(ctx, &gen.BeatSessionParams{}))
		require.True(t, engine.limited, "a database that hangs holds nobody for ever")
	}
}
