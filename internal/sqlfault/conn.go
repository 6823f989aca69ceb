package sqlfault

import (
	"context"
	"database/sql/driver"
)

// conn passes everything on to a driver's connection, which has the modern
// interfaces: those of SQLite and of PostgreSQL do.
type conn struct {
	driver.Conn

	faults *Faults
}

var (
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
)

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	inner, ok := c.Conn.(driver.ExecerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return call(c.faults, func() (driver.Result, error) { return inner.ExecContext(ctx, query, args) })
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	inner, ok := c.Conn.(driver.QueryerContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return call(c.faults, func() (driver.Rows, error) { return inner.QueryContext(ctx, query, args) })
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	var s driver.Stmt
	var err error
	if inner, ok := c.Conn.(driver.ConnPrepareContext); ok {
		s, err = inner.PrepareContext(ctx, query)
	} else {
		s, err = c.Prepare(query)
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // passed through
	}
	return &stmt{s, c.faults}, nil
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	inner, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, driver.ErrSkip
	}
	begun, err := inner.BeginTx(ctx, opts)
	if err != nil {
		return nil, err //nolint:wrapcheck // passed through
	}
	return &tx{begun, c.faults}, nil
}

func (c *conn) Ping(ctx context.Context) error {
	if inner, ok := c.Conn.(driver.Pinger); ok {
		return inner.Ping(ctx) //nolint:wrapcheck // passed through
	}
	return nil
}

func (c *conn) ResetSession(ctx context.Context) error {
	if inner, ok := c.Conn.(driver.SessionResetter); ok {
		return inner.ResetSession(ctx) //nolint:wrapcheck // passed through
	}
	return nil
}

func (c *conn) IsValid() bool {
	inner, ok := c.Conn.(driver.Validator)
	return !ok || inner.IsValid()
}

func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if inner, ok := c.Conn.(driver.NamedValueChecker); ok {
		return inner.CheckNamedValue(v) //nolint:wrapcheck // passed through
	}
	return driver.ErrSkip
}

type stmt struct {
	driver.Stmt

	faults *Faults
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	inner, ok := s.Stmt.(driver.StmtExecContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return call(s.faults, func() (driver.Result, error) { return inner.ExecContext(ctx, args) })
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	inner, ok := s.Stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, driver.ErrSkip
	}
	return call(s.faults, func() (driver.Rows, error) { return inner.QueryContext(ctx, args) })
}

type tx struct {
	driver.Tx

	faults *Faults
}

// Commit may fail. What fails before it took effect is undone, as a server does.
func (t *tx) Commit() error {
	before, after := t.faults.next()
	if before != nil {
		_ = t.Rollback()
		return before
	}
	if err := t.Tx.Commit(); err != nil {
		return err //nolint:wrapcheck // passed through
	}
	return after
}
