package endpoint_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
)

// What the service has given up while it was offered, or while its agent was
// away, may be more pieces than an answer can name at once.
func TestRefusalsThatDoNotFitAnAnswer(t *testing.T) {
	t.Parallel()
	const tasks = 40
	overEverySecond := func(b *brain, i int) {
		if i%2 == 1 {
			b.tasks[i].state = yonder.RangeDone
		}
	}
	for name, when := range map[string]string{"of an accept": "accept", "of a reconciliation": "reconcile"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBrain(t, tasks)
			b.most = 3
			s := newSite(t, b)
			s.cfg.Provider.Slots = tasks // all of them are given to one manager
			s.provider.setup = func(m *fakeManager) { m.hold = true }
			if when == "accept" {
				b.over = func(i int) { overEverySecond(b, i) }
			}
			a := s.start(t)
			b.opens.Wait(t)
			require.Eventually(t, func() bool { b.offer(tasks); return b.accepted() > 0 }, 20*time.Second, 20*time.Millisecond)
			m := s.provider.made.Wait(t)
			m.got.Wait(t)
			if when == "reconcile" {
				a.Stop()
				b.with(func() {
					for i := range tasks {
						overEverySecond(b, i)
					}
				})
				a = s.start(t)
				b.opens.Wait(t)
			}
			m.release()
			b.pump(t, tasks)
			b.with(func() {
				for i := range tasks {
					_, reported := b.payloads[i]
					require.Equal(t, i%2 == 0, reported, "task %d", i)
				}
			})
			require.Empty(t, m.twice())
			require.NoError(t, a.Detach(t.Context()))
			s.empty(t)
		})
	}
}
