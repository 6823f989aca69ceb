// Package sqldb implements the store over database/sql: one schema and one
// set of SQL texts for both engines. What engines do differently (how a
// transaction runs, how a row is locked, what an error means) is behind
// Engine; docs/decisions/0001-one-sql-text-for-two-engines.md says why.
//
// Locks. Whoever changes ranges or bundles of an endpoint locks the
// endpoint's session row first, several in the order of their ids; rows of
// groups are touched after that, in the order of their ids. So no two
// transactions wait for each other.
package sqldb

import (
	"context"

	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

//go:generate sqlc generate

// Op is the body of a transaction. It may be run more than once, and must
// therefore set what it returns to its caller anew each time.
type Op func(ctx context.Context, q *gen.Queries) error

// Engine runs operations on one database. Its errors are *yonder.Error where
// the caller or the operator can act, and operations' own errors unchanged.
type Engine interface {
	// Write runs op in a transaction and commits it durably. Rows read by
	// queries named Lock… are locked until then.
	Write(ctx context.Context, op Op) error
	// WriteAhead is Write that calls ran, on the caller's goroutine, once op has
	// run and before it is known whether that is committed. Op may run again
	// meanwhile, and ran be called again after it, or not at all.
	WriteAhead(ctx context.Context, op Op, ran func()) error
	// Read runs op without a transaction: every query sees its own moment.
	Read(ctx context.Context, op Op) error
	// Snapshot runs op with all queries seeing one moment.
	Snapshot(ctx context.Context, op Op) error
	Ping(ctx context.Context) error
	Close() error
	// Beside is where payloads lie that are too large for rows; nil: nowhere.
	Beside() Beside
	Space
}

// Space is what an engine knows of the space it takes.
type Space interface {
	// Tidy gives a bounded part of what is free back, and says whether there is
	// more. An engine that does so by itself does nothing.
	Tidy(ctx context.Context) (more bool, err error)
	Size(ctx context.Context) (store.Size, error)
}

// Store is the store over an engine.
type Store struct {
	engine Engine
	// tasks is the engine for transactions that change nothing of what is known.
	tasks Engine
	known *known
	beats *beats
}

var _ store.Store = (*Store)(nil)

// New returns the store over an engine whose schema is migrated.
func New(engine Engine) *Store {
	return &Store{engine: engine, tasks: engine, known: newKnown(0), beats: &beats{engine: engine}}
}

// NewAlone is New for an engine that lets no other process write: what every
// request asks for need not be read every time.
func NewAlone(engine Engine) *Store {
	k := newKnown(mostKnown)
	return &Store{engine: forgetting{engine, k}, tasks: engine, known: k, beats: &beats{engine: engine}}
}

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.engine.Ping(ctx) }

// Close waits for what is being written and lets the database go.
func (s *Store) Close() error { return s.engine.Close() }
