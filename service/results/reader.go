package results

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Store is where results are read.
type Store interface {
	GroupResults(ctx context.Context, group yonder.ID, cursor int64, limit, maxBytes int) (wire.ResultPage, [][]byte, error)
	TaskResult(ctx context.Context, task yonder.ID) (wire.ResultEntry, []byte, error)
}

// Reader waits for results.
type Reader struct {
	Store Store
	Hub   *Hub
	// PageEntries and PageBytes bound what is held in memory for one reader.
	PageEntries int
	PageBytes   int
}

// Page returns results after the cursor as soon as there are any, and an
// empty page when there are none within wait.
func (r *Reader) Page(ctx context.Context, group yonder.ID, cursor int64, limit int, wait time.Duration) (wire.ResultPage, [][]byte, error) {
	var page wire.ResultPage
	var columns [][]byte
	err := r.await(ctx, group, wait, func() (bool, error) {
		var err error
		page, columns, err = r.Store.GroupResults(ctx, group, cursor, min(limit, r.PageEntries), r.PageBytes)
		return len(page.Entries) > 0, err
	})
	return page, columns, err
}

// next returns what comes after the cursor of a marked group: what the hub was
// handed, or what the store has. If nothing but that is new, the store is not
// asked whether there is more.
func (r *Reader) next(ctx context.Context, m mark, cursor int64) (wire.ResultPage, [][]byte, error) {
	news, there, more := r.Hub.after(m.group, cursor)
	switch {
	case there && news.Cursor-news.After <= int64(r.PageEntries) && news.Bytes <= r.PageBytes:
		return news.Page()
	case !more && !m.look:
		return wire.ResultPage{}, nil, nil
	}
	return r.Store.GroupResults(ctx, m.group, cursor, r.PageEntries, r.PageBytes)
}

// Task returns the task's result as soon as it is there, and CodeNotFound
// when it does not come within wait.
func (r *Reader) Task(ctx context.Context, group, task yonder.ID, wait time.Duration) (wire.ResultEntry, []byte, error) {
	var entry wire.ResultEntry
	var column []byte
	var missing error
	err := r.await(ctx, group, wait, func() (bool, error) {
		var err error
		entry, column, err = r.Store.TaskResult(ctx, task)
		if yonder.CodeOf(err) == yonder.CodeNotFound {
			missing = err
			return false, nil
		}
		missing = nil
		return true, err
	})
	if err == nil {
		err = missing
	}
	return entry, column, err
}

// await calls look now, whenever the group wakes, and now and then, until it
// says that it is done or the wait is over.
func (r *Reader) await(ctx context.Context, group yonder.ID, wait time.Duration, look func() (bool, error)) error {
	if wait <= 0 {
		_, err := look()
		return err
	}
	watch := r.Hub.Watch()
	defer watch.Close()
	watch.Add(group)
	over := time.NewTimer(wait)
	defer over.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		if done, err := look(); done || err != nil {
			return err
		}
		select {
		case <-watch.C:
			watch.Take()
		case <-poll.C:
		case <-over.C:
			_, err := look()
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
