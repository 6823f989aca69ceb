package workerproc

import (
	"log/slog"

	"github.com/yonder-run/yonder/wire"
)

// A run's tasks beyond its first block are in a named pipe, a byte for each
// block, until somebody reads it: the worker, which then begins the block, or
// the manager, which then has it for another worker. The system sees to it that
// nobody else gets the same byte, whatever the worker is busy with, and that
// the byte of a worker that ended is there still.

// further is how many blocks of a run come after the first.
func further(run wire.Run) int {
	if run.Block <= 0 {
		return 0
	}
	return (run.Hi - run.Lo - 1) / run.Block
}

// without is where a run ends from which so many blocks were taken.
func without(run wire.Run, blocks int) int {
	if blocks <= 0 {
		return run.Hi
	}
	return min(run.Lo+(1+max(further(run)-blocks, 0))*run.Block, run.Hi)
}

// offer puts what the worker may claim of a run into the pipe, and returns the
// run as it is given: without a pipe all of it is claimed.
func (w *worker) offer(run wire.Run) (wire.Run, error) {
	blocks := further(run)
	if blocks == 0 {
		run.Block = 0
		return run, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.claims == nil {
		var err error
		if w.claims, err = openClaims(w.fork.Claims); err != nil {
			w.log().Warn("what a worker has not begun cannot be taken back from it", slog.Any("error", err))
			run.Block = 0
			return run, nil
		}
	}
	return run, w.claims.put(blocks)
}

// take takes back what the worker has not claimed of a run, and returns where
// the run ends then.
func (w *worker) take(run int64) (hi int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.given.Run != run {
		return 0, false
	}
	if w.claims != nil && w.given.Block > 0 {
		w.given.Hi = without(w.given, w.claims.take())
	}
	return w.given.Hi, true
}

// Take takes back from a worker what it has not claimed of a run, and returns
// where the run ends then: there the worker stops. It is false if the worker
// does not have the run.
func (h *Host) Take(id string, run int64) (hi int, ok bool) {
	w := h.worker(id)
	if w == nil {
		return 0, false
	}
	return w.take(run)
}
