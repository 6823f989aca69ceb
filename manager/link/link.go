// Package link keeps a manager's connection to its agent: it finds the agent
// through the rendezvous file, again and again, checks that it is the right
// one and not an older one, and carries frames both ways.
package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/startstop"
	"github.com/yonder-run/yonder/wire"
)

// Desk decides about what the agent says. Calls come one at a time: Hello;
// then, if the agent is content, Welcome, any number of Frame, and Lost. They
// may block, which holds up the agent.
type Desk interface {
	// Hello says who the manager is and what it holds. The link adds the
	// secret, the versions and the epoch.
	Hello() wire.ManagerHello
	Welcome(welcome wire.ManagerWelcome)
	// Frame takes any message but a beat. After an error the connection ends.
	// A piece of a blob holds until the next one has been dealt with.
	Frame(frame wire.Frame) error
	Lost(cause error)
	// Beat says how the manager is. It may be called at any time.
	Beat() wire.Beat
}

// Source has what is to be sent.
type Source interface {
	Rewind() // the connection is new: begin with what must be told again
	// Next is what is to be sent next, or nil. It holds until the next call.
	Next() (*wire.Frame, error)
	Ready() <-chan struct{} // has a value when Next may have more
}

// Config of a Link.
type Config struct {
	File   string // the rendezvous file
	Logger *slog.Logger
}

const (
	retryFirst   = 50 * time.Millisecond
	retryLongest = 5 * time.Second
	// lookEvery is how often the rendezvous file is looked at for another
	// agent: while waiting, and while an agent is connected whose successor
	// may be there already.
	lookEvery    = 500 * time.Millisecond
	greeting     = 15 * time.Second
	writeTimeout = time.Minute
	missedBeats  = 4
	shortestBeat = 50 * time.Millisecond
	bufferSize   = 4 << 10 // for the heads of frames: what follows goes past it
)

// Link is a service. It never gives up.
type Link struct {
	startstop.Base

	cfg    Config
	desk   Desk
	source Source
	epoch  int64 // highest seen
}

// New returns a link between the agent and the desk.
func New(cfg Config, desk Desk, source Source) *Link {
	return &Link{cfg: cfg, desk: desk, source: source}
}

// Start begins to look for the agent.
func (l *Link) Start(ctx context.Context) error { return l.Base.Start(ctx, l.run) }

func (l *Link) run(ctx context.Context, ready func()) error {
	ready()
	wait := &backoff.ExponentialBackOff{
		InitialInterval: retryFirst, RandomizationFactor: 0.3, Multiplier: 1.6, MaxInterval: retryLongest,
	}
	for ctx.Err() == nil {
		seen := stamp(l.cfg.File)
		err := l.session(ctx, wait.Reset)
		l.cfg.Logger.Info("not connected to the agent", slog.Any("cause", err))
		if l.pause(ctx, wait.NextBackOff(), seen) {
			wait.Reset()
		}
	}
	return context.Cause(ctx)
}

// pause waits; it ends early, and is true, when the rendezvous file changes.
func (l *Link) pause(ctx context.Context, wait time.Duration, seen string) bool {
	over := time.NewTimer(wait)
	defer over.Stop()
	look := time.NewTicker(min(wait, lookEvery))
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-over.C:
			return false
		case <-look.C:
			if stamp(l.cfg.File) != seen {
				return true
			}
		}
	}
}

// session is one connection from its beginning to its end.
func (l *Link) session(ctx context.Context, connected func()) error {
	rendezvous, err := Read(l.cfg.File)
	if err != nil {
		return err
	}
	if err := l.fence(rendezvous.Epoch); err != nil {
		return err
	}
	conn, err := dial(ctx, rendezvous)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	in := bufio.NewReaderSize(conn, bufferSize)
	welcome, err := l.greet(conn, in, rendezvous)
	if err != nil {
		return err
	}
	connected()
	l.source.Rewind()
	l.desk.Welcome(welcome)
	err = l.carry(ctx, conn, in, welcome)
	l.desk.Lost(err)
	return err
}

