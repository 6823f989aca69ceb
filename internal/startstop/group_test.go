package startstop_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
)

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func TestGroupStress(t *testing.T) {
	t.Parallel()

	var group startstop.Group
	group.Add("first", untilDone)
	group.Add("second", untilDone)
	startstoptest.Stress(t, &group)
}

func TestGroupReportsTheFirstFailureByName(t *testing.T) {
	t.Parallel()

	var group startstop.Group
	fail := make(chan struct{})
	group.Add("steady", untilDone)
	group.Add("finished", func(context.Context) error { return nil })
	group.Add("sweeper", func(context.Context) error {
		<-fail
		return errBroken
	})
	require.NoError(t, group.Start(t.Context()))
	close(fail)
	<-group.Done()
	require.ErrorIs(t, group.Err(), errBroken)
	require.ErrorContains(t, group.Err(), "sweeper: ")
}

func TestGroupStopIsNoFailure(t *testing.T) {
	t.Parallel()

	var group startstop.Group
	group.Add("steady", untilDone)
	require.NoError(t, group.Start(t.Context()))
	group.Stop()
	require.NoError(t, group.Err())
}

func TestAllStartsInOrderAndStopsInReverse(t *testing.T) {
	t.Parallel()

	var order []string
	note := func(name string) startstop.Service { return &noted{name: name, order: &order} }
	services := startstop.All(note("store"), note("api"))
	require.NoError(t, services.Start(t.Context()))
	services.Stop()
	require.Equal(t, []string{"start store", "start api", "stop api", "stop store"}, order)
}

func TestAllTakesBackAHalfStart(t *testing.T) {
	t.Parallel()

	var running atomic.Int32
	good := &service{run: func(ctx context.Context, ready func()) error {
		running.Add(1)
		defer running.Add(-1)
		return idle(ctx, ready)
	}}
	bad := &service{run: func(context.Context, func()) error { return errBroken }}
	require.ErrorIs(t, startstop.All(good, bad).Start(t.Context()), errBroken)
	require.Zero(t, running.Load())
}

func TestAllStress(t *testing.T) {
	t.Parallel()
	startstoptest.Stress(t, startstop.All(&service{run: idle}, &service{run: idle}))
}

// noted writes down what is done to it.
type noted struct {
	name  string
	order *[]string
}

func (n *noted) Start(context.Context) error {
	*n.order = append(*n.order, "start "+n.name)
	return nil
}

func (n *noted) Stop() { *n.order = append(*n.order, "stop "+n.name) }
