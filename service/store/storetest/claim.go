package storetest

import (
	"bytes"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// wait submits a bundle while no session is there, so that it is queued.
func (b *bench) wait(n store.NewBundle) store.NewBundle {
	b.Helper()
	require.Empty(b, b.submit(n))
	return n
}

func (b *bench) at(d time.Duration) *bench {
	later := *b
	later.now = b.now.Add(d)
	return &later
}

var claims = []behaviour{
	{"go by priority, then by time", func(b *bench) {
		var bundles []store.NewBundle
		for i, priority := range []int{0, 5, 5, -1} {
			n := b.bundle(yonder.NewID(), 1)
			n.Priority, n.Submitted = priority, b.now.Add(-time.Duration(i)*time.Second)
			bundles = append(bundles, b.wait(n))
		}
		b.live(b.endpoint, 10)
		var got []yonder.ID
		for _, o := range b.claim() {
			got = append(got, o.Lease.Bundle)
		}
		require.Equal(b, []yonder.ID{bundles[2].ID, bundles[1].ID, bundles[0].ID, bundles[3].ID}, got)
		require.Empty(b, b.claim())
	}},
	{"take what credit in tasks allows", func(b *bench) {
		n := b.wait(b.bundle(yonder.NewID(), 5))
		epoch := b.live(b.endpoint, 3)
		first := b.claim()
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 3}}, spansOf(first))
		require.Equal(b, n.Payloads[:3], first[0].Payloads)
		require.Empty(b, b.claim())
		b.accept(epoch, spansOf(first)...)
		require.Empty(b, b.claim(), "accepted tasks still count")
		b.succeed(epoch, wire.Span{Bundle: n.ID, Attempt: 1, Lo: 1, Hi: 3})
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 3, Hi: 5}}, spansOf(b.claim()))
	}},
	{"take what credit in bytes allows, and one task of any size", func(b *bench) {
		n := b.bundle(yonder.NewID(), 4)
		for i := range n.Payloads {
			n.Payloads[i] = make([]byte, 400)
		}
		b.wait(n)
		capacity := func(bytes int64) wire.Capacity { return wire.Capacity{Tasks: 10, Bytes: bytes} }
		epoch := b.live(b.endpoint, 10)
		beat := wire.Heartbeat{Epoch: epoch, Capacity: capacity(900 + 2<<10)}
		_, _, err := b.Heartbeat(b.Context(), b.endpoint, beat, b.now)
		require.NoError(b, err)
		spans := spansOf(b.claim())
		require.Equal(b, 2, spans[0].Hi)
		b.accept(epoch, spans...)
		require.Empty(b, b.succeed(epoch, spans...))
		beat.Capacity = capacity(100)
		_, _, err = b.Heartbeat(b.Context(), b.endpoint, beat, b.now)
		require.NoError(b, err)
		spans = spansOf(b.claim())
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 2, Hi: 3}}, spans)
		require.Empty(b, b.claim())
	}},
	{"fill a frame and no more", func(b *bench) {
		n := b.bundle(yonder.NewID(), 10)
		for i := range n.Payloads {
			n.Payloads[i] = make([]byte, 1000)
		}
		b.wait(n)
		small := b.wait(b.bundle(yonder.NewID(), 1))
		b.live(b.endpoint, 100)
		claim := func(maxBytes int) []wire.Span {
			offered, err := b.Claim(b.Context(), b.endpoint, maxBytes, b.now)
			require.NoError(b, err)
			return spansOf(offered)
		}
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 3}}, claim(4000), "the small one does not overtake")
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 3, Hi: 4}}, claim(10), "something always goes")
		rest := claim(1 << 20)
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 4, Hi: 10}, {Bundle: small.ID, Attempt: 1, Lo: 0, Hi: 1}}, rest)
	}},
	{"reach over the pages of a large bundle", func(b *bench) {
		n := b.bundle(yonder.NewID(), 40)
		for i := range n.Payloads {
			n.Payloads[i] = bytes.Repeat([]byte{byte(i)}, 30_000)
		}
		n.Payloads[7] = make([]byte, 300_000) // a page of its own
		b.wait(n)
		b.live(b.endpoint, 100)
		var payloads [][]byte
		for offered := b.claim(); len(offered) > 0; offered = b.claim() {
			for _, o := range offered {
				payloads = append(payloads, o.Payloads...)
			}
		}
		require.Equal(b, n.Payloads, payloads)
	}},
	{"take a chunk whole", func(b *bench) {
		first := b.wait(b.bundle(yonder.NewID(), 1))
		n := b.wait(b.chunk(yonder.NewID(), 4))
		epoch := b.live(b.endpoint, 4)
		spans := spansOf(b.claim())
		b.same([]wire.Span{{Bundle: first.ID, Attempt: 1, Lo: 0, Hi: 1}}, spans, "three free places are not enough")
		b.accept(epoch, spans...)
		b.succeed(epoch, spans...)
		offered := b.claim()
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 4}}, spansOf(offered))
		require.Equal(b, n.Payloads, offered[0].Payloads)
		require.Equal(b, 1, offered[0].Lease.Columns)
	}},
	{"split a chunk that is larger than the capacity", func(b *bench) {
		n := b.wait(b.chunk(yonder.NewID(), 10))
		b.live(b.endpoint, 4)
		offered := b.claim()
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 4}}, spansOf(offered))
		require.Equal(b, 10, offered[0].Lease.Total)
	}},
	{"count blobs from the lease's own columns", func(b *bench) {
		blob := b.upload(b.owner)
		n := b.bundle(yonder.NewID(), 4)
		n.Blobs = map[int]wire.Blob{3: blob.Blob}
		b.wait(n)
		epoch := b.live(b.endpoint, 2)
		first := b.claim()
		require.Empty(b, first[0].Lease.Blobs)
		b.accept(epoch, spansOf(first)...)
		b.succeed(epoch, spansOf(first)...)
		second := b.claim()
		require.Equal(b, map[int]wire.Blob{1: blob.Blob}, second[0].Lease.Blobs)

		another := b.upload(b.owner)
		chunk := b.chunk(yonder.NewID(), 2)
		chunk.Blobs = map[int]wire.Blob{0: another.Blob}
		b.submit(chunk)
		b.accept(epoch, spansOf(second)...)
		b.succeed(epoch, spansOf(second)...)
		require.Equal(b, map[int]wire.Blob{0: another.Blob}, b.claim()[0].Lease.Blobs)
	}},
	{"need an endpoint", func(b *bench) {
		_, err := b.Claim(b.Context(), yonder.NewID(), 1<<20, b.now)
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"are possible where tasks wait and credit is left", func(b *bench) {
		claimable := func() []yonder.ID {
			ids, err := b.Claimable(b.Context(), 10)
			require.NoError(b, err)
			return ids
		}
		b.wait(b.bundle(yonder.NewID(), 3))
		require.Empty(b, claimable(), "no session")
		b.live(b.endpoint, 2)
		require.Equal(b, []yonder.ID{b.endpoint}, claimable())
		b.claim()
		require.Empty(b, claimable(), "no credit")
	}},
	{"that nobody answers are offered again", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		n := b.bundle(yonder.NewID(), 4)
		want := b.submit(n)
		again := func(before time.Time, maxBytes int) []store.Offered {
			offered, err := b.Unanswered(b.Context(), b.endpoint, before, maxBytes)
			require.NoError(b, err)
			return offered
		}
		unsettled := func(before time.Time) []yonder.ID {
			ids, err := b.Unsettled(b.Context(), before, 10)
			require.NoError(b, err)
			return ids
		}
		require.Empty(b, again(b.now, 1<<20))
		require.Empty(b, unsettled(b.now))
		later := b.now.Add(time.Second)
		require.Equal(b, want, again(later, 1<<20))
		require.Equal(b, []yonder.ID{b.endpoint}, unsettled(later))
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 1}}, spansOf(again(later, 1)))
		b.accept(epoch, wire.Span{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 3, Grant: want[0].Lease.Grant})
		b.same([]wire.Span{{Bundle: n.ID, Attempt: 1, Lo: 3, Hi: 4}}, spansOf(again(later, 1<<20)))
		b.live(b.endpoint, 0)
		require.Empty(b, again(later, 1<<20), "the older session's offers went back")
		require.Empty(b, unsettled(later))
	}},
	{"that nobody answers are offered again when the clock was set back", func(b *bench) {
		b.live(b.endpoint, 10)
		want := b.submit(b.bundle(yonder.NewID(), 4))
		before := b.now.Add(-time.Hour)
		ids, err := b.Unsettled(b.Context(), before, 10)
		require.NoError(b, err)
		require.Equal(b, []yonder.ID{b.endpoint}, ids)
		again, err := b.Unanswered(b.Context(), b.endpoint, before, 1<<20)
		require.NoError(b, err)
		require.Equal(b, want, again)
	}},
}
