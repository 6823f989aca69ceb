package sqldb

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// Accept records what the agent has journalled, takes back what it declines,
// and returns the spans that must not start.
func (s *Store) Accept(ctx context.Context, endpoint yonder.ID, a wire.Accept, now time.Time) (refused []wire.Span, err error) {
	err = s.tasks.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		refused = nil
		t, _, err := beginAs(ctx, q, now, endpoint, a.Epoch)
		if err != nil {
			return err
		}
		for _, span := range a.Spans {
			b, ok, err := t.find(ctx, endpoint, span)
			if err != nil {
				return err
			}
			if !ok {
				refused = append(refused, span)
				continue
			}
			refused = append(refused, b.lease.Accept(a.Epoch, span)...)
		}
		err = t.each(ctx, endpoint, a.Declined, func(b *bundle, span wire.Span) {
			t.ended(b, b.lease.Decline(a.Epoch, span), yonder.CodeTaskLost, "the endpoint declined the task")
		})
		if err != nil {
			return err
		}
		return t.flush(ctx)
	})
	return refused, err
}

// each applies an operation to spans that an agent names, passing over those
// that are not its own.
func (t *turn) each(ctx context.Context, endpoint yonder.ID, spans []wire.Span, apply func(*bundle, wire.Span)) error {
	for _, span := range spans {
		b, ok, err := t.find(ctx, endpoint, span)
		if err != nil {
			return err
		}
		if ok {
			apply(b, span)
		}
	}
	return nil
}

// Report takes in what happened to accepted spans, and returns the spans of
// results that do not count.
func (s *Store) Report(
	ctx context.Context, endpoint yonder.ID, r wire.Report, columns [][]byte, now time.Time,
) ([]wire.Span, store.Woken, error) {
	reported, err := s.ReportNews(ctx, endpoint, r, columns, now)
	woken := make(store.Woken, len(reported.News))
	for i, n := range reported.News {
		woken[i] = n.Group
	}
	return reported.Refused, woken, err
}

// ReportNews is Report that tells more of what came of it.
func (s *Store) ReportNews(
	ctx context.Context, endpoint yonder.ID, r wire.Report, columns [][]byte, now time.Time,
) (reported store.Reported, err error) {
	if err := checkReport(r, columns); err != nil {
		return store.Reported{}, err
	}
	kept, err := s.keep(columns)
	if err != nil {
		return store.Reported{}, err
	}
	defer kept.done()
	err = s.tasks.Write(ctx, kept.around(func(ctx context.Context, q *gen.Queries) error {
		t, session, err := beginAs(ctx, q, now, endpoint, r.Epoch)
		if err != nil {
			return err
		}
		t.kept = kept
		refused, err := t.report(ctx, endpoint, r, columns)
		if err != nil {
			return err
		}
		err = t.flush(ctx)
		reported = store.Reported{Refused: refused, News: t.news, Waiting: session.QueuedTasks > session.RestingTasks}
		return err
	}))
	kept.settle(err)
	if err != nil {
		return store.Reported{}, err
	}
	return reported, nil
}

func checkReport(r wire.Report, columns [][]byte) error {
	if len(columns) != len(r.Results) {
		return yonder.Errorf(yonder.CodeMalformedFrame, "%d results with %d columns", len(r.Results), len(columns))
	}
	for _, e := range r.Results {
		known := e.Outcome == wire.OutcomeOK || e.Outcome == wire.OutcomeException || e.Outcome == wire.OutcomeFailed
		if !known || e.Hi-e.Lo > 1 && e.Outcome == wire.OutcomeOK && e.Form != wire.FormChunk {
			return yonder.Errorf(yonder.CodeInvalidRequest, "result of %s: outcome %q of %d tasks in form %q",
				e.Bundle.Task(e.Lo), e.Outcome, e.Hi-e.Lo, e.Form)
		}
	}
	return nil
}

func (t *turn) report(ctx context.Context, endpoint yonder.ID, r wire.Report, columns [][]byte) ([]wire.Span, error) {
	err := t.each(ctx, endpoint, r.Started, func(b *bundle, span wire.Span) { b.lease.Start(r.Epoch, span) })
	if err != nil {
		return nil, err
	}
	var refused []wire.Span
	for i, entry := range r.Results {
		span := wire.Span{Bundle: entry.Bundle, Attempt: entry.Attempt, Lo: entry.Lo, Hi: entry.Hi}
		b, ok, err := t.find(ctx, endpoint, span)
		if err != nil {
			return nil, err
		}
		if !ok {
			refused = append(refused, span)
			continue
		}
		counted := b.lease.Result(span)
		refused = append(refused, without(span, counted)...)
		t.end(b, entry, counted, columns[i])
		if len(counted) > 0 {
			t.outcomes[len(t.outcomes)-1].place = t.kept.take(i) // the others have it in their rows
		}
	}
	for _, loss := range r.Lost {
		code, message := cmp.Or(loss.Code, yonder.CodeTaskLost), cmp.Or(loss.Message, "the task was lost")
		if code == yonder.CodeUnavailable { // its manager or agent was stopped: to the task's owner that is a loss
			code = yonder.CodeTaskLost
		}
		err := t.each(ctx, endpoint, []wire.Span{loss.Span}, func(b *bundle, span wire.Span) {
			t.over(b, b.lease.Lose(r.Epoch, span, loss.Started, code), cause{code: code, message: message, place: loss.Where, output: loss.Output})
		})
		if err != nil {
			return nil, err
		}
	}
	for _, stopped := range r.Cancelled {
		err := t.each(ctx, endpoint, []wire.Span{stopped.Span}, func(b *bundle, span wire.Span) {
			t.over(b, b.lease.Lose(r.Epoch, span, true, yonder.CodeTaskLost),
				cause{code: yonder.CodeTaskLost, message: "the agent stopped the task", stopped: stopped, output: stopped.Output})
		})
		if err != nil {
			return nil, err
		}
	}
	return refused, nil
}

// without returns the parts of the span that are not among others, which are
// sorted and within it.
func without(span wire.Span, others []wire.Span) []wire.Span {
	var rest []wire.Span
	for _, o := range others {
		if o.Lo > span.Lo {
			part := span
			part.Hi = o.Lo
			rest = append(rest, part)
		}
		span.Lo = o.Hi
	}
	if span.Lo < span.Hi {
		rest = append(rest, span)
	}
	return rest
}

// EndpointHolds says whether the endpoint's agent has been given the task.
func (s *Store) EndpointHolds(ctx context.Context, endpoint, task yonder.ID) (attempt int, held bool, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		n, err := q.HeldRange(ctx, endpoint, task.Bundle(), int64(task.Index()))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		attempt, held = int(n), err == nil
		return err
	})
	return attempt, held, err
}
