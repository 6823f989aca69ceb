package pool

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sliced is a worker that is at 10 tasks, 1 to 11, of which 3 are reported.
func sliced(t *testing.T) (*bench, *run) {
	t.Helper()
	b := newBench(1)
	b.add(b.job(alice, 21))
	b.hello("w1")
	require.Equal(t, "run 1:1-11 on w1", b.last("w1", 10*time.Millisecond))
	r := b.workers["w1"].run
	ok, _ := b.Ran(b.now, Ran{Worker: "w1", Run: r.id, Lo: 1, Hi: 4, Took: 30 * time.Millisecond})
	require.True(t, ok)
	return b, r
}

func (b *bench) dies(r *run, index int) string {
	return show(b.Exited(b.now, Exit{Worker: "w1", Run: r.id, Index: index, Message: "boom"}))
}

func TestADeathTakesTheUnreportedAlong(t *testing.T) {
	t.Parallel()
	b, r := sliced(t)
	require.Equal(t, "lost 1:4-6, lost 1:6-7, fork w2 for alice", b.dies(r, 6))
	require.Equal(t, "run 1:7-14 on w2", b.hello("w2"), "what was not begun goes on")
}

func TestADeathBeforeTheRunSpendsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(1)
	b.add(b.job(alice, 1))
	b.hello("w1")
	require.Equal(t, "fork w2 for alice", b.exit("w1"))
	b.hello("w2")
	require.Equal(t, "fork w3 for alice", b.exit("w2"))
	b.hello("w3")
	require.Equal(t, "failed 1:0-1, release 1", b.exit("w3"), "but it does not go on for ever")
}

// A task is handed from one worker to the next while their ends come in.
func TestWorkersThatEndTogetherAreOneDeathOfATask(t *testing.T) {
	t.Parallel()
	b := newBench(4)
	b.add(b.job(alice, 4))
	for i := range 4 {
		b.hello(fmt.Sprintf("w%d", i+1))
	}
	for i := range 4 {
		b.last(fmt.Sprintf("w%d", i+1), time.Second)
	}
	b.add(b.job(alice, 1))
	for range 4 {
		for id, w := range b.workers {
			if w.run != nil {
				require.NotContains(t, b.exit(id), "failed")
				break
			}
		}
	}
	require.Empty(t, b.running)
	require.Contains(t, b.hello("w5"), "run 2:0-1 on w5")
}

func TestWorkersThatDoNotStartAreNotTriedForEver(t *testing.T) {
	t.Parallel()
	b := newBench(1)
	require.Equal(t, "fork w1 for alice", b.add(b.job(alice, 1)))
	require.Empty(t, b.tick(time.Second))
	require.Equal(t, "fork w2 for alice", b.exit("w1"))
	require.Equal(t, "kill w2", b.tick(time.Minute), "it takes too long")
	require.Equal(t, "fork w3 for alice", b.exit("w2"))
	require.Equal(t, "returned 1:0-1, release 1", b.exit("w3"))
	require.Contains(t, b.Trouble(), "workers of py do not start, 3 times in a row: gone")
	require.Equal(t, "returned 2:0-1, release 2", b.add(b.job(alice, 1)), "nothing is tried")
	require.Equal(t, "fork w4 for bob", b.add(b.job(bob, 1)), "others' workers are theirs")
	b.hello("w4")
	b.last("w4", time.Second)

	b.now = b.now.Add(starts.Probe)
	require.Equal(t, "term w4", b.add(b.job(alice, 9)))
	require.Equal(t, "fork w5 for alice", b.exit("w4"), "one shows whether it works again")
	require.Equal(t, "returned 4:0-9, release 4", b.exit("w5"))
	require.Equal(t, "returned 5:0-1, release 5", b.add(b.job(alice, 1)))
	b.Reset()
	require.Empty(t, b.Trouble())
	require.Equal(t, "fork w6 for alice", b.add(b.job(alice, 1)))
	require.Equal(t, "run 6:0-1 on w6", b.hello("w6"))
}

func TestAFunctionThatEndsItsWorkersIsReported(t *testing.T) {
	t.Parallel()
	b := newBench(1)
	j := b.job(alice, 6)
	j.Name = "crasher"
	b.add(j)
	for i := 1; i <= 3; i++ {
		require.Empty(t, b.Trouble())
		worker := fmt.Sprintf("w%d", i)
		b.hello(worker)
		b.Exited(b.now, Exit{Worker: worker, Run: b.workers[worker].run.id, Index: i - 1, Message: "killed by signal 11"})
	}
	require.Equal(t, "function crasher ended 3 workers in a row: killed by signal 11", b.Trouble())
	b.hello("w4")
	b.last("w4", time.Second)
	require.Empty(t, b.Trouble())
}

func TestWorkersThatEndTogetherAreOneFailure(t *testing.T) {
	t.Parallel()
	b := newBench(8)
	b.add(b.job(alice, 8))
	for i := range 8 {
		b.exit(fmt.Sprintf("w%d", i+1)) // their zygote was killed
	}
	require.True(t, strings.HasPrefix(b.hello("w9"), "run 1:0-1 on w9, fork w10"), "one showed that it works again")
}

func TestANodeWithoutRoomIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(1)
	b.add(b.job(alice, 2))
	for i := range 2 * starts.Failures {
		worker := fmt.Sprintf("w%d", i+1)
		require.Empty(t, show(b.Exited(b.now, Exit{Worker: worker, Message: "no space left on device", Short: true})))
		require.Empty(t, b.add(b.job(bob, 1)), "nobody's worker has room")
		require.Equal(t, b.now.Add(shortPause), b.Next())
		require.Equal(t, fmt.Sprintf("fork w%d for alice", i+2), b.tick(shortPause))
	}
	require.Equal(t, "run 1:0-1 on w7", b.hello("w7"))
}
