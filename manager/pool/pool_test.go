package pool

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/breaker"
	"github.com/yonder-run/yonder/wire"
)

// bench drives a pool and shows its actions as short texts.
type bench struct {
	*Pool

	now     time.Time
	bundles byte
}

var (
	alice = Key{yonder.ID{1}, "py"}
	bob   = Key{yonder.ID{2}, "py"}
	carol = Key{yonder.ID{3}, "py"}
)

var starts = breaker.Policy{Failures: 3, Probe: 10 * time.Minute}

func newBench(slots int) *bench {
	return &bench{
		Pool: New(Config{Slots: slots, Grace: 5 * time.Second, StartTimeout: time.Minute, IdleAfter: 5 * time.Minute, Breaker: starts}),
		now:  time.Unix(1e9, 0),
	}
}

func show(actions []Action) string {
	names := map[Key]string{alice: "alice", bob: "bob", carol: "carol"}
	var texts []string
	for _, action := range actions {
		switch a := action.(type) {
		case Fork:
			texts = append(texts, "fork "+a.Worker+" for "+names[a.Key])
		case Run:
			texts = append(texts, fmt.Sprintf("run %d:%d-%d on %s", a.Job, a.Lo, a.Hi, a.Worker))
		case Take:
			texts = append(texts, "take "+a.Worker)
		case Signal:
			texts = append(texts, map[bool]string{false: "term ", true: "kill "}[a.Kill]+a.Worker)
		case Look:
			texts = append(texts, "look "+a.Worker)
		case End:
			texts = append(texts, fmt.Sprintf("%s %d:%d-%d", a.How, a.Job, a.Lo, a.Hi))
		case Release:
			texts = append(texts, fmt.Sprintf("release %d", a.Job))
		case Retire:
			texts = append(texts, "retire "+names[a.Key])
		}
	}
	return strings.Join(texts, ", ")
}

func (b *bench) job(key Key, tasks int) Job {
	b.bundles++
	return Job{Span: wire.Span{Bundle: yonder.ID{b.bundles}, Attempt: 1, Hi: tasks}, Key: key, Function: "f" + key.Identity.String()}
}

func (b *bench) add(j Job) string {
	_, actions := b.Add(b.now, j)
	return show(actions)
}

func (b *bench) hello(worker string) string { return show(b.Hello(b.now, worker)) }

func (b *bench) exit(worker string) string {
	return show(b.Exited(b.now, Exit{Worker: worker, Message: "gone"}))
}

func (b *bench) tick(after time.Duration) string {
	b.now = b.now.Add(after)
	return show(b.Tick(b.now))
}

// last reports all that is left of a worker's run.
func (b *bench) last(worker string, each time.Duration) string {
	r := b.workers[worker].run
	_, actions := b.Ran(b.now, Ran{
		Worker: worker, Run: r.id, Lo: r.next, Hi: r.Hi, Last: true, Took: each * time.Duration(r.Hi-r.next),
	})
	return show(actions)
}

func TestAWorkerIsUsedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(2)
	require.Equal(t, "fork w1 for alice", b.add(b.job(alice, 1)))
	require.Equal(t, "run 1:0-1 on w1", b.hello("w1"))
	require.Equal(t, "release 1", b.last("w1", time.Second))
	require.Equal(t, "run 2:0-1 on w1", b.add(b.job(alice, 1)))
	require.Equal(t, "fork w2 for alice", b.add(b.job(alice, 1)), "it is busy")
	require.Empty(t, b.add(b.job(alice, 1)), "all slots are taken")
	require.Equal(t, "release 2, run 3:0-1 on w1", b.last("w1", time.Second), "the oldest job is next")
	require.Equal(t, "run 4:0-1 on w2", b.hello("w2"))
}

func TestIdentitiesDoNotShare(t *testing.T) {
	t.Parallel()
	b := newBench(1)
	b.add(b.job(alice, 1))
	b.hello("w1")
	require.Empty(t, b.add(b.job(bob, 1)))
	require.Equal(t, "release 1, term w1", b.last("w1", time.Second), "alice's worker does not get bob's task")
	require.Equal(t, "fork w2 for bob", b.exit("w1"))
	require.Equal(t, "run 2:0-1 on w2", b.hello("w2"))
}

func TestTheWorkerIdleForLongestMakesRoom(t *testing.T) {
	t.Parallel()
	b := newBench(2)
	for i, key := range []Key{alice, bob} {
		worker := fmt.Sprintf("w%d", i+1)
		b.add(b.job(key, 1))
		b.hello(worker)
		b.now = b.now.Add(time.Second)
		b.last(worker, time.Second)
	}
	require.Equal(t, "term w1", b.add(b.job(carol, 1)))
}

