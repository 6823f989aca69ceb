// Package sqlfault fails single statements and commits of a database, so that
// a test can find out what becomes of everything when the n-th one fails.
package sqlfault

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
)

// ErrInjected is what a failed statement ends with.
var ErrInjected = errors.New("injected: input/output error")

// Faults fails statements of all connections that it wraps. It lets everything
// through until Arm. It is safe for concurrent use.
type Faults struct {
	mu     sync.Mutex
	armed  bool
	seen   int
	first  int
	length int
	after  bool
	struck int
}

// Arm fails length statements from the n-th on, counted from 1 and from now:
// before they take effect, or after they did and before anybody hears of it.
func (f *Faults) Arm(n, length int, after bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.seen, f.first, f.length, f.after, f.struck = true, 0, n, length, after, 0
}

// Disarm lets everything through again, and says how many statements failed.
func (f *Faults) Disarm() (struck int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = false
	return f.struck
}

// next says what becomes of the next statement.
func (f *Faults) next() (before, after error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.armed {
		return nil, nil
	}
	f.seen++
	if f.seen < f.first || f.seen >= f.first+f.length {
		return nil, nil
	}
	f.struck++
	if f.after {
		return nil, ErrInjected
	}
	return ErrInjected, nil
}

// call makes one call that may fail.
func call[T any](f *Faults, do func() (T, error)) (T, error) {
	before, after := f.next()
	if before != nil {
		var none T
		return none, before
	}
	got, err := do()
	if err == nil && after != nil {
		if c, ok := any(got).(driver.Rows); ok {
			_ = c.Close() // nobody else will
		}
		var none T
		return none, after
	}
	return got, err
}

// Wrap makes connections whose statements can fail.
func (f *Faults) Wrap(c driver.Connector) driver.Connector { return connector{c, f} }

type connector struct {
	driver.Connector

	faults *Faults
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // passed through
	}
	return &conn{inner, c.faults}, nil
}
