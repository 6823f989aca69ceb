// Package quota gives every identity a share of what a service has only once:
// memory, streams, requests. What is kept in the store is bounded there, in
// the transaction that adds to it; this package bounds what a process holds,
// and knows which limits are whose.
package quota

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"github.com/yonder-run/yonder"
)

// Counter bounds how many of something each identity has at one time. Its zero
// value counts from none.
type Counter struct {
	mu   sync.Mutex
	held map[yonder.ID]int64
}

// Take counts one more, up to most (0: any number), until release is called.
// The error names the limit and says what is counted: "of yours are open".
func (c *Counter) Take(identity yonder.ID, most int64, limit, what string) (release func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil {
		c.held = map[yonder.ID]int64{}
	}
	now := c.held[identity]
	if most > 0 && now >= most {
		return nil, yonder.LimitError(limit, now, most, 1, what)
	}
	c.held[identity] = now + 1
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.held[identity]--; c.held[identity] <= 0 {
			delete(c.held, identity)
		}
	}), nil
}

// Memory is bytes that all share, of which each identity may hold a part. Who
// asks for more than is free waits.
type Memory struct {
	all  *semaphore.Weighted
	most int64
	part int64

	mu     sync.Mutex
	shares map[yonder.ID]*memoryShare
}

type memoryShare struct {
	*semaphore.Weighted

	users int
}

// NewMemory returns memory of so many bytes, of which part may be one
// identity's.
func NewMemory(most, part int64) *Memory {
	return &Memory{all: semaphore.NewWeighted(most), most: most, part: min(part, most), shares: map[yonder.ID]*memoryShare{}}
}

// Acquire waits until n bytes are free, for the identity and for all. A need
// that is larger than the identity's part takes all of that.
func (m *Memory) Acquire(ctx context.Context, identity yonder.ID, n int64) (release func(), err error) {
	n = min(n, m.part)
	own := m.enter(identity)
	if err := own.Acquire(ctx, n); err != nil {
		m.leave(identity)
		e := yonder.FieldErrorf(yonder.CodeLimitReached, yonder.LimitRequestBytes,
			"your other requests hold their share of the service's memory, %d bytes: try again in a moment", m.part)
		e.Reached = &yonder.Reached{Limit: yonder.LimitRequestBytes, Current: m.part, Maximum: m.part}
		return nil, e
	}
	if err := m.all.Acquire(ctx, n); err != nil {
		own.Release(n)
		m.leave(identity)
		e := yonder.FieldErrorf(yonder.CodeLimitReached, yonder.LimitRequestBytes,
			"the requests of all hold the memory that the service has for them, %d bytes: try again in a moment", m.most)
		e.Reached = &yonder.Reached{Limit: yonder.LimitRequestBytes, Current: m.most, Maximum: m.most}
		return nil, e
	}
	return sync.OnceFunc(func() {
		m.all.Release(n)
		own.Release(n)
		m.leave(identity)
	}), nil
}

func (m *Memory) enter(identity yonder.ID) *memoryShare {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.shares[identity]
	if s == nil {
		s = &memoryShare{Weighted: semaphore.NewWeighted(m.part)}
		m.shares[identity] = s
	}
	s.users++
	return s
}

func (m *Memory) leave(identity yonder.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.shares[identity]; s.users == 1 {
		delete(m.shares, identity)
	} else {
		s.users--
	}
}
