package storetest

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

const (
	day     = 24 * time.Hour
	records = 90 * day
)

// retire does what time demands until there is no more to do.
func (b *bench) retire() store.Retired {
	b.Helper()
	var all store.Retired
	for more := true; more; {
		one, err := b.Retire(b.Context(), b.now, records, 10)
		require.NoError(b, err)
		all.Results, all.Records, all.Groups = all.Results+one.Results, all.Records+one.Records, all.Groups+one.Groups
		more = one.More
	}
	return all
}

// later moves the clock on, in place.
func (b *bench) later(d time.Duration) { b.now = b.now.Add(d) }

// finished runs n tasks of a group to their results.
func (b *bench) finished(epoch int64, group yonder.ID, n int) yonder.ID {
	b.Helper()
	span := b.started(epoch, group, n)
	for i := range n {
		b.succeed(epoch, wire.Span{Bundle: span.Bundle, Attempt: 1, Lo: i, Hi: i + 1})
	}
	return span.Bundle
}

var retention = []behaviour{
	{"keeps results for their time, then their records, then nothing", func(b *bench) {
		epoch, group := b.live(b.endpoint, 100), yonder.NewID()
		bundle := b.finished(epoch, group, 3)
		b.later(14*day - time.Second)
		require.Zero(b, b.retire())
		_, payload, err := b.TaskResult(b.Context(), bundle.Task(1))
		require.NoError(b, err)
		require.NotEmpty(b, payload)

		b.later(time.Second)
		require.Equal(b, store.Retired{Results: 3}, b.retire())
		_, _, err = b.TaskResult(b.Context(), bundle.Task(1))
		requireCode(b, yonder.CodeResultExpired, err)
		require.ErrorContains(b, err, clock.Add(14*day).Format(time.RFC3339))
		task := b.task(bundle.Task(1))
		require.Equal(b, yonder.TaskSucceeded, task.State)
		require.NotNil(b, task.Finished)
		require.Equal(b, b.function.ID, task.Function)

		b.later(records - 14*day)
		require.Equal(b, store.Retired{Records: 3, Groups: 1}, b.retire())
		_, err = b.Task(b.Context(), bundle.Task(1))
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.Group(b.Context(), group)
		requireCode(b, yonder.CodeNotFound, err)
		require.Zero(b, b.retire())
	}},
	{"leaves streams without gaps", func(b *bench) {
		epoch, group := b.live(b.endpoint, 100), yonder.NewID()
		old := b.finished(epoch, group, 2)
		b.later(10 * day)
		young := b.finished(epoch, group, 2)
		b.later(5 * day)
		b.retire()
		entries, columns := b.results(group)
		require.Len(b, entries, 4)
		for i, e := range entries {
			require.EqualValues(b, i+1, e.Cursor)
			expired := e.Bundle == old
			require.Equal(b, expired, e.Outcome == wire.OutcomeFailed)
			require.Equal(b, expired, !isValue(columns[i]))
		}
		require.Equal(b, young, entries[3].Bundle)
		g, err := b.Group(b.Context(), group)
		require.NoError(b, err)
		require.Equal(b, []int64{2, 0, 4}, []int64{g.Expired, g.Forgotten, g.Cursor})

		b.later(records - 15*day) // the old ones' records are over
		b.retire()
		_, _, err = b.GroupResults(b.Context(), group, 0, 10, 1<<20)
		requireCode(b, yonder.CodeResultExpired, err)
		require.ErrorContains(b, err, "up to cursor 2")
		page, _, err := b.GroupResults(b.Context(), group, 2, 10, 1<<20)
		require.NoError(b, err)
		require.Len(b, page.Entries, 2)
		_, _, err = b.GroupResults(b.Context(), group, 5, 10, 1<<20)
		requireCode(b, yonder.CodeResultExpired, err)
	}},
	{"is the group's, and only grows", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		group := yonder.Group{ID: nextID(), Owner: b.owner, Created: b.now, Retention: 3600}
		require.NoError(b, b.CreateGroup(b.Context(), group))
		ask := func(group yonder.ID, retention time.Duration) int64 {
			n := b.bundle(group, 1)
			n.Retention, n.Bounds.Retention = retention, 2*day
			span := spansOf(b.submit(n))
			b.accept(epoch, span...)
			b.succeed(epoch, span...)
			g, err := b.Group(b.Context(), group)
			require.NoError(b, err)
			return g.Retention
		}
		require.EqualValues(b, 3600, ask(group.ID, 0))
		require.EqualValues(b, 3600, ask(group.ID, time.Minute))
		require.EqualValues(b, 7200, ask(group.ID, 2*time.Hour))
		require.EqualValues(b, 2*86400, ask(yonder.NewID(), 0))
		short := yonder.NewID()
		require.EqualValues(b, 60, ask(short, time.Minute))
		b.later(time.Hour)
		require.Equal(b, store.Retired{Results: 1}, b.retire())
		b.later(time.Hour)
		require.Equal(b, store.Retired{Results: 3}, b.retire())
	}},
	{"leaves what is undone", func(b *bench) {
		epoch, group := b.live(b.endpoint, 2), yonder.NewID()
		n := b.bundle(group, 3)
		half := spansOf(b.submit(n))[0]
		rest := half
		half.Hi, rest.Lo = 1, 1
		b.accept(epoch, half)
		b.succeed(epoch, half)
		b.later(2 * records)
		require.Equal(b, store.Retired{Results: 1, Records: 1}, b.retire())
		require.Equal(b, yonder.RangeOffered, b.task(n.ID.Task(1)).State)
		b.accept(epoch, rest)
		b.succeed(epoch, rest)
		require.Equal(b, n.Payloads[2:], b.claim()[0].Payloads)
		page, _, err := b.GroupResults(b.Context(), group, 1, 10, 1<<20)
		require.NoError(b, err)
		require.EqualValues(b, 2, page.Entries[0].Cursor)
	}},
	{"forgets groups that were never used", func(b *bench) {
		require.NoError(b, b.CreateGroup(b.Context(), yonder.Group{ID: nextID(), Owner: b.owner, Created: b.now}))
		b.later(records - time.Second)
		require.Zero(b, b.retire())
		b.later(time.Second)
		require.Equal(b, store.Retired{Groups: 1}, b.retire())
	}},
	{"drops payloads at once, and frees large ones", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		argument, result := b.upload(b.owner), b.upload(b.owner)
		n := b.bundle(yonder.NewID(), 1)
		n.Blobs = map[int]wire.Blob{0: argument.Blob}
		spans := spansOf(b.submit(n))
		b.accept(epoch, spans...)
		report, columns := successes(epoch, spans...)
		report.Results[0].Blob, columns[0] = &result.Blob, nil
		b.report(report, columns...)
		orphans := func() (ids []yonder.ID) {
			list, err := b.Orphans(b.Context(), b.now.Add(-day), 10)
			require.NoError(b, err)
			for _, o := range list {
				ids = append(ids, o.ID)
			}
			return ids
		}
		require.Equal(b, []yonder.ID{argument.ID}, orphans())
		b.later(14 * day)
		b.retire()
		require.ElementsMatch(b, []yonder.ID{argument.ID, result.ID}, orphans())
	}},
	{"goes on by the clock whatever is done beside it", retireAtRandom},
	{"deletes tokens that ended long ago", func(b *bench) {
		expires := b.now.Add(time.Hour)
		old := yonder.Token{ID: nextID(), Identity: b.owner, Scopes: []string{yonder.ScopeRead}, Created: b.now, Expires: &expires}
		live := yonder.Token{ID: nextID(), Identity: b.owner, Scopes: []string{yonder.ScopeRead}, Created: b.now}
		require.NoError(b, b.CreateToken(b.Context(), old, []byte("hash")))
		require.NoError(b, b.CreateToken(b.Context(), live, []byte("hash")))
		n, err := b.DeleteOldTokens(b.Context(), expires.Add(time.Second), 10)
		require.NoError(b, err)
		require.Equal(b, 1, n)
		_, err = b.TokenRecord(b.Context(), old.ID)
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.TokenRecord(b.Context(), live.ID)
		require.NoError(b, err)
	}},
	{"tells the size of the database", func(b *bench) {
		size, err := b.Size(b.Context())
		require.NoError(b, err)
		require.Positive(b, size.Bytes)
		_, err = b.Tidy(b.Context(), b.now.Add(day))
		require.NoError(b, err)
	}},
}

