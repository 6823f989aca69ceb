package storetest

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// Benchmark measures tasks' way through the store, in three requests: bundles
// of tasks are submitted and claimed, accepted, and reported as started and
// done. Payloads have 256 bytes, results 64.
func Benchmark(b *testing.B, open func(b *testing.B) store.Store) {
	b.Helper()
	for _, c := range []struct{ tasks, bundles, clients int }{{1, 1, 1}, {1, 1, 64}, {1, 100, 8}, {1000, 1, 1}, {1000, 1, 8}} {
		b.Run(fmt.Sprintf("tasks=%d/bundles=%d/clients=%d", c.tasks, c.bundles, c.clients), func(b *testing.B) {
			benchmark(b, open(b), c.tasks, c.bundles, c.clients)
		})
	}
}

// benchmark gives every client an endpoint and a group of its own.
func benchmark(b *testing.B, s store.Store, tasks, bundles, clients int) {
	b.Helper()
	bench := newBench(b, s)
	var left atomic.Int64
	left.Store(int64(b.N))
	done := make(chan error)
	type client struct {
		endpoint, group yonder.ID
		epoch           int64
	}
	all := make([]client, clients)
	for i := range all {
		e := bench.newEndpoint(fmt.Sprintf("client %d", i))
		all[i] = client{endpoint: e, group: nextID(), epoch: bench.live(e, 1<<20)}
	}
	b.ResetTimer()
	for _, c := range all {
		go func() {
			var err error
			for err == nil && left.Add(-1) >= 0 {
				err = bench.once(c.endpoint, c.group, c.epoch, tasks, bundles)
			}
			done <- err
		}()
	}
	for range all {
		require.NoError(b, <-done)
	}
	b.ReportMetric(float64(b.N*tasks*bundles)/b.Elapsed().Seconds(), "tasks/s")
}

func (b *bench) once(endpoint, group yonder.ID, epoch int64, tasks, bundles int) error {
	request := make([]store.NewBundle, bundles)
	for i := range request {
		n := b.bundle(group, 0)
		n.Endpoint, n.Tasks = endpoint, tasks
		for range tasks {
			n.Payloads = append(n.Payloads, make([]byte, 256))
		}
		request[i] = n
	}
	submitted, err := b.Submit(b.Context(), request)
	if err != nil {
		return err
	}
	spans := spansOf(submitted.Offered)
	if _, err := b.Accept(b.Context(), endpoint, wire.Accept{Epoch: epoch, Spans: spans}, b.now); err != nil {
		return err
	}
	r, columns := successes(epoch, spans...)
	r.Started = spans
	for i, span := range spans {
		columns[i] = make([]byte, 64*span.Tasks())
	}
	_, _, err = b.Report(b.Context(), endpoint, r, columns, b.now)
	return err
}
