package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/internal/sqlfault"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

var ahead = []behaviour{
	{"an agent may answer an offer that is still being committed", func(b *bench) {
		epoch := b.live(b.endpoint, 10)
		n := b.bundle(nextID(), 3)
		type answer struct {
			refused []wire.Span
			err     error
		}
		answers := make(chan answer, 1)
		submitted, err := b.SubmitAhead(b.Context(), []store.NewBundle{n}, func(offered []store.Offered) {
			require.Equal(b, n.Payloads, offered[0].Payloads)
			go func() {
				refused, err := b.replica.Accept(b.Context(), b.endpoint, wire.Accept{Epoch: epoch, Spans: spansOf(offered)}, b.now)
				answers <- answer{refused, err}
			}()
		})
		require.NoError(b, err)
		require.Empty(b, submitted.Offered, "it was told")
		require.Equal(b, answer{}, <-answers)
		offered, err := b.Unanswered(b.Context(), b.endpoint, b.now.Add(1), wire.MaxFabricFrame)
		require.NoError(b, err)
		require.Empty(b, offered)
	}},
	{"without an agent there is nothing to tell", func(b *bench) {
		submitted, err := b.SubmitAhead(b.Context(), []store.NewBundle{b.bundle(nextID(), 3)}, func(offered []store.Offered) {
			require.Empty(b, offered)
		})
		require.NoError(b, err)
		require.Empty(b, submitted.Offered)
	}},
}

// FaultsAhead fails every statement of a submission, the commit last: what was
// told of it before must not start, unless it took effect all the same. Told
// again, it may.
func FaultsAhead(t *testing.T, faults *sqlfault.Faults, s store.Store) {
	t.Helper()
	b := newBench(t, s)
	for _, after := range []bool{false, true} {
		told := 0
		for n := 1; ; n++ {
			one := *b
			one.endpoint = b.newEndpoint(nextID().String())
			epoch := one.live(one.endpoint, 10)
			spans, struck := one.failAhead(epoch, faults, n, after)
			if struck == 0 {
				break
			}
			told += len(spans)
		}
		require.Positive(t, told, "the commit fails after the telling")
	}
}

// failAhead has a submission's n-th statement fail, has what was told of it
// accepted, and submits once more.
func (b *bench) failAhead(epoch int64, faults *sqlfault.Faults, n int, after bool) (told []wire.Span, struck int) {
	b.Helper()
	bundle := b.bundle(nextID(), 3)
	faults.Arm(n, 1, after)
	_, err := b.SubmitAhead(b.Context(), []store.NewBundle{bundle}, func(offered []store.Offered) { told = spansOf(offered) })
	if struck = faults.Disarm(); struck == 0 {
		require.NoError(b, err)
		return told, 0
	}
	_, missing := b.BundleOwner(b.Context(), bundle.ID)
	refused := b.refused(epoch, told...)
	if missing == nil {
		require.Empty(b, refused)
		return told, struck
	}
	require.ErrorContains(b, err, sqlfault.ErrInjected.Error())
	require.Equal(b, told, refused)
	b.accept(epoch, spansOf(b.submit(bundle))...)
	return told, struck
}
