package sqldb

import (
	"context"
	"sync"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
)

// mostKnown bounds a shelf: far more than are in use within seconds of each
// other, at a few kilobytes each. A full shelf is emptied.
const mostKnown = 16 << 10

// mostKnownBytes bounds a value on a shelf, and so all of them: a function may
// have a docstring of 100,000 bytes. The few that are larger are read each time.
const mostKnownBytes = 8 << 10

// known keeps what every request reads and what seldom changes, where no other
// process writes to the database. Any write but those of tasks empties it
// before the writer is answered, so nobody reads what was true before a change
// that they know of. What it returns is shared, and must not be changed.
type known struct {
	tokens    shelf[yonder.ID, store.TokenRecord]
	functions shelf[versioned, yonder.Function]
	endpoints shelf[yonder.ID, store.Terms]
}

type versioned struct {
	id      yonder.ID
	version int
}

func newKnown(most int) *known {
	k := &known{}
	k.tokens.most, k.functions.most, k.endpoints.most = most, most, most
	k.functions.size = func(f yonder.Function) int { return len(document(f)) }
	return k
}

func (k *known) forget() {
	k.tokens.forget()
	k.functions.forget()
	k.endpoints.forget()
}

// shelf is one kind of what is known.
type shelf[K comparable, V any] struct {
	mu      sync.Mutex
	most    int         // values; 0: every look reads
	size    func(V) int // in bytes, where these can be many; nil: they cannot
	values  map[K]V
	changes int // writes so far: what was read beside one is not kept
}

func (s *shelf[K, V]) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	clear(s.values)
}

func (s *shelf[K, V]) get(key K) (value V, changes int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok = s.values[key]
	return value, s.changes, ok
}

func (s *shelf[K, V]) put(key K, value V, changes int) {
	if s.size != nil && s.size(value) > mostKnownBytes {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes != changes || s.most == 0 {
		return
	}
	if len(s.values) >= s.most {
		clear(s.values)
	}
	if s.values == nil {
		s.values = map[K]V{}
	}
	s.values[key] = value
}

// look returns what is on the shelf, or reads it and puts it there.
func look[K comparable, V any](s *shelf[K, V], key K, read func() (V, error)) (V, error) {
	value, changes, ok := s.get(key)
	if ok {
		return value, nil
	}
	value, err := read()
	if err == nil {
		s.put(key, value, changes)
	}
	return value, err
}

// forgetting is an engine whose writes empty what is known, also those that
// fail: they may have taken effect.
type forgetting struct {
	Engine

	known *known
}

func (f forgetting) Write(ctx context.Context, op Op) error {
	defer f.known.forget()
	return f.Engine.Write(ctx, op)
}

func (f forgetting) WriteAhead(ctx context.Context, op Op, ran func()) error {
	defer f.known.forget()
	return f.Engine.WriteAhead(ctx, op, ran)
}
