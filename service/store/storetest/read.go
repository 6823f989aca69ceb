package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

func (b *bench) list(f store.TaskFilter) []yonder.ID {
	b.Helper()
	tasks, err := b.ListTasks(b.Context(), f)
	require.NoError(b, err)
	ids := []yonder.ID{}
	for _, task := range tasks {
		ids = append(ids, task.ID)
	}
	return ids
}

var tasks = []behaviour{
	{"say everything about themselves", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		n := b.bundle(yonder.NewID(), 2)
		n.Label, n.Priority = "first", 3
		spans := spansOf(b.submit(n))
		want := yonder.Task{
			ID: n.ID.Task(1), Group: n.Group, Function: n.Function, Version: 1, Endpoint: b.endpoint, Owner: b.owner,
			Label: "first", State: yonder.RangeOffered, Attempt: 1, Priority: 3, Submitted: b.now,
		}
		require.Equal(b, want, b.task(n.ID.Task(1)))
		b.accept(epoch, spans...)
		b = b.at(time.Second)
		b.report(wire.Report{Epoch: epoch, Started: spans})
		want.State, want.Started = yonder.RangeStarted, &b.now
		require.Equal(b, want, b.task(n.ID.Task(1)))
		b.succeed(epoch, spans...)
		want.State, want.Started, want.Finished = yonder.TaskSucceeded, nil, &b.now
		require.Equal(b, want, b.task(n.ID.Task(1)))
		_, err := b.Task(b.Context(), n.ID.Task(2))
		requireCode(b, yonder.CodeNotFound, err)
		_, err = b.Task(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"are listed newest first, in pages of any size", func(b *bench) {
		epoch := b.live(b.endpoint, 4)
		group := yonder.NewID()
		var want []yonder.ID
		var offered []store.Offered
		for _, n := range []int{3, 1, 4, 1} {
			bundle := b.bundle(group, n)
			offered = append(offered, b.submit(bundle)...)
			for i := range n {
				want = append([]yonder.ID{bundle.ID.Task(i)}, want...)
			}
		}
		first := want[len(want)-1].Bundle()
		b.accept(epoch, offered[0].Lease.Span)
		b.succeed(epoch, wire.Span{Bundle: first, Attempt: 1, Lo: 1, Hi: 2})
		for size := 1; size <= len(want)+1; size++ {
			got := []yonder.ID{}
			page := store.Page{Limit: size}
			for more := true; more; {
				ids := b.list(store.TaskFilter{Owner: b.owner, Page: page})
				got = append(got, ids...)
				if more = len(ids) == size; more {
					page.After = ids[size-1]
				}
			}
			require.Equal(b, want, got, "pages of %d", size)
		}
	}},
	{"are filtered", func(b *bench) {
		epoch := b.live(b.endpoint, 3)
		group := yonder.NewID()
		ids := b.inEveryState(epoch, group)
		other := b.bundle(yonder.NewID(), 1)
		other.Owner = b.other
		other.Endpoint = b.newEndpoint("elsewhere")
		other.Function = yonder.NewID()
		b.submit(other)
		for state, id := range ids {
			require.Equal(b, []yonder.ID{id}, b.list(store.TaskFilter{Owner: b.owner, State: state}))
			require.Equal(b, []yonder.ID{id}, b.list(store.TaskFilter{Group: group, State: state}))
		}
		only := []yonder.ID{other.ID.Task(0)}
		require.Equal(b, only, b.list(store.TaskFilter{Owner: b.other}))
		require.Equal(b, only, b.list(store.TaskFilter{Group: other.Group, Owner: b.other}))
		require.Equal(b, only, b.list(store.TaskFilter{Endpoint: other.Endpoint}))
		require.Equal(b, only, b.list(store.TaskFilter{Function: other.Function}))
		require.Empty(b, b.list(store.TaskFilter{Owner: b.owner, Endpoint: other.Endpoint}))
		require.Empty(b, b.list(store.TaskFilter{Group: group, Owner: b.other}))
		require.Empty(b, b.list(store.TaskFilter{Owner: b.owner, State: yonder.TaskFailed}))
		require.Len(b, b.list(store.TaskFilter{}), 6)
	}},
	{"in one state are found far inside a bundle", func(b *bench) {
		epoch := b.live(b.endpoint, 1000)
		span := b.started(epoch, yonder.NewID(), 300)
		var done []wire.Span
		for i := range 300 {
			if i != 40 {
				done = append(done, wire.Span{Bundle: span.Bundle, Attempt: 1, Lo: i, Hi: i + 1})
			}
		}
		b.succeed(epoch, done...)
		got := b.list(store.TaskFilter{Owner: b.owner, State: yonder.RangeStarted, Page: store.Page{Limit: 5}})
		require.Equal(b, []yonder.ID{span.Bundle.Task(40)}, got)
	}},
	{"belong to groups that count them", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		group := yonder.Group{ID: nextID(), Owner: b.owner, Label: "sweep", Created: b.now, Retention: 3600}
		require.NoError(b, b.CreateGroup(b.Context(), group))
		require.NoError(b, b.CreateGroup(b.Context(), group), "creating it again is harmless")
		stolen := group
		stolen.Owner = b.other
		requireCode(b, yonder.CodeConflict, b.CreateGroup(b.Context(), stolen))
		span := b.started(epoch, group.ID, 3)
		b.succeed(epoch, span)
		got, err := b.Group(b.Context(), group.ID)
		require.NoError(b, err)
		group.Tasks, group.Done, group.Cursor = 3, 3, 1
		require.Equal(b, group, got)
		_, err = b.Group(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)

		newer := yonder.Group{ID: nextID(), Owner: b.owner, Created: b.now, Retention: 60}
		require.NoError(b, b.CreateGroup(b.Context(), newer))
		list, err := b.ListGroups(b.Context(), b.owner, store.Page{Limit: 1})
		require.NoError(b, err)
		require.Equal(b, []yonder.Group{newer}, list)
		list, err = b.ListGroups(b.Context(), b.owner, store.Page{After: newer.ID})
		require.NoError(b, err)
		require.Equal(b, []yonder.Group{group}, list)
	}},
}

