package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/sqlfault"
	"github.com/yonder-run/yonder/service/store/sqlite"
	"github.com/yonder-run/yonder/service/store/storetest"
)

func TestEveryStatementMayFail(t *testing.T) {
	t.Parallel()
	faults := &sqlfault.Faults{}
	path := fresh(t)
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Relaxed: true, Wrap: faults.Wrap})
	require.NoError(t, err)
	storetest.Faults(t, faults, s)
	require.NoError(t, s.Close())
	storetest.CheckRows(t, raw(t, path))
}

func TestWhatIsToldAheadOfACommitThatFails(t *testing.T) {
	t.Parallel()
	faults := &sqlfault.Faults{}
	path := fresh(t)
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, Relaxed: true, Wrap: faults.Wrap})
	require.NoError(t, err)
	storetest.FaultsAhead(t, faults, s)
	require.NoError(t, s.Close())
	storetest.CheckRows(t, raw(t, path))
}
