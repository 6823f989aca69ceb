package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// of gives a bundle to another owner.
func of(owner yonder.ID, n store.NewBundle) store.NewBundle {
	n.Owner = owner
	return n
}

// given counts the tasks of offers by bundle.
func given(offered []store.Offered) map[yonder.ID]int {
	n := map[yonder.ID]int{}
	for _, o := range offered {
		n[o.Lease.Bundle] += o.Lease.Tasks()
	}
	return n
}

var fairness = []behaviour{
	{"lets one task of one owner not wait for all of another's", func(b *bench) {
		epoch := b.live(b.endpoint, 4)
		many := b.bundle(yonder.NewID(), 1000)
		many.Priority = 9
		first := spansOf(b.submit(many))
		b.accept(epoch, first...)
		one := of(b.other, b.bundle(yonder.NewID(), 1))
		require.Empty(b, b.submit(one), "there is no room")
		b.succeed(epoch, wire.Span{Bundle: many.ID, Attempt: 1, Lo: 0, Hi: 1})
		require.Equal(b, map[yonder.ID]int{one.ID: 1}, given(b.claim()))
	}},
	{"gives everything to one who is alone", func(b *bench) {
		n := b.wait(b.bundle(yonder.NewID(), 300))
		b.live(b.endpoint, 200)
		require.Equal(b, map[yonder.ID]int{n.ID: 200}, given(b.claim()))
	}},
	{"shares the places by weight", func(b *bench) {
		heavy, light := b.bundle(yonder.NewID(), 500), of(b.other, b.bundle(yonder.NewID(), 500))
		heavy.Bounds.Owner.Weight = 3
		b.wait(heavy)
		b.wait(light)
		b.live(b.endpoint, 80)
		offered := b.claim()
		require.Equal(b, map[yonder.ID]int{heavy.ID: 60, light.ID: 20}, given(offered))
		for _, o := range offered {
			require.Equal(b, map[yonder.ID]int64{heavy.ID: 3, light.ID: 0}[o.Lease.Bundle], o.Lease.Weight)
		}
	}},
	{"tells a weight with what is offered at once", func(b *bench) {
		b.live(b.endpoint, 80)
		heavy := b.bundle(yonder.NewID(), 5)
		heavy.Bounds.Owner.Weight = 3
		require.EqualValues(b, 3, b.submit(heavy)[0].Lease.Weight)
	}},
	{"takes turns where there is one place", func(b *bench) {
		mine, theirs := b.wait(b.bundle(yonder.NewID(), 10)), b.wait(of(b.other, b.bundle(yonder.NewID(), 10)))
		epoch := b.live(b.endpoint, 1)
		turns := map[yonder.ID]int{}
		for range 10 {
			span := spansOf(b.claim())[0]
			turns[span.Bundle]++
			b.accept(epoch, span)
			b.succeed(epoch, span)
		}
		require.Equal(b, map[yonder.ID]int{mine.ID: 5, theirs.ID: 5}, turns)
	}},
	{"goes by priority and age within an owner", func(b *bench) {
		low, high := b.bundle(yonder.NewID(), 5), b.bundle(yonder.NewID(), 5)
		high.Priority = 1
		other := of(b.other, b.bundle(yonder.NewID(), 5))
		for _, n := range []store.NewBundle{low, high, other} {
			b.wait(n)
		}
		b.live(b.endpoint, 8)
		require.Equal(b, map[yonder.ID]int{high.ID: 4, other.ID: 4}, given(b.claim()))
	}},
	{"waits for whoever's turn it is, however large their bundle", func(b *bench) {
		epoch := b.live(b.endpoint, 4)
		small := b.bundle(yonder.NewID(), 10)
		spans := spansOf(b.submit(small))
		b.accept(epoch, spans...)
		whole := b.wait(of(b.other, b.chunk(yonder.NewID(), 4)))
		for i := range 4 {
			require.Empty(b, b.claim(), "the chunk is next, and does not fit")
			b.succeed(epoch, wire.Span{Bundle: small.ID, Attempt: 1, Lo: i, Hi: i + 1})
		}
		require.Equal(b, map[yonder.ID]int{whole.ID: 4}, given(b.claim()))
	}},
	{"gives nobody more than may run at a time", func(b *bench) {
		n := b.bundle(yonder.NewID(), 10)
		n.Bounds.Owner.RunningTasks = 3
		epoch := b.live(b.endpoint, 100)
		spans := spansOf(b.submit(n))
		require.Equal(b, []wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 3, Grant: 1}}, spans)
		more := b.bundle(n.Group, 2)
		more.Bounds = n.Bounds
		require.Empty(b, b.submit(more))
		require.Empty(b, b.claim())
		free := b.wait(of(b.other, b.bundle(yonder.NewID(), 2)))
		require.Equal(b, map[yonder.ID]int{free.ID: 2}, given(b.claim()), "who may run more is not held up")
		b.accept(epoch, spans...)
		b.succeed(epoch, wire.Span{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 2})
		require.Equal(b, map[yonder.ID]int{n.ID: 2}, given(b.claim()))
	}},
	{"reaches every one of many owners", func(b *bench) {
		waiting := map[yonder.ID]bool{}
		for i := range 40 {
			owner := yonder.NewID()
			n := of(owner, b.bundle(yonder.NewID(), 3))
			n.Priority = i
			waiting[b.wait(n).ID] = true
		}
		epoch := b.live(b.endpoint, 4)
		for range 40 / 4 {
			for _, span := range spansOf(b.claim()) {
				delete(waiting, span.Bundle)
				b.accept(epoch, span)
				b.succeed(epoch, span)
			}
		}
		require.Empty(b, waiting)
	}},
}

