package startstop_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/internal/testsignal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// service is the example of the package comment, with its loop left open.
type service struct {
	startstop.Base

	run startstop.Run
}

func (s *service) Start(ctx context.Context) error { return s.Base.Start(ctx, s.run) }

// idle is ready at once and does nothing until told to end.
func idle(ctx context.Context, ready func()) error {
	ready()
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestStress(t *testing.T) {
	t.Parallel()
	startstoptest.Stress(t, &service{run: idle})
}

func TestStopGivesItsCause(t *testing.T) {
	t.Parallel()

	var cause testsignal.Signal[error]
	cause.Init()
	s := &service{run: func(ctx context.Context, ready func()) error {
		err := idle(ctx, ready)
		cause.Fire(err)
		return err
	}}
	require.NoError(t, s.Start(t.Context()))
	require.NoError(t, s.Err())
	s.Stop()
	require.ErrorIs(t, cause.Wait(t), startstop.ErrStop)
	require.NoError(t, s.Err(), "stopping is not a failure")
	<-s.Done()
}

func TestStartReturnsTheReasonItFailed(t *testing.T) {
	t.Parallel()

	s := &service{run: func(context.Context, func()) error { return errBroken }}
	require.ErrorIs(t, s.Start(t.Context()), errBroken)
	<-s.Done()
	require.ErrorIs(t, s.Err(), errBroken)
	s.Stop()
}

func TestStartSaysSoWhenStopWinsTheRace(t *testing.T) {
	t.Parallel()

	var launched testsignal.Signal[struct{}]
	launched.Init()
	s := &service{run: func(ctx context.Context, _ func()) error {
		launched.Fire(struct{}{})
		<-ctx.Done()
		return context.Cause(ctx)
	}}
	started := make(chan error)
	go func() { started <- s.Start(t.Context()) }()
	launched.Wait(t)
	s.Stop()
	require.ErrorContains(t, <-started, "before it was ready")
}

func TestShortRunThatWasReadyCountsAsStarted(t *testing.T) {
	t.Parallel()

	s := &service{run: func(_ context.Context, ready func()) error {
		ready()
		return nil
	}}
	for range 100 {
		require.NoError(t, s.Start(t.Context()))
	}
	s.Stop()
}

func TestFailureWhileRunningEndsTheService(t *testing.T) {
	t.Parallel()

	fail := make(chan struct{})
	s := &service{run: func(_ context.Context, ready func()) error {
		ready()
		<-fail
		return errBroken
	}}
	require.NoError(t, s.Start(t.Context()))
	close(fail)
	<-s.Done()
	require.ErrorIs(t, s.Err(), errBroken)
}

func TestEndOfTheContextIsReportedWithItsCause(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithCancelCause(t.Context())
	s := &service{run: func(ctx context.Context, ready func()) error {
		_ = idle(ctx, ready)
		return ctx.Err()
	}}
	require.NoError(t, s.Start(ctx))
	cancel(errBroken)
	<-s.Done()
	require.ErrorIs(t, s.Err(), errBroken)
}

func TestFailureDuringStopIsNotHidden(t *testing.T) {
	t.Parallel()

	s := &service{run: func(ctx context.Context, ready func()) error {
		_ = idle(ctx, ready)
		return errBroken
	}}
	require.NoError(t, s.Start(t.Context()))
	s.Stop()
	require.ErrorIs(t, s.Err(), errBroken)
}

func TestStartGivesUpWaitingForAnOldRun(t *testing.T) {
	t.Parallel()

	release := make(chan struct{})
	s := &service{run: func(_ context.Context, ready func()) error {
		ready()
		<-release // ignores its context on purpose
		return nil
	}}
	first, endFirst := context.WithCancelCause(t.Context())
	require.NoError(t, s.Start(first))
	endFirst(nil)

	second, endSecond := context.WithCancelCause(t.Context())
	endSecond(errBroken)
	require.ErrorIs(t, s.Start(second), errBroken)
	close(release)
	s.Stop()
}

func TestNeverStarted(t *testing.T) {
	t.Parallel()

	var b startstop.Base
	b.Stop()
	<-b.Done()
	require.NoError(t, b.Err())
}
