package store

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Memos are results that answer equal calls: of the same version of a
// function, with the same bytes of arguments, of callers that share. They are
// kept of tasks in bundles that are submitted with a memo, when these succeed.
type Memos interface {
	// Memo returns what a function's memo holds.
	Memo(ctx context.Context, function yonder.ID) (wire.MemoReport, error)
	// SetMemo sets whose results answer whose calls; empty: nobody's.
	SetMemo(ctx context.Context, function yonder.ID, scope string) error
	// ForgetMemo lets go all that the function's memo holds: no call submitted
	// later is answered with a result of a call submitted before.
	ForgetMemo(ctx context.Context, function yonder.ID) error
	// TrimMemos lets go at most limit results that were not used since before,
	// or that are over the bytes for all functions, those not used for longest
	// first.
	TrimMemos(ctx context.Context, before time.Time, bytes int64, limit int) (n int, err error)
}
