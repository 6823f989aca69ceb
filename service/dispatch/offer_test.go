package dispatch

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Whatever is offered fits frames, and every task and payload is in them once,
// in order.
func TestPackLosesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		offered := rapid.SliceOfN(rapid.Custom(drawOffered), 0, 8).Draw(t, "offered")
		const limit = 8 << 10
		var got []store.Offered
		for _, batch := range pack(offered, limit) {
			frame, err := offerFrame(batch)
			require.NoError(t, err)
			require.LessOrEqual(t, frame.Size(), limit+frameMargin)
			for _, o := range batch {
				require.Equal(t, batch[0].Endpoint, o.Endpoint)
				require.Equal(t, batch[0].Epoch, o.Epoch)
				require.Len(t, o.Payloads, o.Lease.Columns)
			}
			got = append(got, batch...)
		}
		require.Equal(t, tasksOf(offered), tasksOf(got))
	})
}

var places = []yonder.ID{{1}, {2}}

func drawOffered(t *rapid.T) store.Offered {
	n := rapid.IntRange(1, 50).Draw(t, "tasks")
	lo := rapid.IntRange(0, 100).Draw(t, "lo")
	o := store.Offered{
		Endpoint: rapid.SampledFrom(places).Draw(t, "endpoint"), Epoch: rapid.Int64Range(1, 2).Draw(t, "epoch"),
		Lease: wire.Lease{
			Span: wire.Span{Bundle: yonder.NewBundleID(), Attempt: 1, Lo: lo, Hi: lo + n},
			Form: rapid.SampledFrom([]wire.Form{wire.FormEach, wire.FormChunk}).Draw(t, "form"), Hash: "hash",
		},
	}
	columns := n
	if o.Lease.Form == wire.FormChunk {
		columns = 1
	}
	for i := range columns {
		if rapid.Bool().Draw(t, "outside") {
			if o.Lease.Blobs == nil {
				o.Lease.Blobs = map[int]wire.Blob{}
			}
			o.Lease.Blobs[i] = wire.Blob{ID: yonder.NewID(), Size: 1 << 20, SHA256: "0123456789abcdef0123456789abcdef"}
			o.Payloads = append(o.Payloads, []byte{})
			continue
		}
		o.Payloads = append(o.Payloads, make([]byte, rapid.IntRange(0, 2000).Draw(t, "bytes")))
	}
	o.Lease.Columns = columns
	return o
}

// told is what an agent learns of one task.
type told struct {
	task, endpoint yonder.ID
	epoch          int64
	bytes          int
	blob           yonder.ID
}

func tasksOf(offered []store.Offered) []told {
	var all []told
	for _, o := range offered {
		for i := o.Lease.Lo; i < o.Lease.Hi; i++ {
			column := i - o.Lease.Lo
			if o.Lease.Form == wire.FormChunk {
				column = 0
			}
			all = append(all, told{
				task: o.Lease.Bundle.Task(i), endpoint: o.Endpoint, epoch: o.Epoch,
				bytes: len(o.Payloads[column]), blob: o.Lease.Blobs[column].ID,
			})
		}
	}
	return all
}
