package sqldb

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/lease"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// outcome is an end of tasks that counts: it becomes a row of results.
type outcome struct {
	bundle  *bundle
	entry   wire.Entry // with the span that counts
	skip    int        // values of the payload that come before the span
	payload []byte
	place   Place // of the payload, unless the row is to have it
	state   yonder.State
	failure wire.TaskError
	stopped *wire.Stopped // how an agent ended it, if it was cancelled there
	memo    yonder.ID     // the task whose result this is, if it was kept
}

// maxMessage bounds the copy of a failure's message that listings show.
const maxMessage = 1000

// end records a result that an agent reported, for the parts that count.
func (t *turn) end(b *bundle, entry wire.Entry, counted []wire.Span, payload []byte) {
	for _, span := range counted {
		o := outcome{bundle: b, entry: entry, payload: payload, state: yonder.TaskFailed}
		o.entry.Lo, o.entry.Hi = span.Lo, span.Hi
		switch entry.Outcome {
		case wire.OutcomeOK:
			o.state, o.skip = yonder.TaskSucceeded, span.Lo-entry.Lo
		case wire.OutcomeException:
			o.failure.Code = yonder.CodeFunctionFailed
		default:
			// A payload that is not a TaskError leaves the code empty.
			_ = json.Unmarshal(payload, &o.failure)
		}
		if o.failure.Code == yonder.CodeTaskCancelled {
			o.state = yonder.TaskCancelled
		}
		t.outcomes = append(t.outcomes, o)
	}
}

// fail ends tasks that the service itself gives up.
func (t *turn) fail(b *bundle, spans []wire.Span, code yonder.Code, message string) {
	payload := []byte(document(wire.TaskError{Code: code, Message: message}))
	for _, s := range spans {
		entry := wire.Entry{Bundle: s.Bundle, Attempt: s.Attempt, Lo: s.Lo, Hi: s.Hi, Outcome: wire.OutcomeFailed, Form: wire.FormEach}
		if s.Tasks() > 1 {
			entry.Form = wire.FormChunk
		}
		t.end(b, entry, []wire.Span{s}, payload)
	}
}

// cause is why attempts ended without a result, and where.
type cause struct {
	code           yonder.Code
	message, place string
	stopped        wire.Stopped // if it was on request
	output         wire.Output  // of the task that ended
}

// ended tells what an operation left over, lost for the reason given.
func (t *turn) ended(b *bundle, ended lease.Ended, code yonder.Code, message string) {
	t.over(b, ended, cause{code: code, message: message})
}

func (t *turn) over(b *bundle, ended lease.Ended, why cause) {
	all := len(t.outcomes)
	for _, s := range ended.Exhausted {
		end := fmt.Sprintf("attempt %d of %d", s.Attempt, b.MaxAttempts)
		if s.Attempt < int(b.MaxAttempts) {
			end += fmt.Sprintf("; its retry policy does not try again after %s", why.code)
		}
		t.fail(b, []wire.Span{s}, why.code, fmt.Sprintf("%s (%s)", why.message, end))
	}
	first := len(t.outcomes)
	t.fail(b, ended.Cancelled, yonder.CodeTaskCancelled, cancelled)
	for i := range t.outcomes[first:] {
		t.outcomes[first+i].stopped = &why.stopped
	}
	for i := range t.outcomes[all:] {
		e := &t.outcomes[all+i].entry
		e.Stdout, e.Stderr, e.Worker = why.output.Stdout, why.output.Stderr, why.place
	}
	for _, a := range ended.Attempts {
		stopped := slices.Contains(ended.Cancelled, a.Span)
		last := stopped || slices.Contains(ended.Exhausted, a.Span)
		t.attempts = append(t.attempts, attempt{Attempt: a, bundle: b, cause: why, cancelled: stopped, last: last})
	}
}

// join is tasks that are new in a group.
type join struct {
	owner yonder.ID
	tasks int64
	// asked is how long a submission wants results kept, otherwise how long
	// they are if nobody has said.
	asked, otherwise time.Duration
}

// joinGroups adds new bundles to their groups, which come to be with them.
func (t *turn) joinGroups(ctx context.Context) error {
	for _, id := range sortedKeys(t.joins) {
		j := t.joins[id]
		owner, err := t.q.AddToGroup(ctx, gen.AddToGroupParams{
			ID: id, Owner: j.owner, Tasks: j.tasks, Created: t.now,
			Asked: j.asked.Microseconds(), Otherwise: cmp.Or(j.asked, j.otherwise, defaultRetention).Microseconds(),
		})
		if err != nil {
			return err
		}
		if owner != j.owner {
			return yonder.FieldErrorf(yonder.CodeForbidden, "group", "group %s belongs to somebody else: use a group of your own", id)
		}
	}
	return nil
}

