package endpoint

import (
	"context"
	"log/slog"
	"sync"

	"github.com/yonder-run/yonder/endpoint/bodies"
	"github.com/yonder-run/yonder/wire"
)

// uploaders is how many results are passed on to the service while they still
// come in; further ones are passed on when they are here.
const uploaders = 4

// ahead knows which results were passed on to the service before they were
// here as a whole. It has at most maxPuts.
type ahead struct {
	mu   sync.Mutex
	puts map[wire.Span]*put
}

// put is an upload; its outcome may be read once done is closed.
type put struct {
	done chan struct{}
	blob wire.Blob
	err  error
}

// maxPuts bounds uploads whose results nobody has reported: their managers went away
// in between.
const maxPuts = 64

// begin notes an upload. If there are too many, those before are forgotten.
func (a *ahead) begin(span wire.Span) *put {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.puts == nil {
		a.puts = map[wire.Span]*put{}
	}
	if len(a.puts) >= maxPuts {
		clear(a.puts) // whoever waits for one has it already; the others are uploaded again
	}
	p := &put{done: make(chan struct{})}
	a.puts[span] = p
	return p
}

// take returns what the service has of a result, waiting for an upload that is
// under way. Without one, or if it failed, it is false.
func (a *ahead) take(ctx context.Context, span wire.Span) (wire.Blob, bool) {
	span.Grant = 0
	a.mu.Lock()
	p := a.puts[span]
	delete(a.puts, span)
	a.mu.Unlock()
	if p == nil {
		return wire.Blob{}, false
	}
	select {
	case <-ctx.Done():
		return wire.Blob{}, false
	case <-p.done:
		return p.blob, p.err == nil
	}
}

// uploadingAhead passes results on while they come in, until ctx ends. The
// service learns of a result from its report only: what was uploaded for nothing
// is swept away.
func (s *session) uploadingAhead(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case c := <-s.spool.Coming():
			s.uploadAhead(ctx, c)
		}
	}
}

func (s *session) uploadAhead(ctx context.Context, c bodies.Coming) {
	c.Span.Grant = 0
	body, err := s.spool.Follow(c.Span)
	if err != nil {
		return // all of it is here already, or it begins anew
	}
	p := s.ahead.begin(c.Span)
	defer close(p.done)
	p.blob, p.err = s.link.TryPutResult(ctx, c.Span.Bundle.Task(c.Span.Lo), c.Span.Attempt, c.Size, body)
	if p.err != nil {
		s.log.Debug("a result is uploaded again", slog.Any("span", c.Span), slog.Any("error", p.err))
	}
}
