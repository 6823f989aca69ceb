package pool

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