var results = []behaviour{
	{"are read from a cursor on", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		group := yonder.NewID()
		span := b.started(epoch, group, 5)
		for i := range 5 {
			b.succeed(epoch, wire.Span{Bundle: span.Bundle, Attempt: 1, Lo: i, Hi: i + 1})
		}
		var got []string
		cursor := int64(0)
		for range 3 {
			page, columns, err := b.GroupResults(b.Context(), group, cursor, 2, 1<<20)
			require.NoError(b, err)
			for i, e := range page.Entries {
				got = append(got, fmt.Sprintf("%d %s", e.Cursor, columns[i]))
			}
			cursor = page.Cursor
		}
		require.Equal(b, []string{"1 value of 0..1", "2 value of 1..2", "3 value of 2..3", "4 value of 3..4", "5 value of 4..5"}, got)
		page, _, err := b.GroupResults(b.Context(), group, 5, 10, 1<<20)
		require.NoError(b, err)
		require.Equal(b, wire.ResultPage{Group: group, Cursor: 5, Entries: []wire.ResultEntry{}}, page)
		_, _, err = b.GroupResults(b.Context(), yonder.NewID(), 0, 10, 1<<20)
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"come in pages of bounded size, but at least one", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		group := yonder.NewID()
		span := b.started(epoch, group, 3)
		for i := range 3 {
			r, _ := successes(epoch, wire.Span{Bundle: span.Bundle, Attempt: 1, Lo: i, Hi: i + 1})
			b.report(r, make([]byte, 1000))
		}
		for maxBytes, want := range map[int]int{1: 1, 1999: 1, 2000: 2, 10_000: 3} {
			page, columns, err := b.GroupResults(b.Context(), group, 0, 10, maxBytes)
			require.NoError(b, err)
			require.Len(b, page.Entries, want)
			require.Len(b, columns, want)
			require.EqualValues(b, want, page.Cursor)
		}
	}},
	{"of one task are found, a chunk's whole", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		span := b.started(epoch, yonder.NewID(), 6)
		_, _, err := b.TaskResult(b.Context(), span.Bundle.Task(3))
		requireCode(b, yonder.CodeNotFound, err)
		b.succeed(epoch, wire.Span{Bundle: span.Bundle, Attempt: 1, Lo: 2, Hi: 5})
		entry, payload, err := b.TaskResult(b.Context(), span.Bundle.Task(3))
		require.NoError(b, err)
		require.Equal(b, []int{2, 5}, []int{entry.Lo, entry.Hi})
		require.Equal(b, "value of 2..5", string(payload))
		for _, i := range []int{1, 5} {
			_, _, err = b.TaskResult(b.Context(), span.Bundle.Task(i))
			requireCode(b, yonder.CodeNotFound, err)
		}
		_, _, err = b.TaskResult(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"of the service itself are in the stream too", func(b *bench) {
		group := yonder.NewID()
		n := b.bundle(group, 3)
		b.submit(n)
		_, _, _, err := b.CancelGroup(b.Context(), group)
		require.NoError(b, err)
		entries, columns := b.results(group)
		require.Len(b, entries, 1)
		require.Equal(b, []int{0, 3}, []int{entries[0].Lo, entries[0].Hi})
		require.Equal(b, wire.OutcomeFailed, entries[0].Outcome)
		require.Equal(b, wire.FormChunk, entries[0].Form)
		require.JSONEq(b, `{"code":"task_cancelled","message":"the task was cancelled; no worker had begun it"}`, string(columns[0]))
	}},
}

