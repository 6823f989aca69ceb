package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

var errMine = errors.New("mine")

func newEngine(t *testing.T) *engine {
	t.Helper()
	e, err := connect(Options{URL: pgtest.URL(t), Relaxed: true})
	require.NoError(t, err)
	require.NoError(t, e.prepare(t.Context(), Options{Relaxed: true}))
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func TestConflictsAreTriedAgain(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	for _, code := range []string{serializationFailure, deadlockDetected} {
		tries := 0
		err := e.Write(t.Context(), func(ctx context.Context, q *gen.Queries) error {
			if tries++; tries < 3 {
				return errors.Join(q.PutSetting(ctx, code, []byte{}), &pgconn.PgError{Code: code})
			}
			return q.PutSetting(ctx, code, []byte(code))
		})
		require.NoError(t, err)
		require.Equal(t, 3, tries)
	}
	tries := 0
	err := e.Write(t.Context(), func(context.Context, *gen.Queries) error {
		tries++
		return &pgconn.PgError{Code: deadlockDetected}
	})
	require.Error(t, err)
	require.Equal(t, maxTries, tries)
}

func TestAFailedOperationChangesNothing(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	err := e.Write(t.Context(), func(ctx context.Context, q *gen.Queries) error {
		return errors.Join(q.PutSetting(ctx, "a", []byte("x")), errMine)
	})
	require.ErrorIs(t, err, errMine)
	err = e.Write(t.Context(), func(ctx context.Context, q *gen.Queries) error {
		if err := q.PutSetting(ctx, "a", []byte("x")); err != nil {
			return err
		}
		panic("a bug")
	})
	require.ErrorContains(t, err, "a bug")
	err = e.Read(t.Context(), func(ctx context.Context, q *gen.Queries) error {
		_, err := q.GetSetting(ctx, "a")
		return err
	})
	require.Error(t, err)
}

func TestErrorsOfTheServerHaveCodes(t *testing.T) {
	t.Parallel()
	e := &engine{server: "db:5432/yonder"}
	fault := func(code string) error { return fmt.Errorf("committing: %w", &pgconn.PgError{Code: code}) }
	for _, c := range []struct {
		err  error
		code yonder.Code
	}{
		{nil, ""},
		{fault(diskFull), yonder.CodeStorageFull},
		{fault(dataCorrupted), yonder.CodeStorageCorrupt},
		{fault(indexCorrupted), yonder.CodeStorageCorrupt},
		{fault("57P01"), yonder.CodeUnavailable},
		{fault("08006"), yonder.CodeUnavailable},
		{fault("53300"), yonder.CodeUnavailable},
		{driver.ErrBadConn, yonder.CodeUnavailable},
		{fault("42601"), yonder.CodeInternal},
		{errMine, yonder.CodeInternal},
		{yonder.Errorf(yonder.CodeNotFound, "none"), yonder.CodeNotFound},
	} {
		require.Equal(t, c.code, yonder.CodeOf(e.explain(c.err)), "%v", c.err)
	}
	require.ErrorContains(t, e.explain(fault(diskFull)), "db:5432/yonder")
}

// A server that was killed says nothing: what is left of it are ends of
// connections, each with another error.
func TestABrokenConnectionMeansUnavailable(t *testing.T) {
	t.Parallel()
	e := &engine{server: "db:5432/yonder"}
	require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(e.explain(fmt.Errorf("reading: %w", io.ErrUnexpectedEOF))))

	conn, err := pgx.Connect(t.Context(), pgtest.URL(t))
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	_, err = conn.Begin(t.Context())
	require.ErrorContains(t, err, "conn closed")
	require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(e.explain(err)))

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			conn.Close()
		}
	}()
	_, err = pgx.Connect(t.Context(), "postgres://someone@"+listener.Addr().String()+"/db?sslmode=disable")
	require.Error(t, err)
	require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(e.explain(err)))
}

func TestOnlyLockingQueriesLock(t *testing.T) {
	t.Parallel()
	require.Equal(t, "-- name: LockX :one\nSELECT 1\nFOR UPDATE", locking("-- name: LockX :one\nSELECT 1\n"))
	require.Equal(t, "-- name: GetX :one\nSELECT 1\n", locking("-- name: GetX :one\nSELECT 1\n"))
}
