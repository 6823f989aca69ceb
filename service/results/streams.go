package results

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/service/quota"
	"github.com/yonder-run/yonder/wire"
)

// Access is what a stream may read, asked again while it lasts.
type Access struct {
	// Group refuses groups that the client may not follow.
	Group func(ctx context.Context, group yonder.ID) error
	// Still refuses a client whose token has ended.
	Still func(ctx context.Context) error
	Token yonder.ID
	Who
}

// Who reads, and how many streams, and requests that wait, they may have at
// one time; 0: any number.
type Who struct {
	Identity yonder.ID
	Streams  int64
}

// Streams serves all streams of this replica. Stopping it ends them with a
// code that makes clients connect again at once.
type Streams struct {
	startstop.Base
	Reader

	// Max bounds the streams at one time, MaxGroups the groups of one.
	Max       int
	MaxGroups int
	Log       *slog.Logger

	share quota.Counter // of identities
	mu    sync.Mutex
	open  map[*session]struct{}
	life  context.Context //nolint:containedctx // of the running service; nil while it does not run
	wait  sync.WaitGroup
}

// session is one open stream, of either kind.
type session struct {
	token yonder.ID
	// check asks for a look at whether the token still holds.
	check chan struct{}
}

// still says whether the token still holds, if somebody asked for a look. It
// is asked between pages, because a backlog can last longer than a token.
func (s *session) still(ctx context.Context, access Access) error {
	select {
	case <-s.check:
		return access.Still(ctx)
	default:
		return nil
	}
}

// errStopping ends streams when the service stops.
var errStopping = yonder.Errorf(yonder.CodeUnavailable, "the service is restarting: connect again")

// Start lets streams be served.
func (s *Streams) Start(ctx context.Context) error { return s.Base.Start(ctx, s.run) }

func (s *Streams) run(ctx context.Context, ready func()) error {
	life, end := context.WithCancelCause(context.WithoutCancel(ctx))
	s.mu.Lock()
	s.life, s.open = life, map[*session]struct{}{}
	s.mu.Unlock()
	ready()
	<-ctx.Done()
	s.mu.Lock()
	s.life = nil
	s.mu.Unlock()
	end(errStopping)
	s.wait.Wait()
	return context.Cause(ctx)
}

// enter counts a stream in and returns its life, which ends with the
// request's, the service's or the returned function.
func (s *Streams) enter(ctx context.Context, token yonder.ID, who Who) (context.Context, *session, func(error), error) {
	release, err := s.share.Take(who.Identity, who.Streams, yonder.LimitStreams, "of yours are open")
	if err != nil {
		return nil, nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life == nil {
		release()
		return nil, nil, nil, errStopping
	}
	if len(s.open) >= s.Max {
		release()
		return nil, nil, nil, yonder.LimitError(yonder.LimitStreams, int64(len(s.open)), int64(s.Max), 1,
			"of all users are open at this replica; one stream follows many groups")
	}
	one := &session{token: token, check: make(chan struct{}, 1)}
	s.open[one] = struct{}{}
	s.wait.Add(1)
	ctx, end := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.life, func() { end(errStopping) })
	return ctx, one, func(err error) {
		stop()
		end(err)
		release()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, one)
		s.wait.Done()
	}, nil
}

// Page is Reader.Page, ended by the end of the service if it waits.
func (s *Streams) Page(
	ctx context.Context, who Who, group yonder.ID, cursor int64, limit int, wait time.Duration,
) (page wire.ResultPage, columns [][]byte, err error) {
	err = s.waiting(ctx, who, wait, func(ctx context.Context) error {
		page, columns, err = s.Reader.Page(ctx, group, cursor, limit, wait)
		return err
	})
	return page, columns, err
}

// Task is Reader.Task, ended by the end of the service if it waits.
func (s *Streams) Task(
	ctx context.Context, who Who, group, task yonder.ID, wait time.Duration,
) (entry wire.ResultEntry, payload []byte, err error) {
	err = s.waiting(ctx, who, wait, func(ctx context.Context) error {
		entry, payload, err = s.Reader.Task(ctx, group, task, wait)
		return err
	})
	return entry, payload, err
}

// waiting counts a request that waits as a stream.
func (s *Streams) waiting(ctx context.Context, who Who, wait time.Duration, read func(ctx context.Context) error) error {
	if wait <= 0 {
		return read(ctx)
	}
	ctx, _, leave, err := s.enter(ctx, yonder.ID{}, who)
	if err != nil {
		return err
	}
	defer leave(nil)
	return read(ctx)
}

// Open is how many streams there are.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Recheck makes streams of the token ask whether it still holds.
func (s *Streams) Recheck(token yonder.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for one := range s.open {
		if one.token == token {
			select {
			case one.check <- struct{}{}:
			default:
			}
		}
	}
}

// Times and sizes of a stream.
const (
	maxSubscribe  = 64 << 10         // bytes of a message from the client
	pingEvery     = 20 * time.Second // to an idle client too
	writeTimeout  = time.Minute      // for one frame or pong, of the slowest reader
	recheckEvery  = 30 * time.Second // should the hint of a revocation be lost
	subscribeRoom = 16               // messages of the client waiting to be looked at
)

// Serve runs the WebSocket stream of one client until either side ends it.
func (s *Streams) Serve(w http.ResponseWriter, r *http.Request, access Access) error {
	ctx, one, leave, err := s.enter(r.Context(), access.Token, access.Who)
	if err != nil {
		return err
	}
	defer leave(nil)
	ws, err := websocket.Accept(w, r, nil)
	if err != nil { // it has answered by itself
		s.Log.DebugContext(ctx, "stream refused", "error", err)
		return nil
	}
	defer func() { _ = ws.CloseNow() }() // closed properly below where it can be
	ws.SetReadLimit(maxSubscribe)
	c := newClient(s, ws, one, access)
	defer c.watch.Close()
	// The connection outlives the stream, so that the last word gets through.
	conn, drop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer drop(nil)
	c.conn = conn
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return c.listen(ctx) })
	tasks.Go(func() error { return c.send(ctx) })
	tasks.Go(func() error { return c.ping(ctx) })
	<-ctx.Done()
	c.finish(context.Cause(ctx))
	drop(nil)
	err = tasks.Wait()
	s.Log.DebugContext(ctx, "stream ended", "reason", err)
	return nil
}