// refusedBy returns which limit a submission runs into.
func (b *bench) refusedBy(n store.NewBundle) *yonder.Reached {
	b.Helper()
	_, err := b.Submit(b.Context(), []store.NewBundle{n})
	requireCode(b, yonder.CodeLimitReached, err)
	return yonder.Public(err).Reached
}

var limits = []behaviour{
	{"hold tasks, bytes and bundles of an owner", func(b *bench) {
		n := b.bundle(yonder.NewID(), 4)
		n.Bounds.Owner = yonder.Allowance{QueuedTasks: 5, QueuedBytes: 100, Bundles: 2}
		b.wait(n)
		more := b.bundle(n.Group, 2)
		more.Bounds = n.Bounds
		require.Equal(b, &yonder.Reached{Limit: yonder.LimitQueuedTasks, Current: 4, Maximum: 5}, b.refusedBy(more))
		large := b.bundle(n.Group, 1)
		large.Bounds, large.Payloads[0] = n.Bounds, make([]byte, 90)
		require.Equal(b, yonder.LimitQueuedBytes, b.refusedBy(large).Limit)
		large.Group = yonder.NewID()
		b.wait(of(b.other, large))
		one := b.bundle(n.Group, 1)
		one.Bounds = n.Bounds
		b.wait(one)
		third := b.bundle(n.Group, 1)
		third.Bounds.Owner.Bundles = 2
		require.Equal(b, &yonder.Reached{Limit: yonder.LimitBundles, Current: 2, Maximum: 2}, b.refusedBy(third))

		submitted, err := b.Submit(b.Context(), []store.NewBundle{n})
		require.NoError(b, err, "what is there already is no addition")
		require.True(b, submitted.Bundles[0].Duplicate)
		usage, err := b.Usage(b.Context(), b.owner)
		require.NoError(b, err)
		require.Equal(b, store.Usage{QueuedTasks: 5, QueuedBytes: 4*9 + 9, Bundles: 2}, usage)
	}},
	{"hold what waits at an endpoint for all", func(b *bench) {
		n := b.bundle(yonder.NewID(), 4)
		n.Bounds.Endpoint = yonder.Allowance{QueuedTasks: 6}
		b.wait(n)
		other := of(b.other, b.bundle(yonder.NewID(), 3))
		other.Bounds = n.Bounds
		require.Equal(b, &yonder.Reached{Limit: yonder.LimitQueuedTasks, Current: 4, Maximum: 6}, b.refusedBy(other))
		usage, err := b.EndpointUsage(b.Context(), b.endpoint)
		require.NoError(b, err)
		require.EqualValues(b, 4, usage.QueuedTasks)
	}},
	{"let through what does not wait", func(b *bench) {
		b.live(b.endpoint, 10)
		n := b.bundle(yonder.NewID(), 8)
		n.Bounds.Owner.QueuedTasks = 1
		require.Equal(b, map[yonder.ID]int{n.ID: 8}, given(b.submit(n)))
	}},
	{"count back when tasks end", func(b *bench) {
		n := b.wait(b.bundle(yonder.NewID(), 4))
		_, _, _, err := b.CancelTask(b.Context(), n.ID.Task(1))
		require.NoError(b, err)
		usage, err := b.Usage(b.Context(), b.owner)
		require.NoError(b, err)
		require.Equal(b, store.Usage{QueuedTasks: 3, QueuedBytes: 27, Bundles: 1}, usage)
		_, _, _, err = b.CancelGroup(b.Context(), n.Group)
		require.NoError(b, err)
		usage, err = b.Usage(b.Context(), b.owner)
		require.NoError(b, err)
		require.Zero(b, usage)
	}},
	{"are kept for identities and endpoints", func(b *bench) {
		want := yonder.Allowance{QueuedTasks: 7, Weight: 2}
		got, err := b.Limits(b.Context(), b.owner)
		require.NoError(b, err)
		require.Zero(b, got)
		require.NoError(b, b.SetLimits(b.Context(), b.owner, yonder.Allowance{Streams: 1}, yonder.Allowance{}))
		require.NoError(b, b.SetLimits(b.Context(), b.owner, want, want))
		got, err = b.replica.Limits(b.Context(), b.owner)
		require.NoError(b, err)
		require.Equal(b, want, got)
	}},
	{"count at once for what waits already", func(b *bench) {
		n, other := b.wait(b.bundle(yonder.NewID(), 50)), b.wait(of(b.other, b.bundle(yonder.NewID(), 50)))
		holds := yonder.Allowance{Weight: 3, RunningTasks: 12}
		require.NoError(b, b.SetLimits(b.Context(), b.owner, holds, holds))
		b.live(b.endpoint, 20)
		require.Equal(b, map[yonder.ID]int{n.ID: 12, other.ID: 8}, given(b.claim()))
	}},
	{"bound what uploads take", func(b *bench) {
		blob := b.upload(b.owner)
		record := store.BlobRecord{Blob: wire.Blob{ID: nextID(), Size: 50}, Owner: b.owner, Created: b.now, Most: blob.Size + 49}
		err := b.CreateBlob(b.Context(), record)
		requireCode(b, yonder.CodeLimitReached, err)
		require.Equal(b, &yonder.Reached{Limit: yonder.LimitBlobBytes, Current: blob.Size, Maximum: blob.Size + 49}, yonder.Public(err).Reached)
		require.NoError(b, b.DeleteBlob(b.Context(), blob.ID))
		require.NoError(b, b.CreateBlob(b.Context(), record))
		all, err := b.BlobBytes(b.Context())
		require.NoError(b, err)
		require.EqualValues(b, 50, all)
	}},
}
