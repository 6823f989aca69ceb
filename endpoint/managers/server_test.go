package managers_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/managers"
	"github.com/yonder-run/yonder/endpoint/managertest"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnswersReachTheDesk(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	c := b.dial(t, hello)
	require.NoError(t, c.Send(wire.KindTailed, wire.Tailed{Seq: 7, Pieces: []wire.Piece{{Stream: wire.StreamStdout}}}, []byte("x")))
	require.EqualValues(t, 7, b.desk.told.Wait(t).Seq)
	require.NoError(t, c.Send(wire.KindTailed, wire.Tailed{Seq: 8}, []byte("one too many")))
	b.desk.gone.Wait(t)
}

func TestConversation(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	c := b.dial(t, hello)
	require.EqualValues(t, 3, c.Welcome.Epoch)
	require.Equal(t, 4, c.Rendezvous.Slots)
	require.NoError(t, c.Send(wire.KindBegun, wire.Spans{Spans: []wire.Span{{Hi: 1}}}))
	require.Len(t, b.desk.begun.Wait(t), 1)
	require.NoError(t, c.Send(wire.KindBeat, wire.Beat{Busy: 2}))
	require.Equal(t, 2, b.desk.beats.Wait(t).Busy)
	require.NoError(t, c.Send(wire.KindDone, wire.Done{Seq: 5, Results: []wire.Entry{{Hi: 1}}}, []byte("x")))
	require.Len(t, b.desk.dones.Wait(t).Results, 1)
	ack, _, err := managertest.Expect[wire.DoneAck](c, wire.KindDoneAck)
	require.NoError(t, err)
	require.EqualValues(t, 5, ack.Seq)
	require.True(t, b.desk.current().Send(wire.KindWork, wire.Work{}, []byte("payload")))
	_, columns, err := managertest.Expect[wire.Work](c, wire.KindWork)
	require.NoError(t, err)
	require.Equal(t, "payload", string(columns[0]))
	beat, err := c.Recv()
	require.NoError(t, err)
	require.Equal(t, wire.KindBeat, beat.Kind, "silence is broken by beats")
	c.Close()
	require.Error(t, b.desk.gone.Wait(t))
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	for _, file := range []string{b.file, filepath.Join(filepath.Dir(b.file), "secret")} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.EqualValues(t, 0o600, info.Mode().Perm(), file)
	}
	first, err := managertest.Read(b.file)
	require.NoError(t, err)
	b.server.Stop()
	require.NoError(t, b.server.SetEpoch(4))
	require.NoError(t, b.server.Start(t.Context()))
	second, err := managertest.Read(b.file)
	require.NoError(t, err)
	require.EqualValues(t, 4, second.Epoch)
	require.NotEqual(t, first.Fingerprint, second.Fingerprint)
	again, err := managers.Secret(filepath.Join(filepath.Dir(b.file), "secret"))
	require.NoError(t, err)
	require.Equal(t, first.Secret, again)
	require.Equal(t, second.Secret, again)
}

func TestStrangersAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		hello wire.ManagerHello
		code  yonder.Code
	}{
		"wrong secret":   {wire.ManagerHello{Manager: "m", Slots: 1, Secret: "guess"}, yonder.CodeUnauthenticated},
		"no name":        {wire.ManagerHello{Slots: 1}, yonder.CodeInvalidRequest},
		"no slots":       {wire.ManagerHello{Manager: "m"}, yonder.CodeInvalidRequest},
		"a newer master": {wire.ManagerHello{Manager: "m", Slots: 1, Epoch: 9}, yonder.CodeSessionFenced},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := managertest.Dial(t.Context(), setup(t).start(t).file, test.hello)
			require.Equal(t, test.code, yonder.CodeOf(err))
		})
	}
}

func TestDeskMayRefuse(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	b.desk.failing(yonder.Errorf(yonder.CodeUnavailable, "not now"))
	_, err := managertest.Dial(t.Context(), b.file, hello)
	require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(err))
	require.Zero(t, b.desk.gone.Pending(), "who was not let in cannot go")
}

