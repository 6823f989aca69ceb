package lease_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/wire"
)

func TestARecalledTaskIsNeverOffered(t *testing.T) {
	t.Parallel()
	b := bundle(4, 3)
	require.True(t, b.Recall(1))
	require.False(t, b.Recall(1), "it is done")
	require.Equal(t, []wire.Span{span(1, 0, 1), span(1, 2, 4)}, b.Offer(1, 1, 0, 4))
	require.False(t, b.Recall(2), "an agent may have it")
	require.Equal(t, 3, b.Remaining())
	require.NoError(t, b.Check())
}
