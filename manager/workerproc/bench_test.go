//go:build unix

package workerproc_test

import (
	"testing"

	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

// BenchmarkRun is one call there and back: what a task costs beyond its own
// time when it comes alone.
func BenchmarkRun(b *testing.B) {
	bench := withWorker(b)
	bench.outcome("add", 1, 2)
	for b.Loop() {
		bench.outcome("add", 1, 2)
	}
}

// BenchmarkChunk is the same per task of a chunk.
func BenchmarkChunk(b *testing.B) {
	const tasks = 10_000
	bench := withWorker(b)
	calls := make([][]any, tasks)
	for i := range calls {
		calls[i] = []any{i, 1}
	}
	payload := workertest.Chunk(calls...)
	for b.Loop() {
		bench.give("add", "w1", payload, wire.Run{Form: wire.FormChunk, Hi: tasks, Total: tasks})
		for last := false; !last; {
			last = next(b, bench.reports).Last
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*tasks), "us/task")
}

// BenchmarkEach is the same per task of a slice of single calls.
func BenchmarkEach(b *testing.B) {
	const tasks = 1000
	bench := withWorker(b)
	payloads := make([][]byte, tasks)
	for i := range payloads {
		payloads[i] = workertest.Call(i, 1)
	}
	for b.Loop() {
		bench.giveAll("add", "w1", payloads, wire.Run{Hi: tasks})
		for last := false; !last; {
			last = next(b, bench.reports).Last
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*tasks), "us/task")
}