// isValue says whether a value is one that a test reported.
func isValue(payload []byte) bool { return len(payload) > 0 && payload[0] == 'v' }

// retireAtRandom submits, finishes and lets time pass in any order, and looks
// after each step whether everything is there that should be, and nothing else.
func retireAtRandom(b *bench) {
	random := rand.New(rand.NewPCG(uint64(clock.UnixNano()), 1))
	epoch := b.live(b.endpoint, 1000)
	type done struct {
		task, group yonder.ID
		accepted    time.Time
		retention   time.Duration
	}
	var all []done
	groups := map[yonder.ID]time.Duration{}
	for range 3 {
		days := 1 + random.IntN(20)
		group := yonder.Group{ID: nextID(), Owner: b.owner, Created: b.now, Retention: int64(days) * int64(day/time.Second)}
		groups[group.ID] = time.Duration(days) * day
		require.NoError(b, b.CreateGroup(b.Context(), group))
	}
	waiting := b.wait(func() store.NewBundle {
		n := b.bundle(nextID(), 1)
		n.Endpoint = b.newEndpoint("offline")
		return n
	}())
	for step := range 60 {
		for id, keep := range groups {
			if _, err := b.Group(b.Context(), id); err == nil && random.IntN(2) == 0 {
				bundle := b.finished(epoch, id, 1+random.IntN(3))
				all = append(all, done{task: bundle.Task(0), group: id, accepted: b.now, retention: keep})
			}
		}
		b.later(time.Duration(random.IntN(5*24)) * time.Hour)
		b.retire()
		for _, d := range all {
			what := fmt.Sprintf("step %d: task %s of %s", step, d.task, d.accepted)
			_, _, err := b.TaskResult(b.Context(), d.task)
			switch age := b.now.Sub(d.accepted); {
			case age < d.retention:
				require.NoError(b, err, what)
			case age < records:
				require.Equal(b, yonder.CodeResultExpired, yonder.CodeOf(err), what)
			default:
				require.Equal(b, yonder.CodeNotFound, yonder.CodeOf(err), what)
			}
		}
		require.Equal(b, yonder.RangeQueued, b.task(waiting.ID.Task(0)).State)
	}
}
