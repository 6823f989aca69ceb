package sqldb

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// mostBeats bounds what one transaction writes of heartbeats, and so how long
// other transactions wait for it.
const mostBeats = 256

// beatsTime bounds that transaction: about what an agent waits for an answer,
// and longer than an engine waits for a lock.
const beatsTime = 30 * time.Second

var errBeats = yonder.Errorf(yonder.CodeTimeout, "the database has not written heartbeats within %s: is its disk or server overloaded?", beatsTime)

// beats writes heartbeats that come at the same time in one transaction: there
// are many of them, and each changes little. One of those who wait writes for
// all; who comes meanwhile is of the next transaction.
type beats struct {
	engine Engine

	mu      sync.Mutex
	busy    bool
	waiting []*waitingBeat
}

type waitingBeat struct {
	*gen.BeatSessionParams

	lead chan struct{} // closed for whoever is to write
	done chan error
}

// write returns when the heartbeat is durable. It does not end with ctx: what
// happens to a heartbeat is known only after the transaction.
func (b *beats) write(ctx context.Context, beat *gen.BeatSessionParams) error {
	w := &waitingBeat{beat, make(chan struct{}), make(chan error, 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, w)
	if !b.busy {
		b.busy = true
		close(w.lead)
	}
	b.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case <-w.lead:
	}
	batch := b.take()
	// It is done for others too, whose time is not this caller's.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), beatsTime, errBeats)
	defer cancel()
	err := b.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		for _, w := range batch {
			if err := q.BeatSession(ctx, *w.BeatSessionParams); err != nil {
				return err
			}
		}
		return nil
	})
	b.next()
	for _, w := range batch {
		w.done <- err
	}
	return err
}

// take returns those whose turn it is, sorted as rows are locked. The one who
// writes is among them: it has waited longest.
func (b *beats) take() []*waitingBeat {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), mostBeats)
	batch := slices.Clone(b.waiting[:n])
	b.waiting = slices.Delete(b.waiting, 0, n)
	slices.SortFunc(batch, func(x, y *waitingBeat) int { return compareIDs(x.Endpoint, y.Endpoint) })
	return batch
}

// next has the first of those who wait write.
func (b *beats) next() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy = len(b.waiting) > 0; b.busy {
		close(b.waiting[0].lead)
	}
}