// writeOutcomes gives the outcomes their places in their groups' streams. The
// group's row stays locked until the commit, so places have no gaps and
// become visible in their order.
func (t *turn) writeOutcomes(ctx context.Context) error {
	groups := map[yonder.ID][]outcome{}
	for i := range t.outcomes {
		if err := t.tellStopped(ctx, &t.outcomes[i]); err != nil {
			return err
		}
		o := t.outcomes[i]
		groups[o.bundle.GroupID] = append(groups[o.bundle.GroupID], o)
	}
	for _, id := range sortedKeys(groups) {
		add := gen.AdvanceGroupParams{ID: id, Results: int64(len(groups[id]))}
		for _, o := range groups[id] {
			tasks := int64(o.entry.Hi - o.entry.Lo)
			add.Done += tasks
			if o.state != yonder.TaskSucceeded {
				add.Failed += tasks
			}
		}
		last, err := t.advanceGroup(ctx, add)
		if err != nil {
			return fmt.Errorf("advancing group %s: %w", id, err)
		}
		if err := t.writeStream(ctx, id, groups[id], last-add.Results); err != nil {
			return err
		}
	}
	return nil
}

// advanceGroup returns the group's last cursor. When time has to look at the
// group changes seldom, and has an index.
func (t *turn) advanceGroup(ctx context.Context, add gen.AdvanceGroupParams) (int64, error) {
	g, err := t.q.AdvanceGroup(ctx, add)
	if due := t.now + g.Retention; err == nil && (!g.Due.Valid || g.Due.Int64 > due) {
		err = t.q.SetGroupDue(ctx, add.ID, some(due))
	}
	return g.LastCursor, err
}

// writeStream adds outcomes to their group's stream after the cursor.
func (t *turn) writeStream(ctx context.Context, group yonder.ID, outcomes []outcome, after int64) error {
	cursor, bytes, entries := after, 0, len(outcomes)
	var written []gen.GroupResultsRow
	for _, row := range packs(outcomes) {
		cursor += int64(len(row))
		whole, differs := pack(row)
		result, err := t.writeOutcome(ctx, whole, cursor, len(row), differs)
		if err != nil {
			return err
		}
		bytes += len(result.Payload) + len(result.Stdout) + len(result.Stderr)
		written = append(written, gen.GroupResultsRow{Result: result, Endpoint: whole.bundle.Endpoint, Submitted: whole.bundle.Submitted})
	}
	t.news = append(t.news, store.News{Group: group, After: after, Cursor: cursor, Bytes: bytes, Page: func() (wire.ResultPage, [][]byte, error) {
		return pageOf(group, after, written, entries, inRow)
	}})
	return nil
}

// inRow is the payload of a result that was not read from the store.
func inRow(_ *wire.ResultEntry, r *gen.Result) ([]byte, error) { return r.Payload, nil }

// writeOutcome writes a row of one outcome, or of as many as are packed in it,
// the last of which has the cursor.
func (t *turn) writeOutcome(ctx context.Context, o outcome, cursor int64, entries int, differs []byte) (gen.Result, error) {
	blob := ""
	if o.entry.Blob != nil {
		blob = document(o.entry.Blob)
		if _, err := t.q.ReferToBlob(ctx, o.bundle.ID, o.entry.Blob.ID, o.bundle.Owner); err != nil {
			return gen.Result{}, err
		}
	}
	payload := o.payload
	if o.place.Segment > 0 {
		payload = nil
	}
	message := []rune(text(cmp.Or(o.failure.Message, o.entry.Message)))
	p := gen.InsertResultParams{
		GroupID: o.bundle.GroupID, Cursor: cursor, BundleID: o.bundle.ID,
		Lo: int64(o.entry.Lo), Hi: int64(o.entry.Hi), Skip: int64(o.skip), Attempt: int64(o.entry.Attempt),
		State: o.state, Outcome: string(o.entry.Outcome), Form: text(string(o.entry.Form)),
		Code: text(string(o.failure.Code)), Message: string(message[:min(len(message), maxMessage)]),
		Worker: text(o.entry.Worker), Blob: blob,
		Started: o.entry.Started, Finished: o.entry.Finished, Accepted: t.now,
		Stdout: []byte(o.entry.Stdout), Stderr: []byte(o.entry.Stderr), Payload: filled(payload), Memo: o.memo,
		Entries: int64(entries), Pack: filled(differs),
		Segment: o.place.Segment, Place: o.place.Offset, Away: o.place.Size, Checksum: int64(o.place.Sum),
	}
	result := resultOf(&p)
	result.Payload = o.payload
	return result, t.q.InsertResult(ctx, p)
}

// resultOf is the row that is inserted, but for where its payload lies.
func resultOf(p *gen.InsertResultParams) gen.Result {
	return gen.Result{
		GroupID: p.GroupID, Cursor: p.Cursor, BundleID: p.BundleID, Lo: p.Lo, Hi: p.Hi, Skip: p.Skip, Attempt: p.Attempt,
		State: p.State, Outcome: p.Outcome, Form: p.Form, Code: p.Code, Message: p.Message, Worker: p.Worker, Blob: p.Blob,
		Started: p.Started, Finished: p.Finished, Accepted: p.Accepted, Stdout: p.Stdout, Stderr: p.Stderr, Payload: p.Payload,
		Memo: p.Memo, Entries: p.Entries, Pack: p.Pack,
	}
}
