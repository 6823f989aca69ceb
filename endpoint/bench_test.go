package endpoint_test

import (
	"testing"
	"time"
)

// TestManySmallBundles is the worst case for the books: every task comes as a
// lease of its own.
func TestManySmallBundles(t *testing.T) {
	t.Parallel()
	const tasks = 1000
	b := newBrain(t, tasks)
	s := newSite(t, b)
	a := s.start(t)
	began := time.Now()
	b.pump(t, 1)
	t.Logf("%d tasks, %.0f/s", tasks, tasks/time.Since(began).Seconds())
	if err := a.Detach(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.empty(t)
}
