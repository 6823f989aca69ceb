package results

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// keepAliveEvery is how often an idle event stream sends a comment, so that
// proxies keep it and a client that is gone is noticed.
const keepAliveEvery = 15 * time.Second

// Events sends the group's results after the cursor as server-sent events
// until the client leaves. The caller has checked access to the group.
func (s *Streams) Events(w http.ResponseWriter, r *http.Request, group yonder.ID, cursor int64, access Access) error {
	ctx, one, leave, err := s.enter(r.Context(), access.Token, access.Who)
	if err != nil {
		return err
	}
	defer leave(nil)
	// A cursor that leads nowhere is refused while there can be an answer.
	if _, _, err := s.Store.GroupResults(ctx, group, cursor, 1, 1); err != nil {
		return err
	}
	watch := s.Hub.Watch()
	defer watch.Close()
	watch.Add(group)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	e := events{streams: s, out: w, control: http.NewResponseController(w), group: group, cursor: cursor}
	if err := e.write([]byte(": results of group " + group.String() + "\n\n")); err != nil {
		return nil
	}
	if err := e.follow(ctx, watch, one, access); err != nil {
		s.Log.DebugContext(ctx, "events ended", "reason", err)
	}
	return nil
}

// events is one stream of server-sent events.
type events struct {
	streams *Streams
	out     http.ResponseWriter
	control *http.ResponseController
	group   yonder.ID
	cursor  int64
}

func (e *events) follow(ctx context.Context, watch *Watch, one *session, access Access) error {
	poll := newPoll()
	defer poll.Stop()
	alive := time.NewTicker(keepAliveEvery)
	defer alive.Stop()
	recheck := time.NewTicker(recheckEvery)
	defer recheck.Stop()
	for {
		var err error
		select {
		case <-watch.C:
			watch.Take()
			err = e.look(ctx, one, access)
		case <-poll.C:
			before := e.cursor
			err = e.look(ctx, one, access)
			poll.next(e.cursor > before)
		case <-alive.C:
			err = e.write([]byte(":\n\n"))
		case <-one.check:
			err = access.Still(ctx)
		case <-recheck.C:
			err = access.Still(ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
	}
}

func (e *events) look(ctx context.Context, one *session, access Access) error {
	for {
		if err := one.still(ctx, access); err != nil {
			return err
		}
		page, columns, err := e.streams.next(ctx, mark{e.group, true}, e.cursor)
		if err != nil || len(page.Entries) == 0 {
			return err
		}
		var text []byte
		for _, result := range JSONPage(page, columns) {
			if text, err = appendEvent(text, result); err != nil {
				return err
			}
		}
		if err := e.write(text); err != nil {
			return err
		}
		e.cursor = page.Cursor
	}
}

func appendEvent(text []byte, result wire.Result) ([]byte, error) {
	data, err := json.Marshal(result) // one line: JSON escapes line ends
	if err != nil {
		return nil, fmt.Errorf("encoding the result of task %s: %w", result.Task, err)
	}
	return fmt.Appendf(text, "event: result\nid: %d\ndata: %s\n\n", result.Cursor, data), nil
}

func (e *events) write(text []byte) error {
	_ = e.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if _, err := e.out.Write(text); err != nil {
		return fmt.Errorf("writing events: %w", err)
	}
	if err := e.control.Flush(); err != nil {
		return fmt.Errorf("flushing events: %w", err)
	}
	return nil
}
