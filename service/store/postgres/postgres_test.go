package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/postgres"
	"github.com/yonder-run/yonder/service/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, url string) store.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Relaxed: true, MaxConns: 4})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.RunReplicas(t, func(t *testing.T) (a, b store.Store) {
		t.Helper()
		url := pgtest.URL(t)
		return open(t, url), open(t, url)
	})
}
