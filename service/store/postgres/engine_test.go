package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/pgtest"
	"github.com/yonder-run/yonder/service/store/sqldb"
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
		{fault("25P03"), yonder.CodeUnavailable},
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

// A replica that hangs within a transaction must not hold up the others.
func TestASilentTransactionIsGivenUpByTheServer(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	var limit string
	require.NoError(t, e.db.QueryRowContext(t.Context(), "SHOW idle_in_transaction_session_timeout").Scan(&limit))
	require.Equal(t, "5s", limit)
	err := e.Write(t.Context(), func(ctx context.Context, q *gen.Queries) error {
		if err := q.PutSetting(ctx, "a", []byte("x")); err != nil {
			return err
		}
		select { // says nothing until the server has had enough
		case <-time.After(silence + 2*time.Second):
			return q.PutSetting(ctx, "a", []byte("y"))
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(err), "%v", err)
}

// relay carries connections to the database until it is told to say nothing.
func relay(t *testing.T, socket string, hang <-chan struct{}) (port string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var carrying sync.WaitGroup
	over := make(chan struct{})
	carry := func(to, from net.Conn) {
		defer to.Close()
		for buffer := make([]byte, 32<<10); ; {
			n, err := from.Read(buffer)
			select {
			case <-hang:
				<-over
				return
			default:
			}
			if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
				return
			}
		}
	}
	carrying.Go(func() {
		for {
			here, err := listener.Accept()
			if err != nil {
				return
			}
			there, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
			if err != nil {
				here.Close()
				continue
			}
			carrying.Go(func() { carry(here, there) })
			carrying.Go(func() { carry(there, here) })
		}
	})
	t.Cleanup(func() {
		close(over)
		listener.Close()
		carrying.Wait()
	})
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

// A way that swallows everything looks like a server that takes its time.
func TestAServerThatSaysNothingIsUnavailable(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(pgtest.URL(t))
	require.NoError(t, err)
	hang := make(chan struct{})
	port := relay(t, config.Host+"/.s.PGSQL.5432", hang)
	e, err := connect(Options{URL: "postgres://postgres@127.0.0.1:" + port + "/" + config.Database + "?sslmode=disable", Relaxed: true})
	require.NoError(t, err)
	require.NoError(t, e.prepare(t.Context(), Options{Relaxed: true}))
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	put := func(ctx context.Context, q *gen.Queries) error { return q.PutSetting(ctx, "a", []byte("x")) }
	require.NoError(t, e.Write(t.Context(), put))
	close(hang)
	e.answer = 300 * time.Millisecond
	for _, do := range []func(context.Context, sqldb.Op) error{e.Write, e.Read, e.Snapshot, e.Write} {
		require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(do(t.Context(), put)))
	}
}

func TestOnlyLockingQueriesLock(t *testing.T) {
	t.Parallel()
	require.Equal(t, "-- name: LockX :one\nSELECT 1\nFOR UPDATE", locking("-- name: LockX :one\nSELECT 1\n"))
	require.Equal(t, "-- name: GetX :one\nSELECT 1\n", locking("-- name: GetX :one\nSELECT 1\n"))
}
