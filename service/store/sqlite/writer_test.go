package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

func newEngine(t *testing.T) *engine {
	t.Helper()
	opts := Options{Path: filepath.Join(t.TempDir(), "yonder.db"), Relaxed: true}
	e := &engine{path: opts.Path}
	require.NoError(t, e.open(t.Context(), opts))
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

// put stores a setting; its absence shows that the operation was undone.
func put(name string) sqldb.Op {
	return func(ctx context.Context, q *gen.Queries) error { return q.PutSetting(ctx, name, []byte("value")) }
}

func (e *engine) has(t *testing.T, name string) bool {
	t.Helper()
	err := e.Read(t.Context(), func(ctx context.Context, q *gen.Queries) error {
		_, err := q.GetSetting(ctx, name)
		return err
	})
	return err == nil
}

var errMine = errors.New("mine")

// behind queues operations while the writer is busy, so that they are one
// group. It needs the bubble of a synctest to see them waiting.
func behind(t *testing.T, e *engine, ops ...sqldb.Op) []error {
	t.Helper()
	release, first, done := make(chan struct{}), make(chan error), make(chan struct{})
	go func() {
		first <- e.Write(t.Context(), func(context.Context, *gen.Queries) error {
			<-release
			return nil
		})
	}()
	synctest.Wait()
	errs := make([]error, len(ops))
	for i, op := range ops {
		go func() {
			errs[i] = e.Write(t.Context(), op)
			done <- struct{}{}
		}()
	}
	synctest.Wait()
	close(release)
	for range ops {
		<-done
	}
	require.NoError(t, <-first)
	return errs
}

func TestAGroupFailsOneByOne(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	group := []*operation{
		{run: put("a"), done: make(chan error, 1)},
		{run: func(ctx context.Context, q *gen.Queries) error {
			return errors.Join(put("b")(ctx, q), errMine)
		}, done: make(chan error, 1)},
		{run: func(ctx context.Context, q *gen.Queries) error {
			if err := put("c")(ctx, q); err != nil {
				return err
			}
			panic("a bug")
		}, done: make(chan error, 1)},
		{run: put("d"), done: make(chan error, 1)},
	}
	e.writer.Stop() // its loop would be a second user of the connection
	e.writer.commit(t.Context(), group)
	require.NoError(t, <-group[0].done)
	require.ErrorIs(t, <-group[1].done, errMine)
	require.ErrorContains(t, <-group[2].done, "a bug")
	require.NoError(t, <-group[3].done)
	require.Equal(t, []bool{true, false, false, true}, []bool{e.has(t, "a"), e.has(t, "b"), e.has(t, "c"), e.has(t, "d")})
}

func TestOperationsShareCommits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t)
		e.writer.Stop()
		e.writer.committed.Init()
		require.NoError(t, e.writer.Start(t.Context()))
		ops := make([]sqldb.Op, maxGroup)
		for i := range ops {
			ops[i] = put(string(rune('A' + i)))
		}
		for _, err := range behind(t, e, ops...) {
			require.NoError(t, err)
		}
		require.Equal(t, 1, e.writer.committed.Wait(t))
		require.Equal(t, len(ops), e.writer.committed.Wait(t))
	})
}

func TestAFullDiskFailsOnlyWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, fillTheDisk)
}

func fillTheDisk(t *testing.T) {
	t.Helper()
	e := newEngine(t)
	pragma := func(text string) {
		t.Helper()
		require.NoError(t, e.Write(t.Context(), func(ctx context.Context, _ *gen.Queries) error {
			_, err := e.writer.conn.ExecContext(ctx, text)
			return err
		}))
	}
	require.NoError(t, e.Write(t.Context(), put("before")))
	pragma("PRAGMA max_page_count = 1") // SQLite makes it the present size
	large := func(ctx context.Context, q *gen.Queries) error {
		return q.PutSetting(ctx, "large", make([]byte, 1<<20))
	}
	for _, group := range [][]sqldb.Op{{large}, {put("beside"), large, put("after")}} {
		errs := behind(t, e, group...)
		for i, err := range errs {
			if len(group) == 1 || i == 1 {
				require.Equal(t, yonder.CodeStorageFull, yonder.CodeOf(err))
				require.ErrorContains(t, err, e.path)
				continue
			}
			require.NoError(t, err)
		}
	}
	require.Equal(t, []bool{true, true, true, false}, []bool{e.has(t, "before"), e.has(t, "beside"), e.has(t, "after"), e.has(t, "large")})
	pragma("PRAGMA max_page_count = 1000000")
	require.NoError(t, e.Write(t.Context(), large), "there is space again")
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	err := e.Write(t.Context(), func(context.Context, *gen.Queries) error {
		cancel(errMine)
		return nil
	})
	require.NoError(t, err)
	e.writer.Stop()
	w := &writer{ops: make(chan *operation)}
	require.NoError(t, w.Base.Start(t.Context(), func(ctx context.Context, ready func()) error {
		ready()
		<-ctx.Done() // a loop that never takes anything
		return context.Cause(ctx)
	}))
	defer w.Stop()
	require.ErrorIs(t, w.write(ctx, put("x"), nil), errMine)
}

func TestStress(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	startstoptest.Stress(t, e.writer)
}

// failing is an engine whose n-th write fails.
type failing struct {
	*engine

	writes, n int
}

func (f *failing) Write(ctx context.Context, op sqldb.Op) error {
	if f.writes++; f.writes == f.n {
		return errMine
	}
	return f.engine.Write(ctx, op)
}

func TestAnInterruptedDeletionGoesOn(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	whole := sqldb.New(e)
	owner, endpoint, group := yonder.NewID(), yonder.NewID(), yonder.NewID()
	require.NoError(t, whole.CreateEndpoint(t.Context(),
		yonder.Endpoint{ID: endpoint, Owner: owner, Name: "e"}, yonder.Token{ID: yonder.NewID(), Identity: owner, Endpoint: &endpoint}, []byte("h")))
	submit := func(n int) error {
		bundles := make([]store.NewBundle, n)
		for i := range bundles {
			bundles[i] = store.NewBundle{Owner: owner, Payloads: [][]byte{nil}, Bundle: wire.Bundle{
				ID: yonder.NewBundleID(), Group: group, Endpoint: endpoint, Function: yonder.NewID(), Tasks: 1, Form: wire.FormEach,
			}}
		}
		_, err := whole.Submit(t.Context(), bundles)
		return err
	}
	require.NoError(t, submit(1200))
	woken, err := sqldb.New(&failing{engine: e, n: 2}).DeleteEndpoint(t.Context(), endpoint)
	require.ErrorIs(t, err, errMine)
	require.Equal(t, store.Woken{group}, woken)

	left, err := whole.Endpoint(t.Context(), endpoint)
	require.NoError(t, err)
	require.Equal(t, yonder.SessionFenced, left.Session)
	require.Less(t, left.Queued, 1200)
	require.Equal(t, yonder.CodeNotFound, yonder.CodeOf(submit(1)), "it takes no tasks")
	_, err = whole.DeleteEndpoint(t.Context(), endpoint)
	require.NoError(t, err)
	g, err := whole.Group(t.Context(), group)
	require.NoError(t, err)
	require.EqualValues(t, 1200, g.Failed)
}
