package yonder_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
)

func TestWhichCausesAreTriedAgain(t *testing.T) {
	t.Parallel()
	var policy yonder.Retry
	require.True(t, policy.Retries(yonder.CodeTaskLost))
	require.True(t, policy.Retries(yonder.CodeWorkerFailed))
	require.False(t, policy.Retries(yonder.CodeWalltimeExceeded), "off unless asked for")
	policy.On = []yonder.Code{yonder.CodeWalltimeExceeded}
	require.True(t, policy.Retries(yonder.CodeWalltimeExceeded))
	require.False(t, policy.Retries(yonder.CodeWorkerFailed))
}

func TestWaitsGrow(t *testing.T) {
	t.Parallel()
	require.Zero(t, yonder.Retry{}.Wait(1))
	policy := yonder.Retry{Backoff: 1.5, MaxBackoff: 10}
	require.Equal(t, 1500*time.Millisecond, policy.Wait(1))
	require.Equal(t, 3*time.Second, policy.Wait(2))
	require.Equal(t, 10*time.Second, policy.Wait(9))
	require.Equal(t, 10*time.Minute, yonder.Retry{Backoff: 600}.Wait(7), "the first wait counts when nobody limits it")
	require.Equal(t, time.Second, yonder.Retry{Backoff: 1, Factor: 1}.Wait(50))
}

func TestWaitsAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		policy := yonder.Retry{
			Backoff: rapid.Float64Range(0, 86400).Draw(t, "backoff"), Factor: rapid.Float64Range(1, 100).Draw(t, "factor"),
			MaxBackoff: rapid.Float64Range(0, 86400).Draw(t, "max"),
		}
		require.NoError(t, policy.Check(10))
		attempt := rapid.IntRange(0, 10_000).Draw(t, "attempt")
		wait := policy.Wait(attempt)
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.LessOrEqual(t, wait, yonder.MaxRetryWait)
		require.LessOrEqual(t, wait, policy.Wait(attempt+1))
	})
}

func TestPoliciesAreFilledIn(t *testing.T) {
	t.Parallel()
	function := yonder.Retry{MaxAttempts: 5, On: []yonder.Code{yonder.CodeTaskLost}, Backoff: 2, Factor: 3}
	require.Equal(t, function, yonder.Retry{}.Or(function))
	require.True(t, yonder.Retry{}.IsZero())
	mixed := yonder.Retry{MaxAttempts: 1, Backoff: 9}.Or(function)
	require.Equal(t, yonder.Retry{MaxAttempts: 1, On: function.On, Backoff: 9}, mixed, "waits are of one piece")
}

func TestNonsenseIsRefusedByName(t *testing.T) {
	t.Parallel()
	for field, policy := range map[string]yonder.Retry{
		"retry.max_attempts":   {MaxAttempts: 11},
		"retry.on":             {On: []yonder.Code{yonder.CodeFunctionFailed}},
		"retry.backoff_s":      {Backoff: math.NaN()},
		"retry.backoff_max_s":  {MaxBackoff: 1e9},
		"retry.backoff_factor": {Factor: 0.5},
	} {
		var refusal *yonder.Error
		require.ErrorAs(t, policy.Check(10), &refusal)
		require.Equal(t, field, refusal.Field)
	}
	require.Error(t, yonder.Retry{On: []yonder.Code{yonder.CodeTaskLost, yonder.CodeTaskLost}}.Check(10))
}
