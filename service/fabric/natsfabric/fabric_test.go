package natsfabric_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop/startstoptest"
	"github.com/yonder-run/yonder/service/fabric"
	"github.com/yonder-run/yonder/service/fabric/natsfabric"
	"github.com/yonder-run/yonder/wire"
)

const patience = 20 * time.Second

func TestStress(t *testing.T) {
	t.Parallel()
	m := newMemory()
	startstoptest.Stress(t, natsfabric.New(natsfabric.Config{
		Authenticate: m.authenticate, Recheck: m.recheck, Workers: 1, EndpointWorkers: 1, Log: discard,
	}))
}

func TestNothingWorksWhileItDoesNotRun(t *testing.T) {
	t.Parallel()
	f := natsfabric.New(natsfabric.Config{Log: discard})
	unavailable := &yonder.Error{Code: yonder.CodeUnavailable}
	require.ErrorIs(t, f.Ready(), unavailable)
	require.ErrorIs(t, f.Publish(yonder.NewID(), "offer", wire.Frame{}), unavailable)
	require.ErrorIs(t, f.Broadcast("topic", nil), unavailable)
	_, err := f.Serve(nil)
	require.ErrorIs(t, err, unavailable)
	_, err = f.Subscribe("topic", nil)
	require.ErrorIs(t, err, unavailable)
	require.Zero(t, f.Routes())
}

// Whatever an agent tries outside of its own subjects is refused.
func TestAnAgentReachesOnlyItsOwnSubjects(t *testing.T) {
	t.Parallel()
	_, all := cluster(t, 2)
	mine, other := yonder.NewID().String(), yonder.NewID().String()

	for _, subject := range []string{
		"ep." + other + ".offer", "ep." + other + ".>", "ep.*.offer", "ep.>", ">", "*.*.*",
		"svc." + mine + ".report", "svc." + other + ".report", "svc.>", "svc.*.*",
		"_INBOX_" + other + ".>", "_INBOX.>", "_INBOX_" + other, "replica.woken", "replica.>", "$SYS.>", "$SYS.REQ.SERVER.PING", "_R_.>",
	} {
		require.ErrorContains(t, refusedSubscribe(t, all[0], mine, subject), "Permissions Violation", subject)
	}
	for _, subject := range []string{
		"svc." + other + ".report", "svc." + other + ".open", "ep." + mine + ".offer", "ep." + other + ".fence",
		"_INBOX_" + mine + ".x", "_INBOX_" + other + ".x", "_INBOX.x", "replica.woken", "replica.revoked", "$SYS.REQ.SERVER.PING", "anything",
	} {
		require.ErrorContains(t, refusedPublish(t, all[0], mine, subject), "Permissions Violation", subject)
	}
}

func refusedSubscribe(t *testing.T, r *replica, endpoint, subject string) error {
	t.Helper()
	return refused(t, r, endpoint, func(conn *nats.Conn) error {
		_, err := conn.SubscribeSync(subject)
		return err
	})
}

func refusedPublish(t *testing.T, r *replica, endpoint, subject string) error {
	t.Helper()
	return refused(t, r, endpoint, func(conn *nats.Conn) error { return conn.Publish(subject, []byte("x")) })
}

// refused returns the error that the server sends for what is done.
func refused(t *testing.T, r *replica, endpoint string, do func(*nats.Conn) error) error {
	t.Helper()
	errs := make(chan error, 10)
	conn, err := r.dial(endpoint, endpoint, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { errs <- err }))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, do(conn))
	_ = conn.Flush()
	select {
	case err := <-errs:
		return err
	case <-time.After(patience):
		return errors.New("nothing was refused")
	}
}

// A reply subject is the sender's own word: the service must not be led to
// publish where the sender may not.
func TestReplySubjectsOfOthersAreNotServed(t *testing.T) {
	t.Parallel()
	_, all := cluster(t, 1)
	served := make(chan fabric.Request, 10)
	stop, err := all[0].Serve(func(_ context.Context, r fabric.Request, reply func(wire.Frame)) {
		served <- r
		reply(r.Frame)
	})
	require.NoError(t, err)
	t.Cleanup(stop)
	mine, other := yonder.NewID(), yonder.NewID()
	attacker, victim := all[0].connect(t, mine), all[0].connect(t, other)
	for _, reply := range []string{
		"ep." + other.String() + ".fence", "svc." + other.String() + ".report", "_INBOX_" + other.String() + ".x", "ep." + mine.String() + ".offer",
		"_INBOX_" + mine.String() + "x.y",
	} {
		require.NoError(t, attacker.conn.PublishRequest("svc."+mine.String()+".report", reply, frame(t)))
	}
	require.NoError(t, attacker.conn.Publish("svc."+mine.String()+".report", frame(t)))
	_, err = attacker.Ask("report", wire.Frame{Version: wire.Version, Kind: wire.KindReport, Header: []byte("{}")})
	require.NoError(t, err)
	require.Len(t, served, 1, "only the request with an inbox of its own")
	require.Empty(t, victim.hints)
}

