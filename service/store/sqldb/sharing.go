package sqldb

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// share replaces the rows by which listings find what is shared.
func share(ctx context.Context, q *gen.Queries, subject yonder.ID, sharing yonder.Sharing) error {
	if err := q.DeleteShares(ctx, subject); err != nil {
		return err
	}
	for _, identity := range sharing.Identities {
		if err := q.InsertShare(ctx, subject, identity); err != nil {
			return err
		}
	}
	return nil
}

func unshared(sharing yonder.Sharing) bool {
	return !sharing.Everyone && len(sharing.Identities) == 0
}

func compareIDs(a, b yonder.ID) int { return bytes.Compare(a[:], b[:]) }

// sortedKeys is the order in which several rows are locked.
func sortedKeys[V any](m map[yonder.ID]V) []yonder.ID {
	return slices.SortedFunc(maps.Keys(m), compareIDs)
}
