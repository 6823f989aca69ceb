package sqldb

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// memoBytes is the largest result that a memo keeps: it is stored a second
// time, and read inside a transaction that others wait for.
const memoBytes = 64 << 10

// memoKeys returns the key of every task of the bundle: a hash of all that
// makes two calls equal. Payloads that are elsewhere, and chunks, have none.
func memoKeys(b *store.NewBundle) [][]byte {
	if b.Memo.IsZero() || b.Form != wire.FormEach {
		return nil
	}
	var whose yonder.ID
	if b.Memo.Scope == yonder.MemoPrivate {
		whose = b.Owner
	}
	keys := make([][]byte, b.Tasks)
	for i, payload := range b.Payloads {
		if _, elsewhere := b.Blobs[i]; elsewhere {
			continue
		}
		h := sha256.New()
		h.Write(b.Function[:])
		h.Write(whose[:])
		_ = binary.Write(h, binary.BigEndian, b.Memo.Generation) // a hash takes everything
		for _, text := range []string{b.Hash, b.Codec} {
			h.Write([]byte(text))
			h.Write([]byte{0})
		}
		h.Write(payload)
		keys[i] = h.Sum(nil)
	}
	return keys
}

// memos are what a turn does with kept results.
type memos struct {
	used [][]byte           // keys
	uses map[yonder.ID]uses // by function
}

type uses struct{ hits, misses int64 }

// recall ends the tasks of a new bundle whose results are kept, and notes of
// the others that theirs are to be.
func (t *turn) recall(ctx context.Context, d *draft, b *bundle) error {
	for i, key := range d.keys {
		if key == nil {
			continue
		}
		kept, err := gen.FindMemoRow{}, sql.ErrNoRows
		if !d.Fresh {
			kept, err = t.q.FindMemo(ctx, key)
		}
		switch {
		case errors.Is(err, sql.ErrNoRows):
			err = t.q.WantMemo(ctx, b.ID, int64(i), key)
			t.countMemo(b.FunctionID, 0, 1)
		case err == nil && b.lease.Recall(i):
			t.memos.used = append(t.memos.used, key)
			t.countMemo(b.FunctionID, 1, 0)
			t.outcomes = append(t.outcomes, outcome{
				bundle: b, payload: kept.Payload, state: yonder.TaskSucceeded, memo: kept.Task,
				entry: wire.Entry{Bundle: b.ID, Lo: i, Hi: i + 1, Outcome: wire.OutcomeOK, Form: wire.FormEach},
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) countMemo(function yonder.ID, hits, misses int64) {
	if t.memos.uses == nil {
		t.memos.uses = map[yonder.ID]uses{}
	}
	u := t.memos.uses[function]
	t.memos.uses[function] = uses{hits: u.hits + hits, misses: u.misses + misses}
}

// keepable says whether the outcome may be a memo's: a value of a single task,
// which is in the outcome itself.
func (o *outcome) keepable() bool {
	return o.bundle.Memo && o.state == yonder.TaskSucceeded && o.memo.IsZero() &&
		o.entry.Form != wire.FormChunk && o.entry.Blob == nil && len(o.payload) <= memoBytes
}

// writeMemos keeps the results that are wanted. Rows are written in the order
// of their keys, so that no two transactions wait for each other.
func (t *turn) writeMemos(ctx context.Context) error {
	var kept []gen.PutMemoParams
	for i := range t.outcomes {
		o := &t.outcomes[i]
		if !o.keepable() {
			continue
		}
		key, err := t.q.WantedMemo(ctx, o.bundle.ID, int64(o.entry.Lo))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		kept = append(kept, gen.PutMemoParams{
			Key: key, FunctionID: o.bundle.FunctionID, Task: o.bundle.ID.Task(o.entry.Lo), Used: t.now,
			Size: int64(len(o.payload)), Payload: filled(o.payload),
		})
	}
	slices.SortFunc(kept, func(a, b gen.PutMemoParams) int { return bytes.Compare(a.Key, b.Key) })
	for _, m := range kept {
		if err := t.q.PutMemo(ctx, m); err != nil {
			return err
		}
	}
	for _, bundle := range t.unwanted {
		if err := t.q.DropWantedMemos(ctx, bundle); err != nil {
			return err
		}
	}
	return t.writeUses(ctx)
}

func (t *turn) writeUses(ctx context.Context) error {
	slices.SortFunc(t.memos.used, bytes.Compare)
	for _, key := range t.memos.used {
		if err := t.q.UseMemo(ctx, key, t.now); err != nil {
			return err
		}
	}
	for _, id := range sortedKeys(t.memos.uses) {
		u := t.memos.uses[id]
		if err := t.q.CountMemoUse(ctx, id, u.hits, u.misses); err != nil {
			return err
		}
	}
	return nil
}

// Memo returns what the function's memo holds.
func (s *Store) Memo(ctx context.Context, function yonder.ID) (memo wire.MemoReport, err error) {
	err = s.engine.Snapshot(ctx, func(ctx context.Context, q *gen.Queries) error {
		row, err := q.MemoOf(ctx, function)
		if err != nil {
			return found(err, "there is no function %s", function)
		}
		size, err := q.MemoSize(ctx, function)
		memo = wire.MemoReport{
			Scope: cmp.Or(row.Memo, wire.MemoOff), Generation: row.MemoGeneration,
			Results: size.Results, Bytes: size.Bytes, Hits: row.MemoHits, Misses: row.MemoMisses,
		}
		return err
	})
	return memo, err
}
