// Package fabrictest is the conformance suite of the seam fabric.Fabric: every
// driver passes it, alone and as one of several replicas.
package fabrictest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/fabric"
	"github.com/yonder-run/yonder/wire"
)

// Peer is an endpoint's agent, connected to one replica.
type Peer interface {
	// Ask sends a request and waits for its answer.
	Ask(verb string, frame wire.Frame) (wire.Frame, error)
	// Answer has questions answered with what answer returns, until it returns
	// nothing.
	Answer(answer func(wire.Frame) *wire.Frame)
	// Hear returns the verbs and frames of hints, in order.
	Hear() <-chan Hint
}

// Hint is what the service said unasked.
type Hint struct {
	Verb  string
	Frame wire.Frame
	// Answer replies to a question.
	Answer func(wire.Frame)
}

// Replicas is a running fabric of one replica or more.
type Replicas struct {
	Fabrics []fabric.Fabric
	// Connect connects an endpoint's agent to a replica until the test ends.
	Connect func(t *testing.T, replica int, endpoint yonder.ID) Peer
}

// last returns the replica that is farthest from the first.
func (r Replicas) last() fabric.Fabric { return r.Fabrics[len(r.Fabrics)-1] }

const patience = 20 * time.Second

// Run runs the suite; start starts a fabric that stops with the test.
func Run(t *testing.T, start func(t *testing.T) Replicas) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Replicas){
		"HintsArriveInOrderFromAnyReplica": hintsArrive,
		"HintsReachOnlyTheirEndpoint":      hintsAreApart,
		"QuestionsAreAnsweredToAnyReplica": answers,
		"NobodyAnswersAtOnce":              noAnswer,
		"EachRequestHasOneHandler":         oneHandler,
		"HandlersMayGoOnAfterTheirAnswer":  goOn,
		"StoppingWaitsForHandlers":         stopWaits,
		"MalformedRequestsAreAnswered":     malformed,
		"BroadcastsReachTheOthers":         broadcasts,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t))
		})
	}
}

func frame(t *testing.T, n int) wire.Frame {
	t.Helper()
	f, err := wire.NewFrame(wire.KindHeartbeat, wire.Spans{Epoch: int64(n)}, []byte("column"))
	require.NoError(t, err)
	return f
}

func epoch(t *testing.T, f wire.Frame) int {
	t.Helper()
	var s wire.Spans
	require.NoError(t, f.Decode(wire.KindHeartbeat, &s), "%s", f.Header)
	return int(s.Epoch)
}

func echo(_ context.Context, r fabric.Request, reply func(wire.Frame)) { reply(r.Frame) }

func next(t *testing.T, p Peer) Hint {
	t.Helper()
	select {
	case hint := <-p.Hear():
		return hint
	case <-time.After(patience):
		require.FailNow(t, "no hint came")
		return Hint{}
	}
}

func hintsArrive(t *testing.T, r Replicas) {
	t.Helper()
	endpoint := yonder.NewID()
	peer := r.Connect(t, 0, endpoint)
	for _, f := range r.Fabrics {
		for i := range 100 {
			require.NoError(t, f.Publish(endpoint, "offer", frame(t, i)))
		}
		for i := range 100 {
			hint := next(t, peer)
			require.Equal(t, "offer", hint.Verb)
			require.Equal(t, i, epoch(t, hint.Frame))
			require.Equal(t, [][]byte{[]byte("column")}, hint.Frame.Columns)
		}
	}
}

func hintsAreApart(t *testing.T, r Replicas) {
	t.Helper()
	mine, other := yonder.NewID(), yonder.NewID()
	peer, stranger := r.Connect(t, 0, mine), r.Connect(t, 0, other)
	require.NoError(t, r.last().Publish(mine, "offer", frame(t, 1)))
	require.NoError(t, r.last().Publish(other, "offer", frame(t, 2)))
	require.Equal(t, 1, epoch(t, next(t, peer).Frame))
	require.Equal(t, 2, epoch(t, next(t, stranger).Frame))
}

