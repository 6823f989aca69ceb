package shellworker

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFullDiskIsTriedAgain(t *testing.T) {
	t.Parallel()
	full := unprepared(fmt.Errorf("writing: %w", syscall.ENOSPC))
	tries := 0
	require.NoError(t, untilRoom(60, func() error {
		if tries++; tries < 2 {
			return full
		}
		return nil
	}))
	require.Equal(t, 2, tries)
	require.ErrorIs(t, untilRoom(0, func() error { tries++; return full }), syscall.ENOSPC)
	require.Equal(t, 3, tries, "nobody said that it may wait")
	require.ErrorIs(t, untilRoom(60, func() error { tries++; return syscall.EIO }), syscall.EIO)
	require.Equal(t, 4, tries, "that is not for want of room")
}