// fence refuses an agent that another one has taken over from.
func (l *Link) fence(epoch int64) error {
	if epoch < l.epoch {
		return yonder.Errorf(yonder.CodeSessionFenced, "the agent has epoch %d, but one of epoch %d was here: it is over", epoch, l.epoch)
	}
	return nil
}

// greet says hello and reads the answer.
func (l *Link) greet(conn net.Conn, in *bufio.Reader, r wire.Rendezvous) (wire.ManagerWelcome, error) {
	var welcome wire.ManagerWelcome
	if err := conn.SetDeadline(time.Now().Add(greeting)); err != nil {
		return welcome, fmt.Errorf("limiting the greeting: %w", err)
	}
	hello := l.desk.Hello()
	hello.WireOldest, hello.WireNewest, hello.Secret, hello.Epoch = wire.Oldest, wire.Version, r.Secret, l.epoch
	frame, err := wire.NewFrame(wire.KindManagerHello, hello)
	if err != nil {
		return welcome, err
	}
	if _, err := conn.Write(frame.Bytes()); err != nil {
		return welcome, fmt.Errorf("greeting the agent: %w", err)
	}
	answer, err := wire.Read(in, wire.MaxLocalFrame)
	if err != nil {
		return welcome, fmt.Errorf("waiting for the agent's welcome: %w", err)
	}
	if answer.Kind == wire.KindError {
		refusal := &yonder.Error{}
		return welcome, errors.Join(answer.Decode(wire.KindError, refusal), refusal)
	}
	if err := answer.Decode(wire.KindManagerWelcome, &welcome); err != nil {
		return welcome, err
	}
	if err := l.fence(welcome.Epoch); err != nil {
		return welcome, err
	}
	l.epoch = welcome.Epoch
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return welcome, fmt.Errorf("ending the greeting: %w", err)
	}
	return welcome, nil
}

// carry moves frames until the connection ends or another agent takes over.
func (l *Link) carry(ctx context.Context, conn net.Conn, in *bufio.Reader, welcome wire.ManagerWelcome) error {
	beat := max(time.Duration(welcome.BeatEvery*float64(time.Second)), shortestBeat)
	group, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	group.Go(func() error { return l.read(ctx, conn, in, missedBeats*beat) })
	group.Go(func() error { return l.write(ctx, conn, beat) })
	group.Go(func() error { return l.watch(ctx, welcome.Epoch) })
	return group.Wait()
}

func (l *Link) read(ctx context.Context, conn net.Conn, in *bufio.Reader, silence time.Duration) error {
	frames := wire.NewReader(in, wire.MaxLocalFrame)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return fmt.Errorf("limiting a read: %w", err)
		}
		frame, err := frames.Next()
		if err != nil {
			return errors.Join(err, ctx.Err())
		}
		if err := l.desk.Frame(frame); err != nil {
			return err
		}
	}
}

func (l *Link) write(ctx context.Context, conn net.Conn, beat time.Duration) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		frame, err := l.source.Next()
		if err != nil {
			return err
		}
		if frame != nil {
			if err := put(conn, frame); err != nil {
				return err
			}
		}
		// A beat goes in between, however much else there is to send.
		var ready <-chan struct{}
		if frame == nil {
			ready = l.source.Ready()
		} else {
			ready = now
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
			alive, err := wire.NewFrame(wire.KindBeat, l.desk.Beat())
			if err == nil {
				err = put(conn, &alive)
			}
			if err != nil {
				return err
			}
		case <-ready:
		}
	}
}

// now never makes a select wait.
var now = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func put(conn net.Conn, frame *wire.Frame) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("limiting a write: %w", err)
	}
	if _, err := frame.WriteTo(conn); err != nil {
		return fmt.Errorf("writing to the agent: %w", err)
	}
	return nil
}

// watch ends the connection when the rendezvous file names a newer agent: the
// old one may be gone without having said so.
func (l *Link) watch(ctx context.Context, epoch int64) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	seen := "" // it may have changed since it was read
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		if is := stamp(l.cfg.File); is != seen {
			seen = is
			if r, err := Read(l.cfg.File); err == nil && r.Epoch > epoch {
				return yonder.Errorf(yonder.CodeSessionFenced, "an agent of epoch %d has taken over from epoch %d", r.Epoch, epoch)
			}
		}
	}
}
