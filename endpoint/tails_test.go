package endpoint_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/endpoint"
	"github.com/yonder-run/yonder/wire"
)

// running is a site whose tasks run until the test lets them end.
func running(t *testing.T, change func(*endpoint.Config)) (*brain, *site, *fakeManager) {
	t.Helper()
	b := newBrain(t, 3)
	s := newSite(t, b)
	if change != nil {
		change(&s.cfg)
	}
	s.provider.setup = func(m *fakeManager) { m.hold = true }
	s.start(t)
	b.opens.Wait(t)
	require.Eventually(t, func() bool { b.offer(3); return b.accepted() == 3 }, 20*time.Second, 20*time.Millisecond)
	m := s.provider.made.Wait(t)
	m.got.Wait(t)
	return b, s, m
}

type told struct {
	wire.Tailed
	columns [][]byte
}

// tail asks for what a task has said; done gets the answer.
func (b *brain) tail(t *testing.T, index, attempt int) <-chan told {
	t.Helper()
	done := make(chan told, 1)
	go func() {
		frame := b.Ask("tail", wire.KindTail, wire.Tail{
			Seq: 5, Task: b.bundle.Task(index), After: wire.Mark{Attempt: attempt, Output: 4}, Wait: 10, Bytes: 100, Output: true,
		})
		var answer told
		if frame.Decode(wire.KindTailed, &answer.Tailed) == nil {
			answer.columns = frame.Columns
			done <- answer
		}
	}()
	return done
}

func TestQuestionsReachTheManagerThatHasTheTask(t *testing.T) {
	t.Parallel()
	b, _, m := running(t, nil)
	answer := b.tail(t, 1, 1)
	asked := m.asked.Wait(t)
	require.Equal(t, b.bundle.Task(1), asked.Task)
	require.Equal(t, wire.Mark{Attempt: 1, Output: 4}, asked.After)
	m.tailed(wire.Tailed{Seq: asked.Seq + 1, State: wire.TailRunning}) // of nobody's
	m.tailed(wire.Tailed{
		Seq: asked.Seq, State: wire.TailRunning, Next: wire.Mark{Attempt: 1, Output: 9},
		Pieces: []wire.Piece{{Stream: wire.StreamStdout, At: 4}},
	}, []byte("hello"))
	got := <-answer
	require.EqualValues(t, 5, got.Seq)
	require.Equal(t, wire.Mark{Attempt: 1, Output: 9}, got.Next)
	require.Equal(t, [][]byte{[]byte("hello")}, got.columns)
	require.Zero(t, got.Pause)

	require.Equal(t, wire.TailUnknown, (<-b.tail(t, 1, 2)).State, "of another attempt")
	require.Equal(t, wire.TailUnknown, (<-b.tail(t, 3, 1)).State, "there is no such task")
}

// The end of a task's output is asked for where it was, even when its result
// has left the agent.
func TestTheEndOfTheOutputIsFoundAfterTheResult(t *testing.T) {
	t.Parallel()
	b, _, m := running(t, nil)
	answer := b.tail(t, 1, 1)
	asked := m.asked.Wait(t)
	m.tailed(wire.Tailed{Seq: asked.Seq, State: wire.TailRunning})
	<-answer
	m.release()
	b.pump(t, 3)
	answer = b.tail(t, 1, 1)
	asked = m.asked.Wait(t)
	m.tailed(wire.Tailed{Seq: asked.Seq, State: wire.TailEnded})
	require.Equal(t, wire.TailEnded, (<-answer).State)
	require.Equal(t, wire.TailUnknown, (<-b.tail(t, 2, 1)).State, "nobody has asked about this one")
}

func TestAManagerThatIsGoneCannotBeAsked(t *testing.T) {
	t.Parallel()
	b, _, m := running(t, nil)
	answer := b.tail(t, 1, 1)
	m.asked.Wait(t)
	m.Stop()
	got := <-answer
	require.Equal(t, wire.TailAway, got.State)
	require.Contains(t, got.Message, "is not connected")
	require.Equal(t, wire.Mark{Attempt: 1, Output: 4}, got.Next)
	require.Positive(t, got.Pause)
	require.Equal(t, wire.TailAway, (<-b.tail(t, 1, 1)).State)
}

// All readers together get so many bytes a second.
func TestReadersAreToldToWait(t *testing.T) {
	t.Parallel()
	b, _, m := running(t, func(c *endpoint.Config) { c.Limits.LiveBytes = 1 << 10 })
	var pause float64
	for range 3 {
		answer := b.tail(t, 1, 1)
		asked := m.asked.Wait(t)
		m.tailed(wire.Tailed{
			Seq: asked.Seq, State: wire.TailRunning, Pieces: []wire.Piece{{Stream: wire.StreamStdout}},
		}, make([]byte, 300<<10))
		pause = (<-answer).Pause
	}
	require.Greater(t, pause, 100.0)
}
