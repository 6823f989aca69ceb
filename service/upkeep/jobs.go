package upkeep

import (
	"context"
	"log/slog"
	"time"

	"github.com/yonder-run/yonder/service/store"
)

// Bounds of one run of a job.
const (
	expireLimit = 1000
	sweepLimit  = 500
	// orphanAge is how long an upload may wait for the bundle or result that
	// refers to it.
	orphanAge = 24 * time.Hour
	// retireLimit is the number of results that one transaction lets go, about.
	retireLimit = 1000
	tokenLimit  = 1000
	// functionLimit is the number of anonymous functions that one transaction
	// deletes: their bodies may be large.
	functionLimit = 200
	memoLimit     = 1000
)

// Store is where time does something to rows.
type Store interface {
	Silence(ctx context.Context, now time.Time, patience time.Duration) (int, error)
	ExpireTasks(ctx context.Context, now time.Time, limit int) (int, []store.Stop, store.Woken, error)
	Retire(ctx context.Context, now time.Time, records time.Duration, limit int) (store.Retired, error)
	TrimMemos(ctx context.Context, before time.Time, bytes int64, limit int) (int, error)
	DeleteOldTokens(ctx context.Context, before time.Time, limit int) (int, error)
	DeleteUnusedFunctions(ctx context.Context, before, now time.Time, limit int) (deleted int, more bool, err error)
	Tidy(ctx context.Context, now time.Time) (more bool, err error)
	WakeTasks(ctx context.Context, now time.Time, limit int) (int, error)
}

// Blobs sweeps uploads that nothing refers to.
type Blobs interface {
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
}

// Dispatcher passes on to agents what the jobs find.
type Dispatcher interface {
	Resend(ctx context.Context) error
	StopTasks(ctx context.Context, stops []store.Stop)
}

// Config is what the jobs need.
type Config struct {
	Store      Store
	Blobs      Blobs
	Dispatcher Dispatcher
	Wake       func(groups store.Woken)
	Silence    time.Duration // without a heartbeat, after which an agent counts as silent
	Records    time.Duration // for which records of tasks, of ended tokens, and unused anonymous functions are kept
	// MemoBytes bounds the results that memos keep, MemoUnused how long one is
	// kept that answers nothing.
	MemoBytes  int64
	MemoUnused time.Duration
	// Retired counts what was let go.
	Retired func(store.Retired)
	Now     func() time.Time
	Log     *slog.Logger
}

// Jobs returns all of them.
func Jobs(c Config) []*Job {
	return []*Job{
		c.job("silence", c.Silence/5, c.silence),
		c.job("expire", time.Second, c.expire),
		c.job("resend", time.Second, c.resend),
		c.job("orphans", 10*time.Minute, c.orphans),
		c.job("retire", time.Minute, c.retire),
		c.job("memos", 10*time.Minute, c.memos),
		c.job("tokens", 6*time.Hour, c.tokens),
		c.job("functions", 6*time.Hour, c.functions),
		c.job("tidy", 10*time.Second, c.tidy),
	}
}

func (c Config) job(name string, every time.Duration, do func(context.Context) (bool, error)) *Job {
	return &Job{Name: name, Every: every, Do: do, Log: c.Log}
}

func (c Config) silence(ctx context.Context) (bool, error) {
	n, err := c.Store.Silence(ctx, c.Now(), c.Silence)
	if n > 0 {
		c.Log.InfoContext(ctx, "endpoints went silent", "endpoints", n)
	}
	return false, err
}

func (c Config) expire(ctx context.Context) (bool, error) {
	n, stops, woken, err := c.Store.ExpireTasks(ctx, c.Now(), expireLimit)
	if err != nil {
		return false, err
	}
	c.Dispatcher.StopTasks(ctx, stops)
	c.Wake(woken)
	return n >= expireLimit, nil
}

// resend looks after what is to be offered: first among it what has rested.
func (c Config) resend(ctx context.Context) (bool, error) {
	n, err := c.Store.WakeTasks(ctx, c.Now(), expireLimit)
	if err != nil {
		return false, err
	}
	return n >= expireLimit, c.Dispatcher.Resend(ctx)
}

func (c Config) orphans(ctx context.Context) (bool, error) {
	n, err := c.Blobs.Sweep(ctx, c.Now().Add(-orphanAge), sweepLimit)
	return n >= sweepLimit, err
}

func (c Config) retire(ctx context.Context) (bool, error) {
	retired, err := c.Store.Retire(ctx, c.Now(), c.Records, retireLimit)
	c.Retired(retired)
	if retired.Results+retired.Records+retired.Groups > 0 {
		c.Log.DebugContext(ctx, "results retired", "results", retired.Results, "records", retired.Records, "groups", retired.Groups)
	}
	return retired.More, err
}

func (c Config) tokens(ctx context.Context) (bool, error) {
	n, err := c.Store.DeleteOldTokens(ctx, c.Now().Add(-c.Records), tokenLimit)
	return n >= tokenLimit, err
}

func (c Config) functions(ctx context.Context) (bool, error) {
	now := c.Now()
	deleted, more, err := c.Store.DeleteUnusedFunctions(ctx, now.Add(-c.Records), now, functionLimit)
	if deleted > 0 {
		c.Log.DebugContext(ctx, "anonymous functions deleted that nobody used", "functions", deleted)
	}
	return more, err
}

func (c Config) memos(ctx context.Context) (bool, error) {
	n, err := c.Store.TrimMemos(ctx, c.Now().Add(-c.MemoUnused), c.MemoBytes, memoLimit)
	return n >= memoLimit, err
}

func (c Config) tidy(ctx context.Context) (bool, error) { return c.Store.Tidy(ctx, c.Now()) }
