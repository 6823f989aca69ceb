package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

// A service that was not there to begin with is not waited for as long as one
// that is being upgraded.
func TestHowLongAServiceIsWaitedFor(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	gone := yonder.Errorf(yonder.CodeUnavailable, "nothing listens there")
	for _, c := range []struct {
		met   bool
		limit time.Duration
	}{{false, 15 * time.Second}, {true, 10 * time.Minute}} {
		var away outage
		if c.met {
			away.answered()
		}
		for _, after := range []time.Duration{0, time.Second, c.limit - 1} {
			until, over := away.silent(begun.Add(after), gone)
			require.NoError(t, over)
			require.Equal(t, begun.Add(c.limit), until, "it stays the same, and is said once")
		}
		_, over := away.silent(begun.Add(c.limit), gone)
		require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(over))
		require.EqualError(t, over, "nothing listens there; given up after "+c.limit.String())
		away.answered()
		_, over = away.silent(begun.Add(time.Hour), gone)
		require.NoError(t, over, "it was there in between")
	}
}
