package sqldb

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// putAnonymous returns the registered version that the function is, else the
// anonymous function that is there, else a new one.
func (s *Store) putAnonymous(ctx context.Context, f yonder.Function, body []byte) (put yonder.Function, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		version, err := q.FindRegisteredVersion(ctx, f.Owner, text(f.Name), f.Hash)
		if err == nil {
			put, err = getFunction(ctx, q, version.ID, int(version.Version))
			return err
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		head, err := q.UpsertAnonymousFunction(ctx, gen.UpsertAnonymousFunctionParams{
			ID: f.ID, Owner: f.Owner, Name: text(f.Name), Created: micros(f.Created), Digest: digest(f), Used: micros(f.Created),
		})
		if err == nil && head.Latest == 0 {
			err = insertAnonymous(ctx, q, f, body)
		}
		if err != nil {
			return err
		}
		put, err = getFunction(ctx, q, head.ID, 1)
		return err
	})
	return put, err
}

func insertAnonymous(ctx context.Context, q *gen.Queries, f yonder.Function, body []byte) error {
	if !f.Retry.IsZero() {
		if err := q.SetFunctionRetry(ctx, f.ID, policy(f.Retry)); err != nil {
			return err
		}
	}
	if !f.Memo.IsZero() {
		if _, err := q.SetMemoScope(ctx, f.ID, f.Memo.Scope); err != nil {
			return err
		}
	}
	return insertVersion(ctx, q, f.ID, 1, f, body)
}

// digest is of all that is said of a function: whatever differs makes another
// anonymous function, as nobody could say which of both was meant.
func digest(f yonder.Function) string {
	sum := sha256.Sum256([]byte(document(yonder.Function{
		Name: f.Name, Kind: f.Kind, Hash: f.Hash, Description: f.Description, Docstring: f.Docstring,
		Signature: f.Signature, Requirements: f.Requirements, Retry: f.Retry, Memo: f.Memo,
	})))
	return hex.EncodeToString(sum[:])
}

// UseFunction notes that an anonymous function is about to be submitted.
func (s *Store) UseFunction(ctx context.Context, id yonder.ID, now time.Time) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.UseFunction(ctx, id, micros(now))
		return changed(n, err, yonder.CodeNotFound, "there is no function %s", id)
	})
}

// DeleteUnusedFunctions looks first, as that may take a while, and then writes.
// Who submits one of them in between has noted so before.
func (s *Store) DeleteUnusedFunctions(ctx context.Context, before, now time.Time, limit int) (deleted int, more bool, err error) {
	var rows []gen.UnusedFunctionsRow
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		rows, err = q.UnusedFunctions(ctx, micros(before), int32(limit))
		return err
	})
	if err != nil || len(rows) == 0 {
		return 0, false, err
	}
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		deleted = 0
		for _, row := range rows {
			if row.Busy {
				if _, err := q.UseFunction(ctx, row.ID, micros(now)); err != nil {
					return err
				}
				continue
			}
			n, err := q.DeleteUnusedFunction(ctx, row.ID, micros(before))
			if err != nil {
				return err
			}
			deleted += int(n)
		}
		return nil
	})
	return deleted, len(rows) == limit, err
}
