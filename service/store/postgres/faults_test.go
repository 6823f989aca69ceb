package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/internal/sqlfault"
	"github.com/yonder-run/yonder/service/store/postgres"
	"github.com/yonder-run/yonder/service/store/storetest"
)

func TestEveryStatementMayFail(t *testing.T) {
	t.Parallel()
	faults := &sqlfault.Faults{}
	opts := postgres.Options{URL: pgtest.URL(t), Relaxed: true, MaxConns: 4, Wrap: faults.Wrap}
	s := open(t, opts)
	storetest.Faults(t, faults, s)
	require.NoError(t, s.Close())
	storetest.CheckRows(t, raw(t, opts.URL))
}

func TestWhatIsToldAheadOfACommitThatFails(t *testing.T) {
	t.Parallel()
	faults := &sqlfault.Faults{}
	opts := postgres.Options{URL: pgtest.URL(t), Relaxed: true, MaxConns: 4, Wrap: faults.Wrap}
	s := open(t, opts)
	storetest.FaultsAhead(t, faults, s)
	require.NoError(t, s.Close())
	storetest.CheckRows(t, raw(t, opts.URL))
}