func TestNonsenseEndsItsConnectionOnly(t *testing.T) {
	t.Parallel()
	other := wire.ManagerHello{Manager: "m2", Slots: 1}
	for name, say := range map[string]func(c *managertest.Client) error{
		"not a frame":     func(c *managertest.Client) error { return c.Write(bytes.Repeat([]byte{0xff}, 100)) },
		"not for agents":  func(c *managertest.Client) error { return c.Send(wire.KindWork, wire.Work{}) },
		"not its columns": func(c *managertest.Client) error { return c.Send(wire.KindDone, wire.Done{}, []byte("x")) },
		"an empty need":   func(c *managertest.Client) error { return c.Send(wire.KindNeed, wire.Need{}) },
		"a stray chunk":   func(c *managertest.Client) error { return c.Send(wire.KindBlobChunk, wire.BlobChunk{}) },
		"another header": func(c *managertest.Client) error {
			return c.Send(wire.KindBeat, "text")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t).start(t)
			good := b.dial(t, hello)
			bad := b.dial(t, other)
			require.NoError(t, say(bad))
			require.Error(t, b.desk.gone.Wait(t))
			require.NoError(t, good.Send(wire.KindBeat, wire.Beat{Busy: 1}))
			b.desk.beats.Wait(t)
		})
	}
}

func TestDoneIsNotAcknowledgedBeforeItIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	c := b.dial(t, hello)
	b.desk.failing(errors.New("disk full"))
	require.NoError(t, c.Send(wire.KindDone, wire.Done{Seq: 1}))
	require.ErrorContains(t, b.desk.gone.Wait(t), "disk full")
	_, _, err := managertest.Expect[wire.DoneAck](c, wire.KindDoneAck)
	require.Error(t, err)
}

func TestReconnectingManagerReplacesItself(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	old := b.dial(t, hello)
	fresh := b.dial(t, hello)
	require.ErrorContains(t, b.desk.gone.Wait(t), "anew")
	_, _, err := managertest.Expect[wire.Work](old, wire.KindWork)
	require.Error(t, err)
	require.NoError(t, fresh.Send(wire.KindBeat, wire.Beat{}))
	b.desk.beats.Wait(t)
}

func TestSilentManagerIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	b.dial(t, hello)
	require.ErrorContains(t, b.desk.gone.Wait(t), "timeout")
}

func TestManagerThatDoesNotReadIsGivenUp(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	c := b.dial(t, hello)
	payload := make([]byte, 1<<20)
	stop := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				_ = c.Send(wire.KindBeat, wire.Beat{})
			}
		}
	})
	for b.desk.current().Send(wire.KindWork, wire.Work{}, payload) {
		continue
	}
	require.ErrorContains(t, b.desk.gone.Wait(t), "does not read")
	close(stop)
	beating.Wait()
}

func TestBusyAddress(t *testing.T) {
	t.Parallel()
	b := setup(t).start(t)
	r, err := managertest.Read(b.file)
	require.NoError(t, err)
	second := managers.New(managers.Config{Listen: r.Addresses[0], File: b.file + "2", Logger: slog.New(slog.DiscardHandler)}, b.desk, b.library)
	require.Equal(t, yonder.CodePortInUse, yonder.CodeOf(second.Start(t.Context())))
}

func TestAllInterfacesAreAdvertisedByTheirAddresses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for listen, advertise := range map[string][]string{"0.0.0.0:0": nil, "127.0.0.1:0": {"login1.example.org"}} {
		file := filepath.Join(dir, listen)
		s := managers.New(managers.Config{
			Listen: listen, Advertise: advertise, File: file, Logger: slog.New(slog.DiscardHandler),
		}, &desk{}, &library{})
		require.NoError(t, s.Start(t.Context()))
		r, err := managertest.Read(file)
		require.NoError(t, err)
		require.NotEmpty(t, r.Addresses)
		for _, address := range r.Addresses {
			require.NotContains(t, address, "0.0.0.0")
		}
		if advertise != nil {
			require.True(t, strings.HasPrefix(r.Addresses[0], advertise[0]+":"))
		}
		s.Stop()
	}
}

func TestLife(t *testing.T) {
	t.Parallel()
	startstoptest.Stress(t, setup(t).server)
}
