package lease_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/yonder-run/yonder/service/lease"
)

func TestABitmapCountsWhatWasSet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "bits")
		b, plain := lease.NewBitmap(n), make([]bool, n)
		for range rapid.IntRange(0, 4).Draw(t, "sets") {
			lo := rapid.IntRange(0, n).Draw(t, "lo")
			hi := rapid.IntRange(lo, n).Draw(t, "hi")
			b.Set(lo, hi)
			for i := lo; i < hi; i++ {
				plain[i] = true
			}
		}
		lo := rapid.IntRange(0, n).Draw(t, "from")
		hi := rapid.IntRange(lo, n).Draw(t, "to")
		all, within := 0, 0
		for i, set := range plain {
			require.Equal(t, set, b.Has(i), "bit %d", i)
			if set {
				all++
			}
			if set && i >= lo && i < hi {
				within++
			}
		}
		require.Equal(t, all, b.Count())
		require.Equal(t, within, b.CountIn(lo, hi))
	})
}

// BenchmarkCheck looks at the largest bundle of which half is done, as each of
// its commits does.
func BenchmarkCheck(b *testing.B) {
	done := lease.NewBitmap(65_536)
	done.Set(0, 30_000)
	bundle := lease.Bundle{Tasks: 65_536, MaxAttempts: 1, Done: done, Ranges: []lease.Range{{Lo: 30_000, Hi: 65_536, Attempt: 1}}}
	for b.Loop() {
		if err := bundle.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
