package sqldb

import (
	"cmp"
	"context"
	"slices"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// segment is a run of tasks of one bundle that are alike: a range or a result.
type segment struct {
	lo, hi int
	since  int64       // in the state
	task   yonder.Task // but for its id
	worker string      // that gave the result
}

// segments returns a bundle's segments that start below upto, last first, at
// most count of them.
func segments(ctx context.Context, q *gen.Queries, b *gen.Bundle, upto int, state yonder.State, count int32) ([]segment, error) {
	ranges, err := q.RangesBelow(ctx, gen.RangesBelowParams{
		BundleID: b.ID, Upto: int64(upto), State: orNull(string(state)), Count: count,
	})
	if err != nil {
		return nil, err
	}
	results, err := q.ResultsBelow(ctx, gen.ResultsBelowParams{
		BundleID: b.ID, Upto: int64(upto), State: orNull(string(state)), Count: count,
	})
	if err != nil {
		return nil, err
	}
	common := yonder.Task{
		Group: b.GroupID, Function: b.FunctionID, Version: int(b.Version), Endpoint: b.Endpoint, Owner: b.Owner,
		Label: b.Label, Priority: int(b.Priority), Submitted: moment(b.Submitted),
	}
	list := make([]segment, 0, len(ranges)+len(results))
	for _, r := range ranges {
		s := segment{lo: int(r.Lo), hi: int(r.Hi), since: r.Since, task: common}
		s.task.State, s.task.Attempt, s.task.Cancel = r.State, int(r.Attempt), r.Cancel
		s.task.NotBefore = momentUnlessZero(r.NotBefore)
		if r.State == yonder.RangeStarted {
			s.task.Started = momentUnlessZero(r.Since)
		}
		list = append(list, s)
	}
	for _, r := range results {
		ended, err := endedSegments(r, common)
		if err != nil {
			return nil, err
		}
		list = append(list, ended...)
	}
	list = slices.DeleteFunc(list, func(s segment) bool { return s.lo >= upto })
	slices.SortFunc(list, func(a, b segment) int { return b.lo - a.lo })
	return list, nil
}

// endedSegments are those of one row: as many as it packs.
func endedSegments(r gen.ResultsBelowRow, common yonder.Task) ([]segment, error) {
	whole := segment{lo: int(r.Lo), hi: int(r.Hi), since: r.Accepted, task: common, worker: r.Worker}
	whole.task.State, whole.task.Attempt = r.State, int(r.Attempt)
	whole.task.Memo = maybeID(r.Memo)
	whole.task.Code, whole.task.Message = yonder.Code(r.Code), r.Message
	whole.ran(r.Started, cmp.Or(r.Finished, r.Accepted))
	if r.Entries == 1 {
		return []segment{whole}, nil
	}
	list, err := parts(r.Entries, r.Pack, r.Worker, r.Started)
	segs := make([]segment, len(list))
	for i, p := range list {
		segs[i] = whole
		segs[i].lo, segs[i].hi, segs[i].worker = whole.lo+i, whole.lo+i+1, p.worker
		segs[i].ran(p.started, cmp.Or(p.finished, r.Accepted))
	}
	return segs, err
}

func (s *segment) ran(started, finished int64) {
	s.task.Started, s.task.Finished = momentUnlessZero(started), momentUnlessZero(finished)
}

// Task returns one task as it is now.
func (s *Store) Task(ctx context.Context, id yonder.ID) (task yonder.Task, err error) {
	err = s.engine.Snapshot(ctx, func(ctx context.Context, q *gen.Queries) error {
		b, err := q.GetBundle(ctx, id.Bundle())
		if err != nil {
			return found(err, "there is no task %s", id)
		}
		seg, err := segmentOf(ctx, q, &b, id)
		task = seg.task
		task.ID = id
		return err
	})
	return task, err
}

// ListTasks lists tasks, newest first: by bundle, and within a bundle from
// the last task to the first.
func (s *Store) ListTasks(ctx context.Context, filter store.TaskFilter) (list []yonder.Task, err error) {
	want := int(limit(filter.Page))
	err = s.engine.Snapshot(ctx, func(ctx context.Context, q *gen.Queries) error {
		list = []yonder.Task{}
		next := after(filter.Page) // tasks below this
		// The first bundle may have nothing below; all others have a task at least.
		bundles, err := listBundles(ctx, q, filter, next.Bundle(), int32(want)+1)
		for i := 0; i < len(bundles) && len(list) < want && err == nil; i++ {
			b := &bundles[i]
			upto := int(b.Tasks)
			if b.ID == next.Bundle() {
				upto = min(upto, next.Index())
			}
			list, err = appendTasks(ctx, q, list, b, upto, filter.State, want)
		}
		return err
	})
	return list, err
}

// appendTasks adds a bundle's tasks below upto until there are as many as wanted.
func appendTasks(
	ctx context.Context, q *gen.Queries, list []yonder.Task, b *gen.Bundle, upto int, state yonder.State, want int,
) ([]yonder.Task, error) {
	segs, err := segments(ctx, q, b, upto, state, int32(want-len(list)))
	if err != nil {
		return nil, err
	}
	for _, seg := range segs {
		for i := min(seg.hi, upto) - 1; i >= seg.lo && len(list) < want; i-- {
			task := seg.task
			task.ID = b.ID.Task(i)
			list = append(list, task)
		}
	}
	return list, nil
}

// listBundles picks the query whose index fits the filter.
func listBundles(ctx context.Context, q *gen.Queries, f store.TaskFilter, upto yonder.ID, count int32) ([]gen.Bundle, error) {
	state := orNull(string(f.State))
	switch {
	case !f.Group.IsZero():
		return q.ListBundlesOfGroup(ctx, gen.ListBundlesOfGroupParams{
			GroupID: f.Group, Upto: upto, Owner: f.Owner, Endpoint: f.Endpoint, FunctionID: f.Function, State: state, Count: count,
		})
	case !f.Owner.IsZero():
		return q.ListBundlesOfOwner(ctx, gen.ListBundlesOfOwnerParams{
			Owner: f.Owner, Upto: upto, Endpoint: f.Endpoint, FunctionID: f.Function, State: state, Count: count,
		})
	default:
		return q.ListBundles(ctx, gen.ListBundlesParams{
			Upto: upto, Endpoint: f.Endpoint, FunctionID: f.Function, State: state, Count: count,
		})
	}
}
