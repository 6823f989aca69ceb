package cli

import (
	"context"
	"errors"

	"github.com/yonder-run/yonder/cli/kit"
	"github.com/yonder-run/yonder/internal/startstop"
)

// program is a service that tells when and why it ended by itself.
type program interface {
	startstop.Service
	Done() <-chan struct{}
	Err() error
}

// serveUntil starts the program, calls started, and stops it when the command
// is told to end. Ending on request is no error.
func serveUntil(ctx context.Context, p program, started func() error) error {
	// The signal must not cut the program's life short: Stop ends it in order.
	if err := startUnder(ctx, p); err != nil {
		return err
	}
	defer p.Stop()
	if err := started(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-p.Done():
		return p.Err()
	}
}

// startUnder gives up starting when the command is told to end.
func startUnder(ctx context.Context, p program) error {
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	err := p.Start(life)
	if !stop() || err != nil {
		cancel(context.Cause(ctx))
	}
	if err != nil && errors.Is(context.Cause(ctx), kit.ErrInterrupted) {
		return kit.Interruptedf("interrupted while starting")
	}
	return err
}
