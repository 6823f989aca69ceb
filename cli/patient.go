package cli

import (
	"context"
	"errors"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
)

const (
	// patience is with a service that goes away while something is waited for,
	// as it does when it is upgraded; strangers' is with one that was not there
	// to begin with: it is not running, or the address is wrong.
	patience   = 10 * time.Minute
	strangers  = 15 * time.Second
	againEvery = time.Second
)

// outage says how long a service that does not answer is waited for.
type outage struct {
	met   bool      // it has answered
	since time.Time // it did not; zero: it does
}

func (o *outage) answered() { *o = outage{met: true} }

// silent takes note of a question without an answer, and returns until when
// others are worth asking, or the error that ends the waiting.
func (o *outage) silent(asked time.Time, err error) (until time.Time, over error) {
	if o.since.IsZero() {
		o.since = asked
	}
	limit := strangers
	if o.met {
		limit = patience
	}
	if asked.Sub(o.since) >= limit {
		return until, yonder.Errorf(yonder.CodeOf(err), "%w; given up after %s", err, limit)
	}
	return o.since.Add(limit), nil
}

// patiently asks again while the service is away: what is waited for takes
// longer than a restart. It gives up when its patience ends.
func patiently[T any](ctx context.Context, progress *kit.Progress, away *outage, ask func() (T, error)) (T, error) {
	for {
		asked := time.Now()
		answer, err := ask()
		if yonder.CodeOf(err) != yonder.CodeUnavailable || ctx.Err() != nil {
			away.answered()
			return answer, err
		}
		until, over := away.silent(asked, err)
		if over != nil {
			return answer, over
		}
		progress.Sayf("%s; trying again until %s", err, until.Format(time.TimeOnly))
		if err := pause(ctx, againEvery); err != nil {
			return answer, err
		}
	}
}

// within limits how long is waited; 0 is no limit.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, timeout, errWaited)
}

// waitedFor makes the error of waiting one that says how to wait on. What
// goes on is "the task goes on" or the like.
func waitedFor(ctx, waiting context.Context, timeout time.Duration, err error, goesOn string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), kit.ErrInterrupted):
		return kit.Interruptedf("interrupted; %s", goesOn)
	case errors.Is(context.Cause(waiting), errWaited):
		return yonder.Errorf(yonder.CodeTimeout, "nothing more within %s; %s", timeout, goesOn)
	}
	return err
}
