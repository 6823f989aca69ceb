package auth

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
)

const (
	touchEvery = 30 * time.Second
	// touchMost bounds the tokens noted between two writes. What does not fit
	// is not noted: the time of last use is for people to look at.
	touchMost = 1 << 16
)

// touches collects when tokens were used, so that a request costs no write.
type touches struct {
	startstop.Base

	records Records
	log     *slog.Logger

	mu   sync.Mutex
	used map[yonder.ID]time.Time
}

func (t *touches) touch(id yonder.ID, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.used == nil {
		t.used = map[yonder.ID]time.Time{}
	}
	if _, known := t.used[id]; known || len(t.used) < touchMost {
		t.used[id] = now
	}
}

// Start begins to write down uses, and Stop writes the last ones.
func (t *touches) Start(ctx context.Context) error { return t.Base.Start(ctx, t.run) }

func (t *touches) run(ctx context.Context, ready func()) error {
	tick := time.NewTicker(touchEvery)
	defer tick.Stop()
	ready()
	for {
		select {
		case <-tick.C:
			t.flush(ctx)
		case <-ctx.Done():
			t.flushLast(ctx)
			return context.Cause(ctx)
		}
	}
}

// flushLast writes what came before the end.
func (t *touches) flushLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	t.flush(ctx)
}

func (t *touches) flush(ctx context.Context) {
	t.mu.Lock()
	used := t.used
	t.used = nil
	t.mu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := t.records.TouchTokens(ctx, used); err != nil {
		t.log.WarnContext(ctx, "cannot note when tokens were last used", "tokens", len(used), "error", err)
	}
}
