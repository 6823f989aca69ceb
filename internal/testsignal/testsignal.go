// Package testsignal lets a test wait for the moment something happened inside
// a running service, instead of sleeping and hoping.
//
// The service owns a struct of signals and fires them as it works. Outside
// tests nobody calls Init, and Fire on a signal that was not initialised does
// nothing, so production code carries signals at no cost.
package testsignal

import (
	"sync"
	"time"
)

// patience is how long Wait waits before it fails the test. It is generous
// because it is only ever spent on a failure.
const patience = 30 * time.Second

// TB is the part of testing.TB that is needed here. It is spelled out so that
// production code does not import the testing package.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Signal carries events of type T from a service to its test. Events queue up
// without limit and in order, so none is missed and Fire never blocks.
//
// Init must be called before the service starts; Fire and Wait may then be
// called from any goroutine.
type Signal[T any] struct {
	queue *queue[T]
}

// queue holds what was fired and not yet waited for. The wake channel has room
// for one token: it says "look again", not how much there is.
type queue[T any] struct {
	mu     sync.Mutex
	events []T
	wake   chan struct{}
}

// Init switches the signal on.
func (s *Signal[T]) Init() {
	s.queue = &queue[T]{wake: make(chan struct{}, 1)}
}

// Fire records that the event happened.
func (s *Signal[T]) Fire(event T) {
	if s.queue == nil {
		return
	}
	s.queue.push(event)
}

// Wait returns the oldest event nobody has waited for, or fails the test.
func (s *Signal[T]) Wait(tb TB) T {
	tb.Helper()
	return s.wait(tb, patience)
}

// Pending is how many events have been fired and not waited for.
func (s *Signal[T]) Pending() int {
	if s.queue == nil {
		return 0
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return len(s.queue.events)
}

func (s *Signal[T]) wait(tb TB, limit time.Duration) T {
	tb.Helper()
	var none T
	if s.queue == nil {
		tb.Fatalf("signal of %T was never switched on: call Init before the service starts", none)
		return none
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		if event, ok := s.queue.pop(); ok {
			return event
		}
		select {
		case <-s.queue.wake:
		case <-timer.C:
			tb.Fatalf("no signal of %T within %s", none, limit)
			return none
		}
	}
}

func (q *queue[T]) push(event T) {
	q.mu.Lock()
	q.events = append(q.events, event)
	q.mu.Unlock()
	q.nudge()
}

// pop passes the wake token on when more remains, so that several waiters can
// share one signal.
func (q *queue[T]) pop() (T, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var event T
	if len(q.events) == 0 {
		return event, false
	}
	event, q.events = q.events[0], q.events[1:]
	if len(q.events) > 0 {
		q.nudge()
	}
	return event, true
}

func (q *queue[T]) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
