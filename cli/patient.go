package cli

import (
	"context"
	"errors"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/cli/kit"
)

// patiently asks again while the service is away: what is waited for takes
// longer than a restart. It gives up when patience ends.
func patiently[T any](ctx context.Context, progress *kit.Progress, ask func() (T, error)) (T, error) {
	lost := time.Time{}
	for {
		asked := time.Now()
		answer, err := ask()
		if yonder.CodeOf(err) != yonder.CodeUnavailable || ctx.Err() != nil {
			return answer, err
		}
		if lost.IsZero() {
			lost = asked
		}
		if asked.Sub(lost) >= patience {
			return answer, err
		}
		progress.Sayf("%s; trying again", err)
		if err := pause(ctx, time.Second); err != nil {
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
