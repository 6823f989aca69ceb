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
