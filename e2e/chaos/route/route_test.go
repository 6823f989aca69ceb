package route_test

import (
	"bufio"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/e2e/chaos/route"
)

// echo is a server that says each line again.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func open(t *testing.T, targets ...string) *route.Route {
	t.Helper()
	r, err := route.Listen(t.Context(), targets...)
	require.NoError(t, err)
	t.Cleanup(r.Close)
	return r
}

type line struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, r *route.Route) *line {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return &line{t, conn, bufio.NewReader(conn)}
}

func (l *line) send(text string) {
	l.t.Helper()
	_, err := io.WriteString(l.conn, text+"\n")
	require.NoError(l.t, err)
}

func (l *line) hear(text string) {
	l.t.Helper()
	got, err := l.in.ReadString('\n')
	require.NoError(l.t, err)
	require.Equal(l.t, text+"\n", got)
}

func (l *line) broken() {
	l.t.Helper()
	_, err := l.in.ReadString('\n')
	require.Error(l.t, err)
}

func TestATargetThatIsGoneIsLeftOut(t *testing.T) {
	t.Parallel()
	gone, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	gone.Close()
	r := open(t, gone.Addr().String(), echo(t))
	for range 3 {
		l := dial(t, r)
		l.send("one")
		l.hear("one")
	}
}

func TestACutResetsWhatIsOpenAndWhatComes(t *testing.T) {
	t.Parallel()
	r := open(t, echo(t))
	l := dial(t, r)
	l.send("one")
	l.hear("one")
	r.Set(route.Way{Cut: true})
	l.broken()
	if conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.Addr()); err == nil { // else it was reset at once
		(&line{t, conn, bufio.NewReader(conn)}).broken()
	}
	r.Set(route.Way{})
	l = dial(t, r)
	l.send("two")
	l.hear("two")
}

func TestWhatAHoleHeldGoesOnAfterIt(t *testing.T) {
	t.Parallel()
	r := open(t, echo(t))
	l := dial(t, r)
	l.send("one")
	l.hear("one")
	r.Set(route.Way{Hole: true})
	l.send("two")
	require.NoError(t, l.conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	l.broken()
	require.NoError(t, l.conn.SetReadDeadline(time.Time{}))
	r.Set(route.Way{})
	l.hear("two")
}

func TestASlowWayIsSlowEachWayAndBreaks(t *testing.T) {
	t.Parallel()
	r := open(t, echo(t))
	l := dial(t, r)
	const delay = 25 * time.Millisecond
	r.Set(route.Way{Delay: delay})
	began := time.Now()
	l.send("one")
	l.hear("one")
	require.GreaterOrEqual(t, time.Since(began), 2*delay)
	r.Set(route.Way{Reset: time.Millisecond})
	l.broken()
}

func TestALossyRouteIsCutAndGoesSilent(t *testing.T) {
	t.Parallel()
	r, err := route.ListenLossy(t.Context(), "127.0.0.1:0", 1, echo(t))
	require.NoError(t, err)
	t.Cleanup(r.Close)
	usual := route.Way{Delay: time.Millisecond, Loss: 0.1}
	r.Set(usual)
	l := dial(t, r)
	l.send("one")
	l.hear("one")
	r.Set(route.Way{Hole: true})
	l.send("two")
	require.NoError(t, l.conn.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	l.broken()
	require.NoError(t, l.conn.SetReadDeadline(time.Time{}))
	r.Set(usual)
	l.hear("two")
	r.Set(route.Way{Cut: true})
	l.broken()
}
