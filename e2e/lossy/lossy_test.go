package lossy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/yonder-run/yonder/e2e/lossy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a server that says again what it hears, to the end of it.
func echo(t *testing.T) func(context.Context) (net.Conn, error) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	return func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
	}
}

func open(t *testing.T, q lossy.Quality) *lossy.Link {
	t.Helper()
	l, err := lossy.New(7, q, echo(t))
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

func dial(t *testing.T, l *lossy.Link) net.Conn {
	t.Helper()
	conn, err := l.Open(t.Context())
	require.NoError(t, err)
	return conn
}

// Whatever is lost on the way, each byte arrives once and in order.
func TestWhatIsLostComesAgain(t *testing.T) {
	t.Parallel()
	l := open(t, lossy.Quality{Delay: 2 * time.Millisecond, Loss: 0.05})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			sent := make([]byte, 1<<20)
			random := rand.NewChaCha8([32]byte{byte(i)})
			_, _ = random.Read(sent)
			conn, err := l.Open(t.Context())
			if !assertNil(t, err) {
				return
			}
			defer conn.Close()
			go func() {
				_, _ = io.Copy(conn, bytes.NewReader(sent))
				_ = conn.(interface{ CloseWrite() error }).CloseWrite()
			}()
			heard, err := io.ReadAll(conn)
			if assertNil(t, err) && sha256.Sum256(sent) != sha256.Sum256(heard) {
				t.Errorf("sent %d bytes, heard %d others", len(sent), len(heard))
			}
		})
	}
	all.Wait()
	carried, lost := l.Packets()
	require.InDelta(t, 0.05, float64(lost)/float64(carried+lost), 0.02, "%d of %d", lost, carried)
}

func assertNil(t *testing.T, err error) bool {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// A way that loses everything is silent; what was sent into it arrives when it
// is there again.
func TestALinkThatIsGoneAndBack(t *testing.T) {
	t.Parallel()
	l := open(t, lossy.Quality{})
	conn := dial(t, l)
	l.Set(lossy.Quality{Loss: 1})
	_, err := io.WriteString(conn, "hello")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	heard := make([]byte, 5)
	_, err = conn.Read(heard)
	require.ErrorContains(t, err, "timeout")
	require.NoError(t, conn.SetReadDeadline(time.Time{}))
	l.Set(lossy.Quality{})
	_, err = io.ReadFull(conn, heard)
	require.NoError(t, err)
	require.Equal(t, "hello", string(heard))
}

func TestALinkIsSlowEachWay(t *testing.T) {
	t.Parallel()
	const delay = 25 * time.Millisecond
	l := open(t, lossy.Quality{Delay: delay})
	began := time.Now()
	conn := dial(t, l)
	require.GreaterOrEqual(t, time.Since(began), 2*delay)
	_, err := io.WriteString(conn, "x")
	require.NoError(t, err)
	_, err = io.ReadFull(conn, make([]byte, 1))
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(began), 4*delay)
}

func TestNobodyAtTheFarEnd(t *testing.T) {
	t.Parallel()
	l, err := lossy.New(1, lossy.Quality{}, func(context.Context) (net.Conn, error) { return nil, net.ErrClosed })
	require.NoError(t, err)
	t.Cleanup(l.Close)
	_, err = io.ReadAll(dial(t, l))
	require.NoError(t, err, "an orderly end, as the stacks are there")
}

// Connections that are open when the link closes end with it.
func TestCloseEndsWhatIsOpen(t *testing.T) {
	t.Parallel()
	l, err := lossy.New(1, lossy.Quality{}, echo(t))
	require.NoError(t, err)
	conn := dial(t, l)
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		ended <- err
	}()
	l.Close()
	require.Error(t, <-ended)
}
