package startstop

import (
	"context"
	"errors"
	"sync"
)

// Base implements the life of a Service around one Run. The zero value is
// ready. A Base must not be copied after its first use.
type Base struct {
	mu  sync.Mutex
	cur *life // the latest life; nil before the first Start
}

// life is one stretch from Start to the end of run.
type life struct {
	ctx    context.Context //nolint:containedctx // The life is the context: Start and Stop read its cause.
	cancel context.CancelCauseFunc
	ready  chan struct{} // closed by the run
	done   chan struct{} // closed when the run has returned
	err    error         // why it ended; read it only after done
}

// Start launches run and waits until it is ready or has returned. If an
// earlier run is still stopping, Start waits for its end first. It must not be
// called from inside run.
func (b *Base) Start(ctx context.Context, run Run) error {
	for {
		l, stopping := b.join(ctx, run)
		if !stopping {
			return l.awaitReady()
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Stop ends the run with ErrStop as its cause and waits until it has returned.
// It must not be called from inside run, which would wait for itself.
func (b *Base) Stop() {
	if l := b.latest(); l != nil {
		l.cancel(ErrStop)
		<-l.done
	}
}

// Done is closed when nothing runs: before the first Start, and after the end
// of the latest run, whether it was stopped or failed.
func (b *Base) Done() <-chan struct{} {
	if l := b.latest(); l != nil {
		return l.done
	}
	return closed
}

// Err says why the latest run ended: nil while it still runs and after a Stop,
// otherwise what the run returned.
func (b *Base) Err() error {
	l := b.latest()
	if l == nil || !l.ended() {
		return nil
	}
	return l.err
}

// closed is the Done channel of a Base that never ran.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (b *Base) latest() *life {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cur
}

// join returns the life that a Start belongs to, launching it if nothing runs.
// The second result is true if that life is on its way out and the caller has
// to wait for its end before trying again.
func (b *Base) join(ctx context.Context, run Run) (*life, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cur == nil || b.cur.ended() {
		b.cur = launch(ctx, run)
		return b.cur, false
	}
	return b.cur, b.cur.ctx.Err() != nil
}

func launch(ctx context.Context, run Run) *life {
	l := &life{ready: make(chan struct{}), done: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	ready := sync.OnceFunc(func() { close(l.ready) })
	go func() {
		// Deferred, so that Stop does not hang on a run that left by
		// runtime.Goexit, as a failing test does.
		defer close(l.done)
		defer l.cancel(nil)
		l.err = l.verdict(run(l.ctx, ready))
	}()
	return l
}

// verdict turns the error of a run that was told to end into the reason it was
// told, and into nil if the reason was Stop: ending on request is no failure.
func (l *life) verdict(err error) error {
	cause := context.Cause(l.ctx)
	if cause == nil || err == nil {
		return err
	}
	if !errors.Is(err, context.Canceled) && !errors.Is(err, cause) {
		return err
	}
	if errors.Is(cause, ErrStop) {
		return nil
	}
	return cause
}

func (l *life) ended() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// awaitReady prefers ready over done: a short run may be both by the time
// anybody looks.
func (l *life) awaitReady() error {
	select {
	case <-l.ready:
		return nil
	case <-l.done:
	}
	select {
	case <-l.ready:
		return nil
	default:
	}
	if l.err != nil {
		return l.err
	}
	return errNeverReady
}

// errNeverReady is what Start says of a run that ended without an error before
// it was ready, most often because Stop came first.
var errNeverReady = errors.New("service ended before it was ready")
