package breaker_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder/internal/breaker"
)

var (
	policy = breaker.Policy{Failures: 3, Probe: time.Hour}
	start  = time.Unix(1e9, 0)
)

func TestARowOfOneCauseOpens(t *testing.T) {
	t.Parallel()
	c := breaker.New(policy)
	require.Equal(t, 5, c.Allows(start, 5))
	require.False(t, c.Fail(start, "exit status 1 of process 77"))
	require.Equal(t, 1, c.Allows(start, 5), "one will show whether it works again")
	require.False(t, c.Fail(start, "exit status 1 of process 4711"))
	require.True(t, c.Fail(start, "exit status 1 of process 8"))
	require.Zero(t, c.Allows(start.Add(time.Hour-1), 5))
	require.Equal(t, "3 times in a row: exit status 1 of process 8", c.String())
	require.False(t, c.Fail(start, "another that was under way"))
}

func TestASuccessEndsTheRow(t *testing.T) {
	t.Parallel()
	c := breaker.New(policy)
	for range 10 {
		require.False(t, c.Fail(start, "no route"))
		require.False(t, c.Fail(start, "no route"))
		c.Succeed()
	}
	require.Equal(t, 5, c.Allows(start, 5))
}

func TestCausesThatTakeTurnsOpenLater(t *testing.T) {
	t.Parallel()
	c := breaker.New(policy)
	for i := range 8 {
		require.False(t, c.Fail(start, []string{"no route", "disk full"}[i%2]))
	}
	require.True(t, c.Fail(start, "no route"))
}

func TestAnOpenCircuitIsProbedOnceInALongTime(t *testing.T) {
	t.Parallel()
	c := breaker.New(policy)
	for range 3 {
		c.Fail(start, "broken")
	}
	later := start.Add(time.Hour)
	require.Equal(t, 1, c.Allows(later, 5))
	c.Try(later)
	require.True(t, c.Fail(later, "broken still"))
	require.Zero(t, c.Allows(later.Add(time.Hour-1), 5))
	latest := later.Add(time.Hour)
	c.Try(latest)
	c.Succeed()
	require.Equal(t, 5, c.Allows(latest, 5))
	_, _, broken := c.Broken()
	require.False(t, broken)
}

func TestAResetClosesInAnyState(t *testing.T) {
	t.Parallel()
	for _, prepare := range []func(*breaker.Circuit){
		func(*breaker.Circuit) {},
		func(c *breaker.Circuit) { c.Fail(start, "x"); c.Fail(start, "x"); c.Fail(start, "x") },
		func(c *breaker.Circuit) {
			c.Fail(start, "x")
			c.Fail(start, "x")
			c.Fail(start, "x")
			c.Try(start.Add(time.Hour))
		},
	} {
		c := breaker.New(policy)
		prepare(c)
		c.Reset()
		require.Equal(t, 5, c.Allows(start, 5))
		require.False(t, c.Fail(start, "x"))
	}
}

func TestAClockThatWasSetBackDoesNotHoldItOpen(t *testing.T) {
	t.Parallel()
	c := breaker.New(policy)
	for range 3 {
		c.Fail(start, "broken")
	}
	require.True(t, c.Open(start.Add(-time.Minute)))
	require.False(t, c.Open(start.Add(-2*time.Hour)))
}

func TestCausesAreToldApartByTheirWords(t *testing.T) {
	t.Parallel()
	same := [2]string{
		"exit status 1; its log /x/blocks/0190c2f1-aa.log ends with: No module named 'yonder' at 12:00:01",
		"exit status 1; its log /x/blocks/0190c2f7-b0.log ends with: No module named 'yonder' at 12:09:44",
	}
	require.Equal(t, breaker.Cause(same[0]), breaker.Cause(same[1]))
	require.NotEqual(t, breaker.Cause("disk full"), breaker.Cause("no route"))
}

// Whatever happens, there are at most so many failures in a row before the
// circuit opens, and at most one try in each of the long times after it.
func TestTriesAreBounded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := breaker.Policy{Failures: rapid.IntRange(1, 5).Draw(t, "failures"), Probe: time.Hour}
		c := breaker.New(p)
		now, row := start, 0
		var probed time.Time
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "minutes")) * time.Minute)
			if rapid.IntRange(0, 30).Draw(t, "reset") == 0 {
				c.Reset()
				row, probed = 0, time.Time{}
			}
			if c.Allows(now, 1) == 0 {
				continue
			}
			c.Try(now)
			if row >= 3*p.Failures {
				require.GreaterOrEqual(t, now.Sub(probed), p.Probe)
			}
			probed = now
			if rapid.IntRange(0, 9).Draw(t, "works") == 0 {
				c.Succeed()
				row = 0
				continue
			}
			c.Fail(now, fmt.Sprint("cause ", string(rune('a'+rapid.IntRange(0, 3).Draw(t, "cause")))))
			row++
		}
	})
}
