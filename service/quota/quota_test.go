package quota_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/quota"
	"github.com/yonder-run/yonder/service/store"
)

var ada, bob = yonder.ID{1}, yonder.ID{2}

func TestACounterBoundsEachIdentity(t *testing.T) {
	t.Parallel()
	var c quota.Counter
	take := func(id yonder.ID) (func(), error) { return c.Take(id, 2, yonder.LimitStreams, "of yours are open") }
	first, err := take(ada)
	require.NoError(t, err)
	_, err = take(ada)
	require.NoError(t, err)
	_, err = take(ada)
	require.Equal(t, &yonder.Reached{Limit: yonder.LimitStreams, Current: 2, Maximum: 2}, yonder.Public(err).Reached)
	_, err = take(bob)
	require.NoError(t, err, "others have their own")
	first()
	first()
	_, err = take(ada)
	require.NoError(t, err)
	_, err = take(ada)
	require.Error(t, err, "releasing twice gives back once")
}

func TestMemoryIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := quota.NewMemory(100, 40)
		take := func(id yonder.ID, n int64) (func(), error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			return m.Acquire(ctx, id, n)
		}
		release, err := take(ada, 40)
		require.NoError(t, err)
		_, err = take(ada, 1)
		require.Equal(t, yonder.LimitRequestBytes, yonder.Public(err).Reached.Limit)
		require.ErrorContains(t, err, "your other requests")
		_, err = take(bob, 1000)
		require.NoError(t, err, "more than its part takes all of it")
		_, err = take(yonder.ID{3}, 40)
		require.ErrorContains(t, err, "requests of all")
		go func() {
			<-time.After(time.Second / 2)
			release()
		}()
		_, err = take(ada, 20)
		require.NoError(t, err, "who waits a little gets what is freed")
	})
}

// records counts how often it is asked.
type records struct {
	limits map[yonder.ID]yonder.Allowance
	usage  store.Usage
	blobs  int64
	reads  int
}

func (r *records) Limits(_ context.Context, subject yonder.ID) (yonder.Allowance, error) {
	r.reads++
	return r.limits[subject], nil
}

func (r *records) Usage(context.Context, yonder.ID) (store.Usage, error) {
	r.reads++
	return r.usage, nil
}

func (r *records) BlobBytes(context.Context) (int64, error) { return r.blobs, nil }

func TestLimitsThatAreSetGoBeforeConfiguredOnes(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	r := &records{limits: map[yonder.ID]yonder.Allowance{ada: {QueuedTasks: 7}}}
	l := quota.Limits{Records: r, Identity: yonder.Allowance{QueuedTasks: 3, Bundles: 5}, Now: func() time.Time { return now }}
	for range 3 {
		got, err := l.Of(t.Context(), ada)
		require.NoError(t, err)
		require.Equal(t, yonder.Allowance{QueuedTasks: 7, Bundles: 5}, got)
	}
	require.Equal(t, 1, r.reads, "they are remembered for a while")
	r.limits[ada] = yonder.Allowance{}
	l.Forget(ada)
	got, err := l.Of(t.Context(), ada)
	require.NoError(t, err)
	require.Equal(t, l.Identity, got)
	now = now.Add(time.Minute)
	r.limits[ada] = yonder.Allowance{Bundles: 1}
	got, err = l.Of(t.Context(), ada)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Bundles)
}

func TestRoomOverAllEndpoints(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	r := &records{usage: store.Usage{QueuedTasks: 5}}
	l := quota.Limits{Records: r, Now: func() time.Time { return now }}
	limits := yonder.Allowance{QueuedTasks: 10}
	for range 5 {
		require.NoError(t, l.Room(t.Context(), ada, limits, store.Usage{QueuedTasks: 1}))
	}
	require.Equal(t, 1, r.reads, "what is admitted is added to what was read")
	r.usage.QueuedTasks = 10
	err := l.Room(t.Context(), ada, limits, store.Usage{QueuedTasks: 1})
	require.Equal(t, &yonder.Reached{Limit: yonder.LimitQueuedTasks, Current: 10, Maximum: 10}, yonder.Public(err).Reached)
	r.usage.QueuedTasks = 2
	require.NoError(t, l.Room(t.Context(), ada, limits, store.Usage{QueuedTasks: 1}), "nobody is refused for what is over")
	require.NoError(t, l.Room(t.Context(), bob, yonder.Allowance{}, store.Usage{QueuedTasks: 1 << 40}), "without a limit")
}

func TestDisk(t *testing.T) {
	t.Parallel()
	r := &records{usage: store.Usage{BlobBytes: 99}, blobs: 500}
	l := quota.Limits{Records: r, Identity: yonder.Allowance{BlobBytes: 100}, Now: time.Now}
	most, err := l.Disk(t.Context(), ada)
	require.NoError(t, err)
	require.EqualValues(t, 100, most)
	l.Blobs = 500
	_, err = l.Disk(t.Context(), ada)
	require.ErrorContains(t, err, "all users")
	r.usage.BlobBytes = 100
	_, err = l.Disk(t.Context(), ada)
	require.Equal(t, yonder.LimitBlobBytes, yonder.Public(err).Field)
}
