package testsignal

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recorder stands in for testing.TB where the signal is meant to fail it.
type recorder struct{ failure string }

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.failure = fmt.Sprintf(format, args...)
}

func TestFireBeforeInitDoesNothing(t *testing.T) {
	t.Parallel()

	var signal Signal[int]
	signal.Fire(1)
	require.Zero(t, signal.Pending())
}

func TestEventsArriveInOrder(t *testing.T) {
	t.Parallel()

	var signal Signal[int]
	signal.Init()
	for event := range 1000 {
		signal.Fire(event)
	}
	require.Equal(t, 1000, signal.Pending())
	for event := range 1000 {
		require.Equal(t, event, signal.Wait(t))
	}
	require.Zero(t, signal.Pending())
}

func TestSeveralWaitersShareOneSignal(t *testing.T) {
	t.Parallel()

	var signal Signal[struct{}]
	signal.Init()
	var waiters, firers sync.WaitGroup
	for range 20 {
		waiters.Go(func() { signal.Wait(t) })
		firers.Go(func() { signal.Fire(struct{}{}) })
	}
	firers.Wait()
	waiters.Wait()
	require.Zero(t, signal.Pending())
}

func TestWaitFailsTheTest(t *testing.T) {
	t.Parallel()

	t.Run("when nothing fires", func(t *testing.T) {
		t.Parallel()
		var signal Signal[string]
		signal.Init()
		var tb recorder
		require.Empty(t, signal.wait(&tb, time.Millisecond))
		require.Contains(t, tb.failure, "no signal of string")
	})

	t.Run("when it was never switched on", func(t *testing.T) {
		t.Parallel()
		var signal Signal[string]
		var tb recorder
		signal.Wait(&tb)
		require.Contains(t, tb.failure, "call Init")
	})
}
