// Package startstoptest tries to break the promises of startstop.Service. Every
// service in the repository runs Stress over itself in a test.
package startstoptest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/startstop"
)

const (
	callers  = 10
	rounds   = 3
	patience = 30 * time.Second
)

// Stress starts and stops the service from many goroutines at once, alone and
// mixed, and checks that it always ends and can always be started again. The
// errors of mixed starts are not looked at: losing against a Stop is allowed.
func Stress(t *testing.T, service startstop.Service) {
	t.Helper()
	ctx := t.Context()

	finishes(t, "Stop before Start", service.Stop)
	for range rounds {
		startsFromEverywhere(ctx, t, service)
		finishes(t, "concurrent Stops", func() { together(service.Stop) })
		finishes(t, "Starts against Stops", func() {
			together(func() { _ = service.Start(ctx) }, service.Stop)
		})
		finishes(t, "Stop", service.Stop)
	}
	endsWithItsContext(t, service)
}

// startsFromEverywhere checks that a Start that joins a running service
// reports the same as the Start that launched it.
func startsFromEverywhere(ctx context.Context, t *testing.T, service startstop.Service) {
	t.Helper()
	errs := make(chan error, callers)
	finishes(t, "concurrent Starts", func() {
		together(func() { errs <- service.Start(ctx) })
	})
	close(errs)
	for err := range errs {
		require.NoError(t, err, "starting the service")
	}
}

// endsWithItsContext checks that a Stop after the end of the context returns,
// and that the service can live again under a new one.
func endsWithItsContext(t *testing.T, service startstop.Service) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	require.NoError(t, service.Start(ctx), "starting the service again")
	cancel(nil)
	finishes(t, "Stop after the context ended", service.Stop)
	finishes(t, "restart", func() {
		_ = service.Start(t.Context())
		service.Stop()
	})
}

// together runs every function from many goroutines and waits for all.
func together(functions ...func()) {
	var running sync.WaitGroup
	for range callers {
		for _, f := range functions {
			running.Go(f)
		}
	}
	running.Wait()
}

func finishes(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		require.FailNow(t, what+" did not return", "waited for %s; is something ignoring its context?", patience)
	}
}
