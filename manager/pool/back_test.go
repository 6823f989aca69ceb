package pool

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/wire"
)

func took(b *bench, worker string, hi int) string {
	return show(b.Took(b.now, worker, b.workers[worker].run.id, hi))
}

// quickBench has two slots and one worker, and knows of the function that a call
// of it takes a quarter of a millisecond.
func quickBench() *bench {
	b := newBench(2)
	b.add(b.job(alice, 1))
	b.hello("w1")
	b.last("w1", time.Millisecond/4)
	return b
}

func TestWhatALateWorkerHasNotBegunGoesToAnIdleOne(t *testing.T) {
	t.Parallel()
	b := quickBench()
	require.Equal(t, "run 2:0-8 on w1", b.add(b.job(alice, 8)), "eight are worth a message")
	require.Empty(t, b.tick(19*time.Millisecond), "that is not late")
	require.Equal(t, "take w1", b.tick(time.Millisecond), "the other slot has no worker yet")
	require.Equal(t, "fork w2 for alice", took(b, "w1", 1))
	require.Equal(t, "run 2:1-8 on w2", b.hello("w2"))
	require.Empty(t, b.tick(19*time.Millisecond))
	require.Empty(t, b.last("w2", time.Millisecond))
	require.Equal(t, "release 2", b.last("w1", time.Second))
}

func TestNothingIsTakenForNobody(t *testing.T) {
	t.Parallel()
	b := quickBench()
	slow := b.job(alice, 1)
	slow.Function = "slow"
	require.Equal(t, "run 2:0-1 on w1", b.add(slow))
	require.Equal(t, "fork w2 for alice", b.add(b.job(alice, 8)))
	require.Equal(t, "run 3:0-8 on w2", b.hello("w2"))
	require.Empty(t, b.tick(time.Second), "nobody is idle")
	require.Equal(t, "release 2, take w2", b.last("w1", time.Second))
	require.Equal(t, "run 3:4-8 on w1", took(b, "w2", 4))
	require.Empty(t, took(b, "w2", 4), "it is done")
	require.Empty(t, b.tick(time.Millisecond))
	require.Empty(t, b.last("w2", time.Millisecond))
	require.Equal(t, "release 3", b.last("w1", time.Millisecond))
}

func TestALateWorkerThatHasBegunAllKeepsAll(t *testing.T) {
	t.Parallel()
	b := quickBench()
	b.add(b.job(alice, 8))
	require.Equal(t, "take w1", b.tick(20*time.Millisecond))
	require.Empty(t, took(b, "w1", 8))
	require.Empty(t, b.tick(time.Minute), "it is asked once")
	require.Equal(t, "release 2", b.last("w1", time.Second))
}

func TestCancelledTasksDoNotGoToOthers(t *testing.T) {
	t.Parallel()
	b := quickBench()
	job := b.job(alice, 8)
	b.add(job)
	span := job.Span
	span.Lo, span.Hi = 3, 5
	require.Equal(t, "look w1", show(b.Cancel(b.now, span)))
	require.Equal(t, "take w1", b.tick(20*time.Millisecond))
	require.Equal(t, "cancelled 2:3-5, fork w2 for alice", took(b, "w1", 2))
	require.Equal(t, "run 2:2-3 on w2", b.hello("w2"))
	require.Equal(t, "run 2:5-7 on w2", b.last("w2", time.Millisecond))
}

func TestAWorkerThatEndsIsNotBlamedForWhatWasTaken(t *testing.T) {
	t.Parallel()
	b := quickBench()
	b.add(b.job(alice, 8))
	b.tick(20 * time.Millisecond)
	took(b, "w1", 2)
	run := b.workers["w1"].run.id
	require.Equal(t, "lost 2:0-1, lost 2:1-2", show(b.Exited(b.now, Exit{Worker: "w1", Run: run, Index: 2, Message: "gone"})))
	require.Equal(t, "run 2:2-8 on w2", b.hello("w2"))
	require.Equal(t, "release 2", b.last("w2", time.Millisecond))
}

func TestQuickFunctionsAreClaimedInBlocks(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		each         time.Duration
		tasks, block int
	}{
		{time.Second, 1, 1},
		{time.Millisecond, 64, 1},
		{50 * time.Microsecond, 2000, 1},
		{25 * time.Microsecond, 4000, 2},
		{time.Microsecond, 65_536, 50},
		{50 * time.Nanosecond, 65_536, 1000},
		{time.Second, 8001, 3},
	} {
		known := speeds{"f": {mean: test.each}}
		require.Equal(t, test.block, known.block("f", test.tasks), "%v", test)
	}
	require.Equal(t, 1, speeds{}.block("f", 1))
}

// BenchmarkRan is a report and the next run, while all other workers are busy.
func BenchmarkRan(b *testing.B) {
	for _, slots := range []int{16, 2000, 100_000} {
		b.Run(fmt.Sprint(slots), func(b *testing.B) {
			p := newBench(slots)
			spec := Job{Key: alice, Function: "f", Span: wire.Span{Attempt: 2}}
			add := func() {
				spec.Span.Bundle[0]++
				spec.Span.Lo, spec.Span.Hi = spec.Span.Hi, spec.Span.Hi+65_536
				p.add(spec)
			}
			for range slots/65_536 + 1 {
				add()
			}
			for i := range slots {
				p.hello(fmt.Sprintf("w%d", i+1))
			}
			for i := 0; b.Loop(); i++ {
				if len(p.queue) == 0 {
					add()
				}
				p.last(fmt.Sprintf("w%d", i%slots+1), time.Second)
				p.Next()
				p.Status()
			}
		})
	}
}