func frame(t *testing.T) []byte {
	t.Helper()
	f, err := wire.NewFrame(wire.KindFence, wire.Fence{Epoch: 9})
	require.NoError(t, err)
	return f.Bytes()
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	m, all := cluster(t, 1)
	good, other, gone := yonder.NewID().String(), yonder.NewID().String(), yonder.NewID()
	m.revoke(gone)
	for name, c := range map[string]struct{ bearer, token string }{
		"no bearer":                  {"", good},
		"revoked bearer":             {gone.String(), good},
		"no token":                   {good, ""},
		"unknown token":              {good, "nonsense"},
		"token of another endpoint":  {good, other},
		"revoked token":              {good, gone.String()},
		"bearer of another endpoint": {other, good},
	} {
		_, err := all[0].dial(c.bearer, c.token)
		require.Error(t, err, name)
	}
	_, err := all[0].dial(good, "", nats.UserInfo("service", "guess"))
	require.Error(t, err)
	conn, err := all[0].dial(good, good)
	require.NoError(t, err)
	conn.Close()
}

func TestRevocationDisconnectsOnlyThatEndpoint(t *testing.T) {
	t.Parallel()
	m, all := cluster(t, 1)
	gone, stays := yonder.NewID(), yonder.NewID()
	closed := make(chan struct{})
	conn, err := all[0].dial(gone.String(), gone.String(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	other := all[0].connect(t, stays)
	m.revoke(gone)
	all[0].Recheck(t.Context(), stays)
	require.False(t, conn.IsClosed())
	all[0].Recheck(t.Context(), gone)
	select {
	case <-closed:
	case <-time.After(patience):
		require.FailNow(t, "still connected")
	}
	require.True(t, other.conn.IsConnected())
	require.Eventually(t, func() bool { return all[0].Connections() == 1 }, patience, time.Millisecond)
}

func TestAnEndpointsOldestConnectionGivesWay(t *testing.T) {
	t.Parallel()
	_, all := cluster(t, 1)
	endpoint := yonder.NewID().String()
	var conns []*nats.Conn
	for range 6 {
		conn, err := all[0].dial(endpoint, endpoint)
		require.NoError(t, err)
		t.Cleanup(conn.Close)
		conns = append(conns, conn)
	}
	require.Eventually(t, func() bool { return conns[0].IsClosed() && conns[1].IsClosed() }, patience, time.Millisecond)
	for _, conn := range conns[2:] {
		require.True(t, conn.IsConnected())
	}
}

// In a cluster the server must have a port, over which nobody gets in, and
// must not tell agents of the other replicas' ports.
func TestTheServersOwnPortsAreClosed(t *testing.T) {
	t.Parallel()
	_, all := cluster(t, 2)
	endpoint := yonder.NewID().String()
	conn, err := all[0].dial(endpoint, endpoint)
	require.NoError(t, err)
	t.Cleanup(conn.Close)
	require.Empty(t, conn.DiscoveredServers())

	client, route := all[0].Ports()
	_, err = nats.Connect("nats://"+client, nats.Token(endpoint), nats.NoReconnect())
	require.ErrorContains(t, err, "Authorization Violation")

	raw, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", route)
	require.NoError(t, err)
	t.Cleanup(func() { raw.Close() })
	stranger := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	err = stranger.HandshakeContext(t.Context())
	if err == nil {
		_, err = stranger.Read(make([]byte, 1)) // the server says no after its own part of the handshake
	}
	require.ErrorContains(t, err, "certificate required")
}

// An agent that does not read is cut off, and holds up nobody.
func TestASlowAgentIsCutOff(t *testing.T) {
	t.Parallel()
	_, all := cluster(t, 1)
	slow, quick := yonder.NewID(), yonder.NewID()
	conn, err := dialer{all[0], slow.String()}.InProcessConn()
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "CONNECT {\"auth_token\":%q,\"verbose\":false}\r\nSUB ep.%s.> 1\r\nPING\r\n", slow, slow)
	require.NoError(t, err)
	awaitPong(t, conn)
	other := all[0].connect(t, quick)
	large := wire.Frame{Version: wire.Version, Kind: wire.KindOffer, Header: []byte("{}"), Columns: [][]byte{make([]byte, 400<<10)}}
	require.Eventually(t, func() bool {
		require.NoError(t, all[0].Publish(slow, "offer", large))
		return all[0].Connections() == 1
	}, patience, time.Millisecond)
	require.NoError(t, all[0].Publish(quick, "offer", large))
	require.Equal(t, "offer", (<-other.hints).Verb)
}

func awaitPong(t *testing.T, conn net.Conn) {
	t.Helper()
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		if strings.HasPrefix(line, "PONG") {
			return
		}
	}
}
