package lease

import "github.com/yonder-run/yonder"

// Recall ends a queued task with a result that was kept: no attempt begins. It
// says whether the task was queued.
func (b *Bundle) Recall(task int) (recalled bool) {
	b.each(task, task+1, func(r *Range) {
		if r.State == yonder.RangeQueued {
			b.step(r, yonder.EventRecall)
			recalled = true
		}
	}, nil)
	return recalled
}
