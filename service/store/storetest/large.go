package storetest

import (
	"bytes"
	"math/rand/v2"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// sizes of payloads around those from which an engine may keep them elsewhere.
var sizes = []int{0, 1, 10_000, 64 << 10, 64<<10 + 1, 100_000, 128 << 10, 300_000}

func noise(n int) []byte {
	data := make([]byte, n)
	random := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = random.Read(data) // never fails
	return data
}

// ofSizes is a bundle with a task for each of the sizes.
func (b *bench) ofSizes(group yonder.ID) store.NewBundle {
	n := b.bundle(group, len(sizes))
	for i, size := range sizes {
		n.Payloads[i] = noise(size)
	}
	return n
}

// outcomes reports the payloads as the results of their tasks.
func (b *bench) outcomes(epoch int64, n *store.NewBundle) []wire.Span {
	b.Helper()
	report := wire.Report{Epoch: epoch}
	for i := range n.Payloads {
		report.Results = append(report.Results, wire.Entry{
			Bundle: n.ID, Attempt: 1, Lo: i, Hi: i + 1, Outcome: wire.OutcomeOK, Form: wire.FormEach,
		})
	}
	return b.report(report, n.Payloads...)
}

// drawn takes all offers, and returns each task's payload.
func (b *bench) drawn(epoch int64, first []store.Offered, tasks int) [][]byte {
	b.Helper()
	var payloads [][]byte
	for offered := first; len(payloads) < tasks; offered = b.claim() {
		for _, o := range offered {
			payloads = append(payloads, o.Payloads...)
		}
		b.accept(epoch, spansOf(offered)...)
	}
	return payloads
}

func (b *bench) sameBytes(want, got [][]byte) {
	b.Helper()
	require.Len(b, got, len(want))
	for i := range want {
		require.True(b, bytes.Equal(want[i], got[i]), "%d: %d bytes, and %d came", i, len(want[i]), len(got[i]))
	}
}

// Payloads of any size, wherever an engine keeps them.
var large = []behaviour{
	{"are what was sent, in offers, repeated offers and results", func(b *bench) {
		group := yonder.NewID()
		n := b.ofSizes(group)
		require.Empty(b, b.submit(n), "nobody is there yet")
		require.Empty(b, b.submit(n), "the same again adds nothing")
		epoch := b.live(b.endpoint, 100)
		again, err := b.Claim(b.Context(), b.endpoint, wire.MaxFabricFrame, b.now)
		require.NoError(b, err)
		repeated, err := b.Unanswered(b.Context(), b.endpoint, b.now.Add(time.Hour), wire.MaxFabricFrame)
		require.NoError(b, err)
		b.sameBytes(again[0].Payloads, repeated[0].Payloads)
		b.sameBytes(n.Payloads, b.drawn(epoch, again, n.Tasks))
		require.Empty(b, b.outcomes(epoch, &n))
		require.Len(b, b.outcomes(epoch, &n), n.Tasks, "a second time none counts")
		b.tidy()
		entries, columns := b.results(group)
		for i, e := range entries {
			b.sameBytes([][]byte{n.Payloads[e.Lo]}, columns[i:i+1])
			_, one, err := b.TaskResult(b.Context(), n.ID.Task(e.Lo))
			require.NoError(b, err)
			b.sameBytes([][]byte{n.Payloads[e.Lo]}, [][]byte{one})
		}
	}},
	{"count in full in a page of results", func(b *bench) {
		epoch, group := b.live(b.endpoint, 100), yonder.NewID()
		n := b.bundle(group, 3)
		for i := range n.Payloads {
			n.Payloads[i] = noise(100_000 + i)
		}
		b.drawn(epoch, b.submit(n), n.Tasks)
		b.outcomes(epoch, &n)
		for after, want := range []int{2, 2, 1} {
			page, _, err := b.GroupResults(b.Context(), group, int64(after), 100, 250_000)
			require.NoError(b, err)
			require.Len(b, page.Entries, want)
		}
	}},
	{"of a chunk are one, even where parts of it count", func(b *bench) {
		epoch, group := b.live(b.endpoint, 100), yonder.NewID()
		n := b.chunk(group, 3)
		n.Payloads[0] = noise(200_000)
		b.sameBytes(n.Payloads, b.drawn(epoch, b.submit(n), 1))
		b.succeed(epoch, wire.Span{Bundle: n.ID, Attempt: 1, Lo: 1, Hi: 2})
		report := wire.Report{Epoch: epoch, Results: []wire.Entry{
			{Bundle: n.ID, Attempt: 1, Lo: 0, Hi: 3, Outcome: wire.OutcomeOK, Form: wire.FormChunk},
		}}
		require.Len(b, b.report(report, n.Payloads[0]), 1)
		b.later(15 * day)
		_, columns := b.results(group)
		b.sameBytes([][]byte{n.Payloads[0], n.Payloads[0]}, columns[1:])
		require.Equal(b, 3, b.retire().Results)
		b.tidy()
	}},
	{"go when their time is over, and leave others alone", func(b *bench) {
		epoch, first, second := b.live(b.endpoint, 100), yonder.NewID(), yonder.NewID()
		old, young := b.ofSizes(first), b.ofSizes(second)
		b.drawn(epoch, b.submit(old), old.Tasks)
		b.outcomes(epoch, &old)
		b.later(10 * day)
		b.drawn(epoch, b.submit(young), young.Tasks)
		b.outcomes(epoch, &young)
		b.later(5 * day)
		b.retire()
		b.tidy()
		_, columns := b.results(second)
		require.Len(b, columns, len(sizes))
		_, _, err := b.TaskResult(b.Context(), old.ID.Task(len(sizes)-1))
		requireCode(b, yonder.CodeResultExpired, err)
		entries, _ := b.results(first)
		require.Len(b, entries, len(sizes))
	}},
}

// tidy gives back all the space that can be.
func (b *bench) tidy() {
	b.Helper()
	for more := true; more; {
		var err error
		more, err = b.Tidy(b.Context(), b.now.Add(day))
		require.NoError(b, err)
	}
}
