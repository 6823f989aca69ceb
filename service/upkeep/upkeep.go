// Package upkeep does what has to be done from time to time: marking agents
// silent, expiring tasks, sweeping blobs, repeating offers. Every job is
// idempotent and bounded, so that all replicas may run all of them.
package upkeep

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/yonder-run/yonder/internal/startstop"
)

// Job is a service that does one thing again and again.
type Job struct {
	startstop.Base

	Name  string
	Every time.Duration
	// Do does a bounded amount and says whether there is more to do at once.
	Do  func(ctx context.Context) (more bool, err error)
	Log *slog.Logger
}

// Start begins the job; its first run comes after one interval.
func (j *Job) Start(ctx context.Context) error { return j.Base.Start(ctx, j.run) }

func (j *Job) run(ctx context.Context, ready func()) error {
	ready()
	timer := time.NewTimer(j.pause())
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		timer.Reset(j.next(ctx))
	}
}

// next does the job once and returns when to do it again.
func (j *Job) next(ctx context.Context) time.Duration {
	more, err := j.Do(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		j.Log.WarnContext(ctx, "upkeep failed, will be tried again", "job", j.Name, "error", err)
	case err == nil && more:
		return 0
	}
	return j.pause()
}

// pause is the interval, spread by a fifth, so that replicas that started
// together do not work at the same moments.
func (j *Job) pause() time.Duration {
	return j.Every + time.Duration((rand.Float64()-0.5)/5*float64(j.Every))
}