func TestAQueueThatTakesTurnsDoesNotRestartWorkers(t *testing.T) {
	t.Parallel()
	b := newBench(2)
	b.add(b.job(alice, 1))
	b.add(b.job(bob, 1))
	b.hello("w1")
	b.hello("w2")
	b.add(b.job(bob, 1))   // 3
	b.add(b.job(alice, 1)) // 4
	require.Equal(t, "release 1, run 4:0-1 on w1", b.last("w1", time.Second), "bob has a worker, which comes free soon")
	b.add(b.job(alice, 1)) // 5
	b.now = b.now.Add(patience)
	require.Equal(t, "release 4, term w1", b.last("w1", time.Second), "but he does not wait for ever")
}

func TestSlicesGrowWithWhatIsLearned(t *testing.T) {
	t.Parallel()
	b := newBench(2)
	require.Equal(t, "fork w1 for alice, fork w2 for alice", b.add(b.job(alice, 1000)))
	require.Equal(t, "run 1:0-1 on w1", b.hello("w1"), "nothing is known yet")
	require.Equal(t, "run 1:1-250 on w1", b.last("w1", 10*time.Microsecond), "a quarter of the rest, for two slots")
	require.Equal(t, "run 1:250-450 on w2", b.hello("w2"), "what takes 2 ms at least")

	b = newBench(2)
	b.add(b.job(alice, 1000))
	b.hello("w1")
	require.Equal(t, "run 1:1-3 on w1", b.last("w1", 50*time.Millisecond), "100 ms at most")
	require.Equal(t, "run 1:3-4 on w1", b.last("w1", time.Hour))
}

func TestSlicesAreOfAllThatWaits(t *testing.T) {
	t.Parallel()
	b := newBench(2)
	b.add(b.job(alice, 1000))
	b.add(b.job(alice, 3001))
	b.add(b.job(bob, 9000))
	b.hello("w1")
	require.Equal(t, "run 1:1-1000 on w1", b.last("w1", 20*time.Microsecond), "a quarter of 4,000")
}

func TestManyTasksTellASpeedByThemselves(t *testing.T) {
	t.Parallel()
	s := speeds{}
	s.learn("f", 1, time.Millisecond, false)
	s.learn("f", 1, 0, false)
	require.Equal(t, 750005*time.Nanosecond, s["f"].mean)
	s.learn("f", 64, 320*time.Nanosecond, false)
	require.Equal(t, 187517*time.Nanosecond, s["f"].mean)
	s.learn("f", 64, 64*time.Millisecond, false)
	require.Equal(t, time.Millisecond, s["f"].mean, "slower counts at once")
}

func TestSlicesOfOne(t *testing.T) {
	t.Parallel()
	retried := func(j *Job) { j.Span.Attempt = 2 }
	large := func(j *Job) { j.MaxSlice = 1 }
	for name, change := range map[string]func(*Job){"retried": retried, "large": large} {
		b := newBench(1)
		j := b.job(alice, 100)
		change(&j)
		b.add(j)
		b.hello("w1")
		require.Equal(t, "run 1:1-2 on w1", b.last("w1", time.Microsecond), name)
	}
	b := newBench(1)
	b.add(b.job(alice, 100))
	b.hello("w1")
	_, actions := b.Ran(b.now, Ran{Worker: "w1", Run: 1, Hi: 1, Last: true, Printed: true})
	require.Equal(t, "run 1:1-2 on w1", show(actions), "so that output is told apart")
}

func TestPriorityGoesFirst(t *testing.T) {
	t.Parallel()
	b := newBench(1)
	b.add(b.job(alice, 1))
	b.hello("w1")
	b.add(b.job(alice, 1))
	urgent := b.job(alice, 1)
	urgent.Priority = 1
	b.add(urgent)
	require.Equal(t, "release 1, run 3:0-1 on w1", b.last("w1", time.Second))
}

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