var blobs = []behaviour{
	{"are recorded", func(b *bench) {
		want := b.upload(b.owner)
		got, err := b.Blob(b.Context(), want.ID)
		require.NoError(b, err)
		require.Equal(b, want, got)
		requireCode(b, yonder.CodeConflict, b.CreateBlob(b.Context(), want))
		_, err = b.Blob(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"are given for the task whose payload they are", func(b *bench) {
		blob, other := b.upload(b.owner), b.upload(b.owner)
		n := b.bundle(yonder.NewID(), 2)
		n.Blobs = map[int]wire.Blob{1: blob.Blob}
		chunk := b.chunk(n.Group, 3)
		chunk.Blobs = map[int]wire.Blob{0: other.Blob}
		b.submit(n, chunk)
		for task, blob := range map[yonder.ID]wire.Blob{n.ID.Task(1): blob.Blob, chunk.ID.Task(0): other.Blob, chunk.ID.Task(2): other.Blob} {
			record, err := b.TaskBlob(b.Context(), task, blob.ID)
			require.NoError(b, err)
			require.Equal(b, blob, record.Blob)
		}
		thief := b.bundle(n.Group, 1)
		thief.Blobs = map[int]wire.Blob{0: blob.Blob}
		_, err := b.Submit(b.Context(), []store.NewBundle{thief})
		requireCode(b, yonder.CodeNotFound, err)
		for _, c := range []struct{ task, blob yonder.ID }{
			{n.ID.Task(0), blob.ID},
			{n.ID.Task(1), other.ID},
			{chunk.ID.Task(3), other.ID},
			{yonder.NewID(), blob.ID},
		} {
			_, err := b.TaskBlob(b.Context(), c.task, c.blob)
			requireCode(b, yonder.CodeNotFound, err)
		}
		owner, err := b.BundleOwner(b.Context(), n.ID)
		require.NoError(b, err)
		require.Equal(b, b.owner, owner)
		_, err = b.BundleOwner(b.Context(), yonder.NewID())
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"that nothing refers to are orphans", func(b *bench) {
		orphan, used := b.upload(b.owner), b.upload(b.owner)
		late := b.at(time.Hour).upload(b.owner)
		n := b.bundle(yonder.NewID(), 1)
		n.Blobs = map[int]wire.Blob{0: used.Blob}
		b.submit(n)
		list, err := b.Orphans(b.Context(), b.now.Add(time.Minute), 10)
		require.NoError(b, err)
		require.Equal(b, []store.BlobRecord{orphan}, list)
		require.NoError(b, b.DeleteBlob(b.Context(), orphan.ID))
		requireCode(b, yonder.CodeNotFound, b.DeleteBlob(b.Context(), orphan.ID))
		requireCode(b, yonder.CodeConflict, b.DeleteBlob(b.Context(), used.ID))
		list, err = b.Orphans(b.Context(), b.now.Add(2*time.Hour), 10)
		require.NoError(b, err)
		require.Equal(b, []store.BlobRecord{late}, list)
	}},
}

var upkeep = []behaviour{
	{"counts tasks and sessions by state", func(b *bench) {
		epoch := b.live(b.endpoint, 3)
		b.inEveryState(epoch, yonder.NewID())
		counts, err := b.Counts(b.Context())
		require.NoError(b, err)
		require.Equal(b, map[yonder.State]int64{
			yonder.RangeQueued: 1, yonder.RangeOffered: 1, yonder.RangeAccepted: 1, yonder.RangeStarted: 1, yonder.SessionLive: 1,
		}, counts)
	}},
	{"lets replicas find each other", func(b *bench) {
		one := store.Replica{ID: nextID(), Addr: "10.0.0.1:4222", Seen: b.now}
		two := store.Replica{ID: nextID(), Addr: "10.0.0.2:4222", Seen: b.now}
		require.NoError(b, b.PutReplica(b.Context(), one))
		require.NoError(b, b.replica.PutReplica(b.Context(), two))
		one.Seen = b.now.Add(time.Minute)
		require.NoError(b, b.PutReplica(b.Context(), one))
		list, err := b.replica.ListReplicas(b.Context(), b.now.Add(-time.Second))
		require.NoError(b, err)
		require.Equal(b, []store.Replica{one, two}, list)
		list, err = b.ListReplicas(b.Context(), b.now)
		require.NoError(b, err)
		require.Equal(b, []store.Replica{one}, list)
		require.NoError(b, b.DeleteReplica(b.Context(), one.ID))
		require.NoError(b, b.DeleteReplica(b.Context(), one.ID))
		list, err = b.ListReplicas(b.Context(), b.now)
		require.NoError(b, err)
		require.Empty(b, list)
	}},
}
