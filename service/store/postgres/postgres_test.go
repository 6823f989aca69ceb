package postgres_test

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/postgres"
	"github.com/yonder-run/yonder/service/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(tb testing.TB, opts postgres.Options) store.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), opts)
	require.NoError(tb, err)
	return s
}

func raw(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.RunReplicas(t, func(t *testing.T) (a, b store.Store) {
		t.Helper()
		opts := postgres.Options{URL: pgtest.URL(t), Relaxed: true, MaxConns: 4}
		a, b = open(t, opts), open(t, opts)
		t.Cleanup(func() {
			require.NoError(t, a.Close())
			require.NoError(t, b.Close())
			storetest.CheckRows(t, raw(t, opts.URL))
		})
		return a, b
	})
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) store.Store {
		b.Helper()
		s := open(b, postgres.Options{URL: pgtest.DurableURL(b)})
		b.Cleanup(func() { require.NoError(b, s.Close()) })
		return s
	})
}

func TestReplicasMayStartAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	errs := make(chan error)
	for range 6 {
		go func() {
			s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Relaxed: true, MaxConns: 2})
			if err == nil {
				err = s.Close()
			}
			errs <- err
		}()
	}
	for range 6 {
		require.NoError(t, <-errs)
	}
}

func TestAServerThatMayForgetIsRefused(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.URL(t)})
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(err))
	require.ErrorContains(t, err, "fsync=off")
	require.NoError(t, open(t, postgres.Options{URL: pgtest.DurableURL(t)}).Close())
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	opts := postgres.Options{URL: pgtest.URL(t), Relaxed: true}
	require.NoError(t, open(t, opts).Close())
	_, err := raw(t, opts.URL).Exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
	require.NoError(t, err)
	_, err = postgres.Open(t.Context(), opts)
	require.Equal(t, yonder.CodeConflict, yonder.CodeOf(err))
	require.ErrorContains(t, err, "schema 9999")
}

func TestAddressesThatLeadNowhere(t *testing.T) {
	t.Parallel()
	for url, code := range map[string]yonder.Code{
		"postgres://me:secret@127.0.0.1:1/db":              yonder.CodeUnavailable,
		"postgres://me:secret@localhost:port/db":           yonder.CodeInvalidConfig,
		"host=127.0.0.1 port=1 password=secret x=y":        yonder.CodeUnavailable,
		"host=127.0.0.1 password=secret sslmode=sometimes": yonder.CodeInvalidConfig,
	} {
		_, err := postgres.Open(t.Context(), postgres.Options{URL: url})
		require.Equal(t, code, yonder.CodeOf(err), "%s: %v", url, err)
		require.NotContains(t, err.Error(), "secret")
	}
}
