// Package startstop gives everything that runs for long the same life: Start
// launches it, Stop ends it and waits, and both may be called at any time, any
// number of times, from any goroutine.
//
// A service embeds Base and writes only its loop:
//
//	type Sweeper struct {
//		startstop.Base
//	}
//
//	func (s *Sweeper) Start(ctx context.Context) error {
//		return s.Base.Start(ctx, s.run)
//	}
//
//	func (s *Sweeper) run(ctx context.Context, ready func()) error {
//		ready()
//		<-ctx.Done()
//		return nil
//	}
//
// Nobody else in the repository writes a `go` statement for something that
// lives long; a check holds that.
package startstop

import (
	"context"
	"errors"
)

// ErrStop is the cause of the context of a service that was told to stop. It
// tells "my owner ended me" apart from "the process is being killed" and from
// "the connection was lost", which need different clean-up.
var ErrStop = errors.New("service stopped")

// Service is anything with a life of its own.
//
// Start returns once the service is ready for work, or with the reason it
// could not get there. The context given to it bounds the whole life of the
// service, not only the start. Starting what already runs changes nothing and
// returns what the first Start returned.
//
// Stop returns once nothing of the service runs any more. Stopping what does
// not run returns at once. A stopped service may be started again.
type Service interface {
	Start(ctx context.Context) error
	Stop()
}

// Run is the body of a service. It calls ready once others may rely on it, and
// returns when ctx ends or when it cannot go on. Returning before ready means
// that the start failed.
type Run func(ctx context.Context, ready func()) error