func TestCancel(t *testing.T) {
	t.Parallel()
	span := func(lo, hi int) wire.Span { return wire.Span{Bundle: yonder.ID{1}, Attempt: 1, Lo: lo, Hi: hi} }
	tests := []struct {
		name     string
		lo, hi   int
		at       int // where the worker was when it ended
		now, end string
		stops    bool
	}{
		{"everything", 0, 21, 4, "cancelled 1:11-21, look w1", "cancelled 1:4-5, cancelled 1:5-11, release 1", true},
		{"the task it is at", 4, 5, 4, "look w1", "cancelled 1:4-5, fork w2 for alice", true},
		{"one that it has reached in silence", 6, 7, 6, "look w1", "lost 1:4-6, cancelled 1:6-7, fork w2 for alice", true},
		{"what it has not reached", 8, 10, 5, "look w1", "lost 1:4-5, lost 1:5-6, cancelled 1:8-10, fork w2 for alice", false},
		{"what is over", 0, 4, 4, "", "lost 1:4-5, fork w2 for alice", false},
		{"what waits", 15, 18, 4, "cancelled 1:15-18", "lost 1:4-5, fork w2 for alice", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b, r := sliced(t)
			require.Equal(t, test.now, show(b.Cancel(b.now, span(test.lo, test.hi))))
			require.Equal(t, map[bool]string{true: "term w1"}[test.stops], show(b.At(b.now, "w1", r.id, test.at)))
			require.Equal(t, test.end, b.dies(r, test.at))
		})
	}
	b, r := sliced(t)
	require.Empty(t, show(b.Cancel(b.now, wire.Span{Bundle: yonder.ID{1}, Attempt: 2, Hi: 21})), "another attempt")
	b.Cancel(b.now, span(6, 11))
	_, actions := b.Ran(b.now, Ran{Worker: "w1", Run: r.id, Lo: 4, Hi: 6})
	require.Equal(t, "look w1", show(actions), "it may have reached what was cancelled")
	require.Empty(t, show(b.At(b.now, "w1", r.id-1, 6)), "it has not begun")
	require.Equal(t, b.now.Add(lookEvery), b.Next(), "it is looked at again")
	b.now = b.Next()
	require.Equal(t, "look w1", show(b.Tick(b.now)))
	require.Equal(t, "term w1", show(b.At(b.now, "w1", r.id, 6)), "it has reached what was cancelled")
	_, actions = b.Ran(b.now, Ran{Worker: "w1", Run: r.id, Lo: 6, Hi: 7})
	require.Empty(t, show(actions), "a result that comes meanwhile counts")
	require.Equal(t, "cancelled 1:7-8, cancelled 1:8-11, fork w2 for alice", b.dies(r, 7))
}

func TestWalltime(t *testing.T) {
	t.Parallel()
	b := newBench(1)
	j := b.job(alice, 1)
	j.Walltime = time.Second
	b.add(j)
	b.hello("w1")
	require.Equal(t, b.now.Add(time.Second), b.Next())
	require.Empty(t, b.tick(999*time.Millisecond))
	require.Equal(t, "term w1", b.tick(time.Millisecond))
	require.Equal(t, b.now.Add(5*time.Second), b.Next())
	require.Equal(t, "kill w1", b.tick(5*time.Second))
	actions := b.Exited(b.now, Exit{Worker: "w1", Run: 1, Index: 0})
	require.Equal(t, "lost 1:0-1, release 1", show(actions))
	require.Equal(t, yonder.CodeWalltimeExceeded, actions[0].(End).Code)
}

func TestWalltimeIsATasksAndNotASlices(t *testing.T) {
	t.Parallel()
	b := newBench(1)
	j := b.job(alice, 21)
	j.Walltime = time.Second
	b.add(j)
	b.hello("w1")
	b.last("w1", 10*time.Millisecond)
	r := b.workers["w1"].run
	for i := r.Lo; i < r.Hi-1; i++ {
		require.Empty(t, b.tick(900*time.Millisecond))
		ok, _ := b.Ran(b.now, Ran{Worker: "w1", Run: r.id, Lo: i, Hi: i + 1, Took: time.Millisecond})
		require.True(t, ok)
	}
	require.Equal(t, "term w1", b.tick(time.Second+reportEvery))
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

func TestIdleWorkersAndKeysGo(t *testing.T) {
	t.Parallel()
	b := newBench(1)
	b.add(b.job(alice, 1))
	b.hello("w1")
	b.last("w1", time.Second)
	require.Empty(t, b.tick(5*time.Minute-1))
	require.Equal(t, "term w1", b.tick(1))
	b.exit("w1")
	require.Empty(t, b.tick(5*time.Minute-1))
	require.Equal(t, "retire alice", b.tick(1))
	require.True(t, b.Next().IsZero())
}

func TestCloseGivesBackWhatWasNotBegun(t *testing.T) {
	t.Parallel()
	b, r := sliced(t)
	require.Equal(t, "term w1, returned 1:11-21", show(b.Close(b.now)))
	require.Equal(t, "lost 1:4-5, returned 1:5-11, release 1", b.dies(r, 4))
	require.True(t, b.Idle())
	require.Empty(t, b.add(b.job(alice, 1)), "nothing begins any more")
}

func TestStatus(t *testing.T) {
	t.Parallel()
	b, _ := sliced(t)
	require.Equal(t, wire.Beat{Busy: 1, Free: 0, Workers: 1}, b.Status())
	require.ElementsMatch(t, []wire.Holding{
		{Span: wire.Span{Bundle: yonder.ID{1}, Attempt: 1, Lo: 4, Hi: 11}, State: yonder.RangeStarted},
		{Span: wire.Span{Bundle: yonder.ID{1}, Attempt: 1, Lo: 11, Hi: 21}, State: yonder.RangeAccepted},
	}, b.Holdings())
}