func answers(t *testing.T, r Replicas) {
	t.Helper()
	endpoint := yonder.NewID()
	r.Connect(t, 0, endpoint).Answer(func(f wire.Frame) *wire.Frame {
		if epoch(t, f) < 0 {
			return nil
		}
		return &f
	})
	for _, f := range r.Fabrics {
		var asking errgroup.Group
		got := make([]wire.Frame, 100)
		for i := range got {
			question := frame(t, i)
			asking.Go(func() (err error) {
				got[i], err = f.Ask(t.Context(), endpoint, "tail", question)
				return err
			})
		}
		require.NoError(t, asking.Wait())
		for i := range got {
			require.Equal(t, i, epoch(t, got[i]))
		}
		why := errors.New("long enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Millisecond, why)
		_, err := f.Ask(ctx, endpoint, "tail", frame(t, -1))
		require.ErrorIs(t, err, why)
		cancel()
	}
}

func noAnswer(t *testing.T, r Replicas) {
	t.Helper()
	for _, f := range r.Fabrics {
		_, err := f.Ask(t.Context(), yonder.NewID(), "tail", frame(t, 1))
		require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(err), "%v", err)
		require.ErrorContains(t, err, "not connected")
	}
}

func oneHandler(t *testing.T, r Replicas) {
	t.Helper()
	var handled atomic.Int64
	for _, f := range r.Fabrics {
		stop, err := f.Serve(func(ctx context.Context, request fabric.Request, reply func(wire.Frame)) {
			handled.Add(1)
			echo(ctx, request, reply)
		})
		require.NoError(t, err)
		t.Cleanup(stop)
	}
	for replica := range r.Fabrics {
		peer := r.Connect(t, replica, yonder.NewID())
		for i := range 100 {
			answer, err := peer.Ask("report", frame(t, i))
			require.NoError(t, err)
			require.Equal(t, i, epoch(t, answer))
		}
	}
	require.EqualValues(t, 100*len(r.Fabrics), handled.Load())
}

func goOn(t *testing.T, r Replicas) {
	t.Helper()
	went := make(chan fabric.Request, 1)
	answered := make(chan struct{})
	stop, err := r.last().Serve(func(_ context.Context, request fabric.Request, reply func(wire.Frame)) {
		reply(request.Frame)
		<-answered
		went <- request
	})
	require.NoError(t, err)
	t.Cleanup(stop)
	endpoint := yonder.NewID()
	_, err = r.Connect(t, 0, endpoint).Ask("accept", frame(t, 1))
	require.NoError(t, err)
	close(answered)
	request := <-went
	require.Equal(t, endpoint, request.Endpoint)
	require.Equal(t, "accept", request.Verb)
}

func stopWaits(t *testing.T, r Replicas) {
	t.Helper()
	entered, ended := make(chan struct{}), make(chan struct{})
	stop, err := r.last().Serve(func(ctx context.Context, request fabric.Request, reply func(wire.Frame)) {
		close(entered)
		<-ctx.Done()
		require.Equal(t, yonder.CodeUnavailable, yonder.CodeOf(context.Cause(ctx)))
		reply(request.Frame)
		close(ended)
	})
	require.NoError(t, err)
	peer := r.Connect(t, 0, yonder.NewID())
	request := frame(t, 1)
	var asking sync.WaitGroup
	asking.Go(func() { _, _ = peer.Ask("report", request) })
	t.Cleanup(asking.Wait)
	<-entered
	stop()
	select {
	case <-ended:
	default:
		require.FailNow(t, "stop returned before the handler")
	}
}

func malformed(t *testing.T, r Replicas) {
	t.Helper()
	stop, err := r.last().Serve(echo)
	require.NoError(t, err)
	t.Cleanup(stop)
	peer := r.Connect(t, 0, yonder.NewID())
	for _, f := range []wire.Frame{
		{Version: 99, Kind: wire.KindReport, Header: []byte("{}")},
		{Version: wire.Version, Kind: wire.KindReport, Header: []byte("{}"), Columns: [][]byte{make([]byte, wire.MaxFabricFrame)}},
	} {
		answer, err := peer.Ask("report", f)
		require.NoError(t, err)
		var refusal yonder.Error
		require.NoError(t, answer.Decode(wire.KindError, &refusal))
		require.NotEmpty(t, refusal.Message)
	}
}

func broadcasts(t *testing.T, r Replicas) {
	t.Helper()
	heard := make(chan string, 10)
	for _, f := range r.Fabrics {
		stop, err := f.Subscribe("topic", func(data []byte) { heard <- string(data) })
		require.NoError(t, err)
		t.Cleanup(stop)
	}
	// A subscription takes a moment to be known at other replicas, and a hint
	// may be lost: the sender repeats it, as senders do.
	others := len(r.Fabrics) - 1
	got := 0
	require.Eventually(t, func() bool {
		require.NoError(t, r.last().Broadcast("topic", []byte("look")))
		for {
			select {
			case text := <-heard:
				require.Equal(t, "look", text)
				got++
			default:
				return got >= others
			}
		}
	}, patience, 10*time.Millisecond)
	if others == 0 {
		require.Zero(t, got, "a replica does not hear itself")
	}
}
