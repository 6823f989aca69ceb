package postgres

import (
	"context"
	"database/sql"
	"strings"
	"sync"
)

// lockRows is a transaction in which queries named Lock… lock the rows that
// they read until the commit. SQLite has no need of that: its writers come
// one after another.
type lockRows struct{ *sql.Tx }

// locked maps queries to their locking form; there are few of them.
var locked sync.Map

func locking(query string) string {
	if !strings.HasPrefix(query, "-- name: Lock") {
		return query
	}
	with, _ := locked.LoadOrStore(query, query+"FOR UPDATE")
	return with.(string) //nolint:forcetypeassert,errcheck // only strings are stored
}

func (l lockRows) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return l.Tx.QueryContext(ctx, locking(query), args...) //nolint:wrapcheck // as from the transaction itself
}

func (l lockRows) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return l.Tx.QueryRowContext(ctx, locking(query), args...)
}
