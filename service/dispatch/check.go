package dispatch

import (
	"context"
	"strings"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// checkSpan refuses what cannot be a span, before the store works with it.
func checkSpan(field string, s wire.Span) error {
	if s.Bundle.IsZero() || s.Bundle != s.Bundle.Bundle() || s.Attempt < 1 || s.Lo < 0 || s.Hi <= s.Lo || s.Hi > yonder.MaxBundleTasks {
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, field,
			"bundle %s, attempt %d, tasks %d to %d is not a span", s.Bundle, s.Attempt, s.Lo, s.Hi)
	}
	return nil
}

func checkSpans(field string, lists ...[]wire.Span) error {
	for _, spans := range lists {
		for _, s := range spans {
			if err := checkSpan(field, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkReport looks at the form of a report: whether its spans are the
// endpoint's is for the store to say. Output that is no valid text is mended,
// because refusing it would keep a result from its reader.
func checkReport(r *wire.Report, columns [][]byte) error {
	if len(columns) != len(r.Results) {
		return yonder.FieldErrorf(yonder.CodeMalformedFrame, "results", "%d results have %d payloads", len(r.Results), len(columns))
	}
	if err := checkSpans("started", r.Started); err != nil {
		return err
	}
	for i := range r.Cancelled {
		if err := checkSpan("cancelled", r.Cancelled[i].Span); err != nil {
			return err
		}
		r.Cancelled[i].Output = output(r.Cancelled[i].Output)
	}
	for i := range r.Lost {
		if err := checkSpan("lost", r.Lost[i].Span); err != nil {
			return err
		}
		r.Lost[i].Output = output(r.Lost[i].Output)
	}
	for i := range r.Results {
		if err := checkEntry(&r.Results[i], columns[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkEntry(e *wire.Entry, column []byte) error {
	if err := checkSpan("results", wire.Span{Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi}); err != nil {
		return err
	}
	switch e.Outcome {
	case wire.OutcomeOK, wire.OutcomeException, wire.OutcomeFailed:
	default:
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "results", "%q is no outcome", e.Outcome)
	}
	if e.Hi-e.Lo > 1 && e.Outcome == wire.OutcomeOK && e.Form != wire.FormChunk {
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "results", "the values of %d tasks must have the form %q", e.Hi-e.Lo, wire.FormChunk)
	}
	if e.Blob != nil && len(column) > 0 {
		return yonder.FieldErrorf(yonder.CodeInvalidRequest, "results", "a result has a payload and a blob, but can have only one")
	}
	e.Stdout, e.Stderr = text(e.Stdout), text(e.Stderr)
	e.Started, e.Finished = moment(e.Started), moment(e.Finished)
	return nil
}

// endOfTime is the last microsecond of the year 9999: later ones cannot be
// written as JSON, and would spoil every listing that has the task.
const endOfTime = 253402300799999999

// moment is a time by a worker's clock, or unknown if that clock is broken.
func moment(us int64) int64 {
	if us < 0 || us > endOfTime {
		return 0
	}
	return us
}

// text is s as valid UTF-8, and not more than is kept.
func text(s string) string { return wire.CutOutput(strings.ToValidUTF8(s, "\uFFFD")) }

func output(o wire.Output) wire.Output {
	return wire.Output{Stdout: text(o.Stdout), Stderr: text(o.Stderr)}
}

// checkBlobs refuses results that refer to somebody else's blob, and takes
// size and hash from what was uploaded instead of from the agent.
func (d *Dispatcher) checkBlobs(ctx context.Context, entries []wire.Entry) error {
	for i := range entries {
		e := &entries[i]
		if e.Blob == nil {
			continue
		}
		record, err := d.Store.Blob(ctx, e.Blob.ID)
		if err != nil {
			return err
		}
		owner, err := d.Store.BundleOwner(ctx, e.Bundle)
		if err != nil {
			return err
		}
		if record.Owner != owner || !record.Bundle.IsZero() && record.Bundle != e.Bundle {
			return yonder.FieldErrorf(yonder.CodeForbidden, "results", "blob %s was not uploaded for this task: upload the result again", e.Blob.ID)
		}
		e.Blob = &record.Blob
	}
	return nil
}
