package service

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhenAgentsAreSentAway(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	gone := errors.New("connection refused")
	after := begun.Add

	w := watch{heard: after(awayAfter)}
	require.False(t, w.look(begun, gone))
	require.False(t, w.look(after(awayAfter-1), gone), "it may be back in a moment")
	require.True(t, w.look(after(awayAfter), gone))
	require.True(t, w.look(after(awayAfter+heardWithin), gone))
	require.False(t, w.look(after(awayAfter+heardWithin+1), gone), "the others have lost it too")
	w.heard = after(time.Minute)
	require.True(t, w.look(after(time.Minute), gone))
	require.False(t, w.look(after(time.Minute+1), nil), "it is back")
	require.False(t, w.look(after(time.Minute+2), gone), "a new outage begins")
}
