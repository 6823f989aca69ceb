package managers

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Bodies are where functions and blobs come from and where results' blobs go.
type Bodies interface {
	Function(ctx context.Context, hash string) ([]byte, error)
	Blob(ctx context.Context, task yonder.ID, blob wire.Blob) (io.ReadCloser, error)
	// Keep stores a piece of a result's blob; pieces come in order.
	Keep(chunk wire.BlobChunk, data []byte) error
}

const (
	chunkSize = 256 << 10
	// ahead is how many pieces of a payload are in memory: one is read while
	// another one is written.
	ahead = 2
)

// serving answers the needs of one connection, a few at a time.
type serving struct {
	conn   *conn
	bodies Bodies
	group  sync.WaitGroup
	// refused are results that found no room, until they come from their start
	// again. The connection's reader owns it.
	refused map[wire.Span]bool
}

func newServing(c *conn, bodies Bodies) *serving {
	return &serving{conn: c, bodies: bodies, refused: map[wire.Span]bool{}}
}

// wait returns when nothing is served any more; the connection has ended.
func (s *serving) wait() { s.group.Wait() }

// need starts to answer. It holds up the connection's reader while too many
// answers are under way, but no longer than the connection lives.
func (s *serving) need(n wire.Need) error {
	if n.Function == "" && (n.Blob == nil || n.Task == nil) {
		return yonder.Errorf(yonder.CodeMalformedFrame, "a need names neither a function nor a task's blob")
	}
	if err := s.conn.bodies.Acquire(s.conn.ctx, 1); err != nil {
		return context.Cause(s.conn.ctx)
	}
	s.group.Go(func() {
		defer s.conn.bodies.Release(1)
		if n.Function != "" {
			s.function(n.Function)
			return
		}
		if err := s.blob(*n.Task, *n.Blob); err != nil {
			_ = s.conn.stream(wire.KindBlobChunk, wire.BlobChunk{Blob: *n.Blob, Last: true, Error: told(err)})
		}
	})
	return nil
}

func (s *serving) function(hash string) {
	body, err := s.bodies.Function(s.conn.ctx, hash)
	if err != nil {
		_ = s.conn.stream(wire.KindBody, wire.Body{Function: hash, Error: told(err)})
		return
	}
	_ = s.conn.stream(wire.KindBody, wire.Body{Function: hash}, body)
}

// blob passes a payload on in chunks.
func (s *serving) blob(task yonder.ID, blob wire.Blob) error {
	body, err := s.bodies.Blob(s.conn.ctx, task, blob)
	if err != nil {
		return err
	}
	defer body.Close()
	free := make(chan []byte, ahead)
	for range ahead {
		free <- make([]byte, min(chunkSize, blob.Size+1)) // one more than it has shows its end
	}
	for offset := int64(0); ; {
		data, err := s.conn.free(free)
		if err != nil {
			return err
		}
		n, err := io.ReadFull(body, data)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return yonder.Errorf(yonder.CodeUnavailable, "reading the payload: %w", err)
		}
		chunk := wire.BlobChunk{Blob: blob, Offset: offset, Last: last}
		frame, err := wire.NewFrame(wire.KindBlobChunk, chunk, data[:n])
		if err != nil {
			return err
		}
		if err := s.conn.await(&outgoing{Frame: frame, column: data, back: free}); err != nil || last {
			return err
		}
		offset += int64(n)
	}
}

// free waits for a place that is not being written from.
func (c *conn) free(places <-chan []byte) ([]byte, error) {
	select {
	case <-c.ctx.Done():
		return nil, context.Cause(c.ctx)
	case data := <-places:
		return data, nil
	}
}

// keep stores a piece of a result that is too large for a message. That there
// is no room is told to the manager, which keeps the result and sends it again
// later. What it has sent of it meanwhile is passed over.
func (s *serving) keep(chunk wire.BlobChunk, columns [][]byte) error {
	if chunk.Span == nil || len(columns) != 1 {
		return yonder.Errorf(yonder.CodeMalformedFrame, "a blob chunk of a manager needs a span and one column")
	}
	if chunk.Offset > 0 && s.refused[*chunk.Span] {
		return nil
	}
	delete(s.refused, *chunk.Span)
	err := s.bodies.Keep(chunk, columns[0])
	if yonder.CodeOf(err) == yonder.CodeStorageFull {
		s.refused[*chunk.Span] = true
		return s.conn.stream(wire.KindBlobChunk, wire.BlobChunk{Blob: chunk.Blob, Span: chunk.Span, Last: true, Error: told(err)})
	}
	return err
}

// kept is what of a manager's report may be taken: all but the results that
// found no room, which the manager knows of by the time that it is answered.
func (s *serving) kept(done wire.Done, columns [][]byte) (wire.Done, [][]byte) {
	if len(s.refused) == 0 {
		return done, columns
	}
	all := done.Results
	done.Results = nil
	var payloads [][]byte
	for i, e := range all {
		span := wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi}
		if e.Blob != nil && s.refused[span] {
			delete(s.refused, span)
			continue
		}
		done.Results, payloads = append(done.Results, e), append(payloads, columns[i])
	}
	return done, payloads
}

func told(err error) *yonder.Error {
	var e *yonder.Error
	if errors.As(err, &e) {
		return e
	}
	return yonder.Errorf(yonder.CodeUnavailable, "%w", err)
}
