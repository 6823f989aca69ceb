package manager_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/manager"
	"github.com/yonder-run/yonder/manager/workertest"
	"github.com/yonder-run/yonder/wire"
)

func TestReconnectTellsAgainWhatWasNotAcknowledged(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	lease := a.work("add", []any{1, 2}, []any{3, 4})
	first, _ := a.unacknowledged(2)
	file := filepath.Join(t.TempDir(), "go")
	long := a.work("wait_for", []any{file})
	a.recv(wire.KindBegun)
	a.close()

	a.epoch++
	a.listen() // another certificate, port and epoch
	hello := a.welcome()
	require.ElementsMatch(t, []wire.Holding{
		{Span: lease.Span, State: yonder.RangeStarted}, {Span: long.Span, State: yonder.RangeStarted},
	}, hello.Holds)
	require.EqualValues(t, 1, hello.Epoch)
	again, seq := a.unacknowledged(2)
	require.Equal(t, first, again)
	_, columns := a.lease("add", []any{1, 2}, []any{3, 4})
	a.give(lease, columns...) // a span that is here already does not run again
	a.send(wire.KindDoneAck, wire.DoneAck{Seq: seq})
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	done := a.outcomes(1)
	require.Equal(t, long.Bundle, done[0].Bundle)
	a.close()

	a.epoch++
	a.listen()
	require.Eventually(t, func() bool { return len(a.welcome().Holds) == 0 }, patience, time.Millisecond)
}

func TestWorkGoesOnWithoutAnAgent(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	file := filepath.Join(t.TempDir(), "go")
	a.work("wait_for", []any{file})
	a.recv(wire.KindBegun)
	a.close()
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	a.listen()
	a.welcome()
	require.Equal(t, "found", a.outcomes(1)[0].value(t))
}

func TestAnOlderAgentIsRefused(t *testing.T) {
	t.Parallel()
	a := newAgent(t, 5)
	startManager(t, a, nil)
	a.welcome()
	a.close()
	stale := newAgent(t, 4)
	stale.file = a.file
	stale.publish()
	accepted := make(chan error, 1)
	go func() {
		conn, err := stale.listener.Accept()
		if err == nil {
			conn.Close()
		}
		accepted <- err
	}()
	a.epoch = 6
	time.AfterFunc(time.Second, a.listen)
	<-time.After(900 * time.Millisecond) // long enough for a dozen tries
	require.Empty(t, accepted)
	stale.listener.Close()
	require.Error(t, <-accepted)
	require.Eventually(t, func() bool { return a.stamped() }, patience, 5*time.Millisecond)
	require.EqualValues(t, 5, a.welcome().Epoch)
}

// stamped says whether the rendezvous file is this agent's.
func (a *agent) stamped() bool {
	data, err := os.ReadFile(a.file)
	return err == nil && strings.Contains(string(data), `"epoch":6`)
}

func TestANewerAgentIsFoundWhileTheOldOneIsConnected(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	newer := newAgent(t, 2)
	newer.file = a.file
	newer.publish()
	newer.welcome()
	require.EqualValues(t, 3, newer.run("add", 1, 2).value(t))
}

func TestAnImpostorLearnsNothing(t *testing.T) {
	t.Parallel()
	a := newAgent(t, 1)
	other := newAgent(t, 1)
	a.print = other.print // the file names another certificate
	a.publish()
	startManager(t, a, nil)
	conn, err := a.listener.Accept()
	require.NoError(t, err)
	n, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.Zero(t, n)
}

func TestMalformedFramesEndTheConnectionAlone(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	file := filepath.Join(t.TempDir(), "go")
	a.work("wait_for", []any{file})
	a.recv(wire.KindBegun)
	for _, nonsense := range [][]byte{
		{255, 255, 255, 255}, {3, 0, 0, 0, 1, 2, 3}, make([]byte, 64), badFrame(t, wire.KindWork), badFrame(t, wire.KindRan),
	} {
		_, err := a.conn.Write(nonsense)
		require.NoError(t, err)
		require.Len(t, a.welcome().Holds, 1)
	}
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Equal(t, "found", a.outcomes(1)[0].value(t))
}

func badFrame(t *testing.T, kind wire.Kind) []byte {
	t.Helper()
	frame, err := wire.NewFrame(kind, map[string]any{"leases": []any{map[string]any{"columns": 3}}})
	require.NoError(t, err)
	return frame.Bytes()
}

func TestNeedsAreAskedForAgain(t *testing.T) {
	t.Parallel()
	a, _ := connected(t, nil)
	a.silent = true
	a.work("add", []any{1, 2})
	a.recv(wire.KindNeed)
	a.close()
	a.silent = false
	a.epoch++
	a.listen()
	a.welcome()
	require.EqualValues(t, 3, a.outcomes(1)[0].value(t))
}

func TestDrainEndsTheManagerWhenItsWorkIsDone(t *testing.T) {
	t.Parallel()
	a, m := connected(t, nil)
	file := filepath.Join(t.TempDir(), "go")
	a.work("wait_for", []any{file})
	a.recv(wire.KindBegun)
	a.send(wire.KindDrain, wire.Drain{Reason: "the test"})
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Equal(t, "found", a.outcomes(1)[0].value(t))
	<-m.Done()
	require.NoError(t, m.Err())
}

func TestStopTellsWhatItEnded(t *testing.T) {
	t.Parallel()
	a, m := connected(t, func(c *manager.Config) { c.Slots = 1 })
	file := filepath.Join(t.TempDir(), "pids")
	running := a.work("family", []any{file})
	a.recv(wire.KindBegun)
	all := workertest.Numbers(t, file)
	waiting := a.work("add", []any{1, 2})
	a.recv(wire.KindNeed)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		m.Stop()
	}()
	lost := map[yonder.ID]*wire.Loss{}
	for len(lost) < 2 {
		var done wire.Done
		frame := a.recv(wire.KindDone)
		require.NoError(t, frame.Decode(frame.Kind, &done))
		for _, loss := range done.Lost {
			lost[loss.Bundle] = &loss
		}
		a.send(wire.KindDoneAck, wire.DoneAck{Seq: done.Seq})
	}
	require.True(t, lost[running.Bundle].Started)
	require.False(t, lost[waiting.Bundle].Started)
	<-stopped
	for _, pid := range all {
		workertest.Gone(t, pid)
	}
}

func TestAnOrphanEnds(t *testing.T) {
	t.Parallel()
	a, m := connected(t, func(c *manager.Config) { c.OrphanIdle = 2 * time.Second })
	a.close()
	require.NoError(t, os.Remove(a.file))
	select {
	case <-m.Done():
	case <-time.After(patience):
		require.FailNow(t, "it does not end")
	}
	require.NoError(t, m.Err())
}

func TestRendezvousMustBePrivate(t *testing.T) {
	t.Parallel()
	a := newAgent(t, 1)
	require.NoError(t, os.Chmod(a.file, 0o644))
	err := manager.Run(t.Context(), manager.Config{Rendezvous: a.file})
	require.Equal(t, yonder.CodeForbidden, yonder.CodeOf(err))
	require.ErrorContains(t, err, "chmod 600")
	require.Equal(t, yonder.CodeInvalidConfig, yonder.CodeOf(manager.Run(t.Context(), manager.Config{})))
}
