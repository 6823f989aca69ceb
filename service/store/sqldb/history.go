package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/lease"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// attempt is one that ended without a result and is to be remembered.
type attempt struct {
	lease.Attempt
	cause

	bundle    *bundle
	cancelled bool
	last      bool // no other one follows
}

func (t *turn) writeAttempts(ctx context.Context) error {
	for _, a := range t.attempts {
		code, message, output := a.code, a.message, a.output.CutLost()
		if a.last {
			output = wire.Output{} // it stands with the result
		}
		if a.cancelled {
			code, message = yonder.CodeTaskCancelled, "it was stopped on request"+fate(a.stopped)
		}
		err := t.q.InsertAttempt(ctx, gen.InsertAttemptParams{
			BundleID: a.Bundle, Attempt: int64(a.Span.Attempt), Lo: int64(a.Lo), Hi: int64(a.Hi),
			Endpoint: a.bundle.Endpoint, Epoch: t.sessions[a.bundle.Endpoint].Epoch,
			State: string(a.State), Since: a.Since, Ended: t.now,
			Code: text(string(code)), Message: bounded(message), Place: text(a.place),
			Stdout: []byte(output.Stdout), Stderr: []byte(output.Stderr),
		})
		if err != nil {
			return fmt.Errorf("noting attempt %d of %s: %w", a.Span.Attempt, a.Bundle.Task(a.Lo), err)
		}
	}
	return nil
}

// bounded is a message as a row has it.
func bounded(message string) string {
	runes := []rune(text(message))
	return string(runes[:min(len(runes), maxMessage)])
}

// fate is how a worker took being told to end.
func fate(s wire.Stopped) string {
	seconds := math.Round(s.Seconds*10) / 10
	switch s.How {
	case wire.StoppedWaiting:
		return "; no worker had begun it"
	case wire.StoppedTerminated:
		return fmt.Sprintf("; it ended %g s after SIGTERM", seconds)
	case wire.StoppedKilled:
		return fmt.Sprintf("; it ignored SIGTERM and was killed %g s later", seconds)
	}
	return ""
}

// tellStopped gives a task that an agent stopped the reason that was given
// when it was cancelled, and what its worker made of it.
func (t *turn) tellStopped(ctx context.Context, o *outcome) error {
	if o.stopped == nil {
		return nil
	}
	why := cancelled
	asked, err := t.q.GetCancel(ctx, o.entry.Bundle, int64(o.entry.Lo))
	switch {
	case err == nil:
		why = asked.Why
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	o.failure.Message = why + fate(*o.stopped)
	o.payload, err = json.Marshal(o.failure)
	if err != nil {
		return fmt.Errorf("encoding the end of %s: %w", o.entry.Bundle.Task(o.entry.Lo), err)
	}
	return nil
}

// keptVisits is how many sessions of an endpoint are remembered: enough to
// see an agent that starts again and again.
const keptVisits = 20

// visit remembers the session; that it was opened already changes nothing.
func (t *turn) visit(ctx context.Context, s *session, c wire.Capabilities) error {
	err := t.q.InsertVisit(ctx, gen.InsertVisitParams{
		Endpoint: s.Endpoint, Epoch: s.Epoch, Opened: s.Opened, Host: text(c.Hostname), Version: text(c.Version),
	})
	if err != nil {
		return err
	}
	return t.q.PruneVisits(ctx, s.Endpoint, s.Epoch-keptVisits)
}

// Attempt reads one that ended without a result.
func (s *Store) Attempt(ctx context.Context, task yonder.ID, number int) (a yonder.Attempt, output wire.Output, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		r, err := q.GetAttempt(ctx, task.Bundle(), int64(number), int64(task.Index()))
		if err != nil {
			return found(err, "task %s has no attempt %d that ended without a result", task, number)
		}
		output = wire.Output{Stdout: string(r.Stdout), Stderr: string(r.Stderr)}
		a = attemptOf(gen.AttemptsOfRow{
			Attempt: r.Attempt, Endpoint: r.Endpoint, Epoch: r.Epoch, State: r.State, Since: r.Since, Ended: r.Ended,
			Code: r.Code, Message: r.Message, Place: r.Place, Written: int64(output.Len()),
		})
		return nil
	})
	return a, output, err
}

func attemptOf(r gen.AttemptsOfRow) yonder.Attempt {
	return yonder.Attempt{
		Number: int(r.Attempt), Endpoint: r.Endpoint, Epoch: r.Epoch, Place: r.Place, State: yonder.State(r.State),
		Since: moment(r.Since), Ended: moment(r.Ended), Code: yonder.Code(r.Code), Message: r.Message, Written: r.Written,
	}
}

func visitsOf(rows []gen.VisitsOfRow) []store.Visit {
	list := make([]store.Visit, len(rows))
	for i, r := range rows {
		list[i] = store.Visit{
			Epoch: r.Epoch, Opened: moment(r.Opened), Closed: maybeMoment(r.Closed), Host: r.Host, Version: r.Version,
		}
	}
	return list
}
