package storetest

import (
	"bytes"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var submits = []behaviour{
	{"to an endpoint with credit are offered at once", func(b *bench) {
		epoch := b.live(b.endpoint, 100)
		n := b.bundle(yonder.NewID(), 3)
		n.Priority, n.Walltime, n.Requires = 7, 1.5, wire.Requires{Python: "3.11", Packages: []string{"numpy"}}
		offered := b.submit(n)
		require.Equal(b, []store.Offered{{
			Endpoint: b.endpoint, Epoch: epoch, Payloads: n.Payloads,
			Lease: wire.Lease{
				Span:  wire.Span{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 3, Grant: 1},
				Owner: b.owner, Function: b.function.ID, Hash: b.function.Hash, Kind: b.function.Kind, Requires: n.Requires,
				Form: wire.FormEach, Total: 3, Codec: "pickle", Priority: 7, Walltime: 1.5, Columns: 3,
			},
		}}, offered)
		require.Equal(b, yonder.RangeOffered, b.task(n.ID.Task(2)).State)
	}},
	{"to an endpoint without a session wait", func(b *bench) {
		n := b.bundle(yonder.NewID(), 2)
		require.Empty(b, b.submit(n))
		require.Equal(b, yonder.RangeQueued, b.task(n.ID.Task(0)).State)
		require.Empty(b, b.claim())
	}},
	{"before reconciling wait", func(b *bench) {
		b.open(b.endpoint, 10)
		require.Empty(b, b.submit(b.bundle(yonder.NewID(), 2)))
		require.Empty(b, b.claim())
	}},
	{"are offered as far as credit goes", func(b *bench) {
		b.live(b.endpoint, 4)
		first := b.submit(b.bundle(yonder.NewID(), 6))
		require.Equal(b, 4, first[0].Lease.Hi)
		require.Empty(b, b.submit(b.bundle(yonder.NewID(), 1)))
	}},
	{"do not overtake what waits", func(b *bench) {
		waiting := b.bundle(yonder.NewID(), 1)
		b.submit(waiting)
		b.live(b.endpoint, 10)
		require.Empty(b, b.submit(b.bundle(yonder.NewID(), 1)))
		require.Equal(b, waiting.ID, b.claim()[0].Lease.Bundle)
	}},
	{"of many tasks come in leases that fit a frame", func(b *bench) {
		b.live(b.endpoint, 1000)
		n := b.bundle(yonder.NewID(), 200)
		for i := range n.Payloads {
			n.Payloads[i] = bytes.Repeat([]byte{byte(i)}, 10_000)
		}
		offered := b.submit(n)
		require.Greater(b, len(offered), 3)
		var payloads [][]byte
		for _, o := range offered {
			require.Len(b, o.Payloads, o.Lease.Columns)
			frame, err := wire.NewFrame(wire.KindOffer, wire.Offer{Epoch: o.Epoch, Leases: []wire.Lease{o.Lease}}, o.Payloads...)
			require.NoError(b, err)
			require.LessOrEqual(b, frame.Size(), wire.MaxFabricFrame)
			require.Equal(b, len(payloads), o.Lease.Lo)
			payloads = append(payloads, o.Payloads...)
		}
		require.Equal(b, n.Payloads, payloads)
	}},
	{"that are repeated add nothing", func(b *bench) {
		b.live(b.endpoint, 10)
		n := b.bundle(yonder.NewID(), 3)
		b.submit(n)
		submitted, err := b.replica.Submit(b.Context(), []store.NewBundle{n, b.bundle(n.Group, 1), n})
		require.NoError(b, err)
		require.Len(b, submitted.Offered, 1)
		for i, duplicate := range []bool{true, false, true} {
			require.Equal(b, duplicate, submitted.Bundles[i].Duplicate)
		}
		require.Equal(b, wire.SubmittedBundle{ID: n.ID, Group: n.Group, Tasks: 3, Duplicate: true}, submitted.Bundles[0])
		g, err := b.Group(b.Context(), n.Group)
		require.NoError(b, err)
		require.EqualValues(b, 4, g.Tasks)
	}},
	{"that repeat themselves within a request count once", func(b *bench) {
		n := b.bundle(yonder.NewID(), 3)
		submitted, err := b.Submit(b.Context(), []store.NewBundle{n, n})
		require.NoError(b, err)
		require.Equal(b, []bool{false, true}, []bool{submitted.Bundles[0].Duplicate, submitted.Bundles[1].Duplicate})
		g, err := b.Group(b.Context(), n.Group)
		require.NoError(b, err)
		require.EqualValues(b, 3, g.Tasks)
	}},
	{"under the id of somebody else's are in conflict, all of them", func(b *bench) {
		n := b.bundle(yonder.NewID(), 1)
		b.submit(n)
		fresh := b.bundle(yonder.NewID(), 1)
		n.Owner, fresh.Owner = b.other, b.other
		_, err := b.Submit(b.Context(), []store.NewBundle{fresh, n})
		requireCode(b, yonder.CodeConflict, err)
		_, err = b.Task(b.Context(), fresh.ID.Task(0))
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"into somebody else's group are forbidden", func(b *bench) {
		group := yonder.NewID()
		b.submit(b.bundle(group, 1))
		n := b.bundle(group, 1)
		n.Owner = b.other
		_, err := b.Submit(b.Context(), []store.NewBundle{n})
		requireCode(b, yonder.CodeForbidden, err)
		_, err = b.Task(b.Context(), n.ID.Task(0))
		requireCode(b, yonder.CodeNotFound, err)
		mixed := b.bundle(yonder.NewID(), 1)
		n.Group = mixed.Group
		_, err = b.Submit(b.Context(), []store.NewBundle{mixed, n})
		requireCode(b, yonder.CodeForbidden, err)
	}},
	{"make their group, or join it", func(b *bench) {
		group := yonder.Group{ID: nextID(), Owner: b.owner, Label: "sweep", Retention: 3600, Created: b.now}
		require.NoError(b, b.CreateGroup(b.Context(), group))
		b.submit(b.bundle(group.ID, 2), b.bundle(group.ID, 3))
		got, err := b.Group(b.Context(), group.ID)
		require.NoError(b, err)
		group.Tasks = 5
		require.Equal(b, group, got)
	}},
	{"to an unknown endpoint are refused", func(b *bench) {
		n := b.bundle(yonder.NewID(), 1)
		n.Endpoint = yonder.NewID()
		_, err := b.Submit(b.Context(), []store.NewBundle{b.bundle(yonder.NewID(), 1), n})
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"that make no sense are refused", func(b *bench) {
		for name, spoil := range map[string]func(n *store.NewBundle){
			"task's id":     func(n *store.NewBundle) { n.ID = n.ID.Task(1) },
			"no id":         func(n *store.NewBundle) { n.ID = yonder.ID{} },
			"no tasks":      func(n *store.NewBundle) { n.Tasks = 0 },
			"too many":      func(n *store.NewBundle) { n.Tasks = yonder.MaxBundleTasks + 1 },
			"form":          func(n *store.NewBundle) { n.Form = "some" },
			"payloads":      func(n *store.NewBundle) { n.Payloads = n.Payloads[:1] },
			"chunk of many": func(n *store.NewBundle) { n.Form = wire.FormChunk },
			"blob's column": func(n *store.NewBundle) { n.Blobs = map[int]wire.Blob{2: {ID: nextID()}} },
		} {
			n := b.bundle(yonder.NewID(), 2)
			spoil(&n)
			_, err := b.Submit(b.Context(), []store.NewBundle{n})
			require.Equal(b, yonder.CodeInvalidRequest, yonder.CodeOf(err), "%s: %v", name, err)
		}
	}},
	{"may have empty payloads, any text and nothing at all", func(b *bench) {
		b.live(b.endpoint, 10)
		n := b.bundle(yonder.NewID(), 2)
		n.Payloads, n.Label = [][]byte{{}, nil}, "nul \x00"
		offered := b.submit(n)
		require.Len(b, offered[0].Payloads, 2)
		require.Equal(b, "nul \uFFFD", b.task(n.ID.Task(0)).Label)
		require.Empty(b, b.submit())
	}},
	{"refer to uploads of their owner", func(b *bench) {
		b.live(b.endpoint, 10)
		mine, theirs := b.upload(b.owner), b.upload(b.other)
		n := b.bundle(yonder.NewID(), 3)
		n.Payloads[1], n.Blobs = nil, map[int]wire.Blob{1: mine.Blob}
		offered := b.submit(n)
		require.Equal(b, map[int]wire.Blob{1: mine.Blob}, offered[0].Lease.Blobs)
		record, err := b.Blob(b.Context(), mine.ID)
		require.NoError(b, err)
		require.Equal(b, n.ID, record.Bundle)

		n = b.bundle(yonder.NewID(), 1)
		n.Blobs = map[int]wire.Blob{0: theirs.Blob}
		_, err = b.Submit(b.Context(), []store.NewBundle{n})
		requireCode(b, yonder.CodeNotFound, err)
	}},
	{"of 65,536 tasks are fine", func(b *bench) {
		epoch := b.live(b.endpoint, yonder.MaxBundleTasks)
		n := b.bundle(yonder.NewID(), yonder.MaxBundleTasks)
		spans := spansOf(b.submit(n))
		b.accept(epoch, spans...)
		require.Empty(b, b.succeed(epoch, spans...))
		g, err := b.Group(b.Context(), n.Group)
		require.NoError(b, err)
		require.EqualValues(b, yonder.MaxBundleTasks, g.Done)
	}},
}

func (b *bench) upload(owner yonder.ID) store.BlobRecord {
	b.Helper()
	record := store.BlobRecord{Blob: wire.Blob{ID: nextID(), Size: 1 << 20, SHA256: "ab12"}, Owner: owner, Created: b.now}
	require.NoError(b, b.CreateBlob(b.Context(), record))
	return record
}
