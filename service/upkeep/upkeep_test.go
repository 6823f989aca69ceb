package upkeep

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/service/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

func TestAJobIsDoneAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		trouble := map[int64]error{15: errors.New("trouble")}
		j := &Job{Name: "count", Every: time.Second, Log: discard, Do: func(context.Context) (bool, error) {
			n := runs.Add(1)
			return n%10 != 0, trouble[n]
		}}
		require.NoError(t, j.Start(t.Context()))
		<-time.After(1500 * time.Millisecond)
		synctest.Wait()
		require.EqualValues(t, 10, runs.Load(), "what is more is done at once, until there is no more")
		<-time.After(time.Second)
		synctest.Wait()
		require.EqualValues(t, 15, runs.Load(), "a failure waits for the next turn")
		j.Stop()
		<-time.After(time.Minute)
		require.EqualValues(t, 15, runs.Load())
	})
}

func TestStress(t *testing.T) {
	t.Parallel()
	startstoptest.Stress(t, &Job{Every: time.Millisecond, Log: discard, Do: func(context.Context) (bool, error) { return false, nil }})
}

// world notes what the jobs do.
type world struct {
	silence, expire, sweep time.Time
	retire, tokens, trim   time.Time
	memoBytes              int64
	unused                 time.Time
	records                time.Duration
	retired                store.Retired
	wake                   time.Time
	stops                  []store.Stop
	woken                  store.Woken
	resent                 int
	expired, swept         int
}

func (w *world) Silence(_ context.Context, now time.Time, patience time.Duration) (int, error) {
	w.silence = now.Add(-patience)
	return 1, nil
}

func (w *world) ExpireTasks(_ context.Context, now time.Time, _ int) (int, []store.Stop, store.Woken, error) {
	w.expire = now
	return w.expired, []store.Stop{{Epoch: 7}}, store.Woken{{1}}, nil
}

func (w *world) WakeTasks(_ context.Context, now time.Time, _ int) (int, error) {
	w.wake = now
	return 0, nil
}

func (w *world) Sweep(_ context.Context, before time.Time, _ int) (int, error) {
	w.sweep = before
	return w.swept, nil
}

func (w *world) Retire(_ context.Context, now time.Time, records time.Duration, _ int) (store.Retired, error) {
	w.retire, w.records = now, records
	return store.Retired{Results: 2, More: true}, nil
}

func (w *world) DeleteOldTokens(_ context.Context, before time.Time, _ int) (int, error) {
	w.tokens = before
	return 1, nil
}

func (w *world) DeleteUnusedFunctions(_ context.Context, before, now time.Time, _ int) (int, bool, error) {
	w.unused = before
	return 1, now.After(before), nil
}

func (w *world) TrimMemos(_ context.Context, before time.Time, bytes int64, _ int) (int, error) {
	w.trim, w.memoBytes = before, bytes
	return memoLimit, nil
}

func (w *world) Tidy(context.Context, time.Time) (bool, error) { return true, nil }

func (w *world) Resend(context.Context) error {
	w.resent++
	return nil
}

func (w *world) StopTasks(_ context.Context, stops []store.Stop) { w.stops = append(w.stops, stops...) }

func TestJobs(t *testing.T) {
	t.Parallel()
	w := &world{expired: expireLimit, swept: 3}
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	jobs := map[string]*Job{}
	for _, j := range Jobs(Config{
		Store: w, Blobs: w, Dispatcher: w, Silence: 15 * time.Second, Log: discard,
		Records: time.Hour, MemoUnused: time.Minute, MemoBytes: 7, Retired: func(r store.Retired) { w.retired = r },
		Wake: func(groups store.Woken) { w.woken = groups }, Now: func() time.Time { return now },
	}) {
		jobs[j.Name] = j
	}
	do := func(name string) bool {
		more, err := jobs[name].Do(t.Context())
		require.NoError(t, err)
		return more
	}
	require.False(t, do("silence"))
	require.Equal(t, now.Add(-15*time.Second), w.silence)
	require.True(t, do("expire"), "a full batch means that there is more")
	require.Equal(t, now, w.expire)
	require.EqualValues(t, 7, w.stops[0].Epoch)
	require.Equal(t, store.Woken{yonder.ID{1}}, w.woken)
	require.False(t, do("orphans"))
	require.Equal(t, now.Add(-orphanAge), w.sweep)
	require.False(t, do("resend"))
	require.Equal(t, 1, w.resent)
	require.Equal(t, now, w.wake, "what has rested is offered with the rest")
	require.Equal(t, 3*time.Second, jobs["silence"].Every)
	require.True(t, do("retire"))
	require.Equal(t, now, w.retire)
	require.Equal(t, time.Hour, w.records)
	require.Equal(t, 2, w.retired.Results)
	require.False(t, do("tokens"))
	require.Equal(t, now.Add(-time.Hour), w.tokens)
	require.True(t, do("functions"))
	require.Equal(t, now.Add(-time.Hour), w.unused)
	require.True(t, do("memos"), "a full batch means that there is more")
	require.Equal(t, now.Add(-time.Minute), w.trim)
	require.EqualValues(t, 7, w.memoBytes)
	require.True(t, do("tidy"))
}
