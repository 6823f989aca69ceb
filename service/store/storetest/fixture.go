// Package storetest is the conformance suite of the store: every driver runs
// it, so that no behaviour exists on one side only.
package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/wire"
)

// bench is a store with what most behaviours need: people and an endpoint.
type bench struct {
	store.Store
	testing.TB

	replica  store.Store // the same database, where the engine allows, seen by another process
	owner    yonder.ID
	other    yonder.ID
	endpoint yonder.ID
	function yonder.Function
	now      time.Time
}

// clock is where tests start; they move on by hand.
var clock = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

var made atomic.Int64

// nextID is yonder.NewID but for the order: ids made in one millisecond have
// none, and tests look at what is newest.
func nextID() yonder.ID {
	id := yonder.NewID()
	ms := clock.UnixMilli() + made.Add(1)
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id
}

func newBench(tb testing.TB, s store.Store) *bench {
	tb.Helper()
	b := &bench{Store: s, TB: tb, replica: s, now: clock}
	b.owner, b.other = b.person("ada"), b.person("bob")
	b.endpoint = b.newEndpoint("laptop")
	b.function = b.newFunction("f", "body of f")
	return b
}

func (b *bench) person(name string) yonder.ID {
	b.Helper()
	id := nextID()
	err := b.CreateIdentity(b.Context(), yonder.Identity{ID: id, Name: name, Kind: yonder.IdentityPerson, Created: b.now})
	require.NoError(b, err)
	return id
}

func (b *bench) newEndpoint(name string) yonder.ID {
	b.Helper()
	e := yonder.Endpoint{ID: nextID(), Name: name, Owner: b.owner, Created: b.now}
	require.NoError(b, b.CreateEndpoint(b.Context(), e, b.agentToken(e.ID), []byte("hash")))
	return e.ID
}

func (b *bench) agentToken(endpoint yonder.ID) yonder.Token {
	return yonder.Token{
		ID: nextID(), Identity: b.owner, Endpoint: &endpoint, Scopes: []string{yonder.ScopeAgent}, Created: b.now,
	}
}

func (b *bench) newFunction(name, body string) yonder.Function {
	b.Helper()
	f := yonder.Function{
		ID: nextID(), Name: name, Kind: yonder.KindPython, Owner: b.owner, Created: b.now,
		Hash: fmt.Sprintf("%x", sha256.Sum256([]byte(body))),
	}
	f, err := b.PutFunction(b.Context(), f, []byte(body))
	require.NoError(b, err)
	return f
}

// open opens a session without reconciling it.
func (b *bench) open(endpoint yonder.ID, tasks int) int64 {
	b.Helper()
	epoch, err := b.OpenSession(b.Context(), endpoint, wire.SessionOpen{
		Instance: yonder.NewID(), Journal: yonder.NewID(), Capacity: wire.Capacity{Tasks: tasks, Bytes: 128 << 20},
	}, b.now)
	require.NoError(b, err)
	return epoch
}

// live opens a session that holds nothing and may be given this many tasks.
func (b *bench) live(endpoint yonder.ID, tasks int) int64 {
	b.Helper()
	epoch := b.open(endpoint, tasks)
	_, _, err := b.Reconcile(b.Context(), endpoint, wire.Reconcile{Epoch: epoch, Last: true}, b.now)
	require.NoError(b, err)
	return epoch
}

// bundle makes a bundle of tasks with small payloads, not yet submitted.
func (b *bench) bundle(group yonder.ID, tasks int) store.NewBundle {
	n := store.NewBundle{
		Bundle: wire.Bundle{
			ID: nextID().Bundle(), Group: group, Endpoint: b.endpoint, Function: b.function.ID, Version: b.function.Version,
			Tasks: tasks, Form: wire.FormEach, Codec: "pickle",
		},
		Owner: b.owner, Hash: b.function.Hash, Kind: b.function.Kind, MaxAttempts: 2, Submitted: b.now,
	}
	for i := range tasks {
		n.Payloads = append(n.Payloads, fmt.Appendf(nil, "payload %d", i))
	}
	return n
}

// chunk is bundle with one payload for all tasks.
func (b *bench) chunk(group yonder.ID, tasks int) store.NewBundle {
	n := b.bundle(group, tasks)
	n.Form, n.Payloads = wire.FormChunk, [][]byte{[]byte("all payloads")}
	return n
}

func (b *bench) submit(bundles ...store.NewBundle) []store.Offered {
	b.Helper()
	submitted, err := b.Submit(b.Context(), bundles)
	require.NoError(b, err)
	require.Len(b, submitted.Bundles, len(bundles))
	return submitted.Offered
}

func (b *bench) claim() []store.Offered {
	b.Helper()
	offered, err := b.Claim(b.Context(), b.endpoint, wire.MaxFabricFrame, b.now)
	require.NoError(b, err)
	return offered
}

func spansOf(offered []store.Offered) []wire.Span {
	var spans []wire.Span
	for _, o := range offered {
		spans = append(spans, o.Lease.Span)
	}
	return spans
}

// same compares spans whatever offers they came by: what is said of a result
// names none.
func (b *bench) same(want, got []wire.Span, why ...any) {
	b.Helper()
	require.Equal(b, ungranted(want...), ungranted(got...), why...)
}

func ungranted(spans ...wire.Span) []wire.Span {
	out := slices.Clone(spans)
	for i := range out {
		out[i].Grant = 0
	}
	return out
}

// accept accepts spans, all of which must be fine.
func (b *bench) accept(epoch int64, spans ...wire.Span) {
	b.Helper()
	refused, err := b.Accept(b.Context(), b.endpoint, wire.Accept{Epoch: epoch, Spans: spans}, b.now)
	require.NoError(b, err)
	require.Empty(b, refused)
}

func (b *bench) refused(epoch int64, spans ...wire.Span) []wire.Span {
	b.Helper()
	refused, err := b.Accept(b.Context(), b.endpoint, wire.Accept{Epoch: epoch, Spans: spans}, b.now)
	require.NoError(b, err)
	return refused
}

// started submits n tasks as one bundle, and has them accepted and started.
func (b *bench) started(epoch int64, group yonder.ID, n int) wire.Span {
	b.Helper()
	bundle := b.bundle(group, n)
	spans := spansOf(b.submit(bundle))
	require.Len(b, spans, 1)
	b.accept(epoch, spans...)
	b.report(wire.Report{Epoch: epoch, Started: spans})
	return spans[0]
}

func (b *bench) report(r wire.Report, columns ...[]byte) []wire.Span {
	b.Helper()
	reported, err := b.ReportNews(b.Context(), b.endpoint, r, columns, b.now)
	require.NoError(b, err)
	for _, n := range reported.News {
		b.fresh(n)
	}
	waits, err := b.Waits(b.Context(), b.endpoint)
	require.NoError(b, err)
	require.Equal(b, waits, reported.Waiting)
	return reported.Refused
}

// fresh holds what a report says that it has added to what is read.
func (b *bench) fresh(n store.News) {
	b.Helper()
	page, columns, err := n.Page()
	require.NoError(b, err)
	require.Len(b, page.Entries, int(n.Cursor-n.After))
	read, values, err := b.replica.GroupResults(b.Context(), n.Group, n.After, maxRead, 1<<30)
	require.NoError(b, err)
	require.Equal(b, read, page)
	require.Len(b, columns, len(values))
	bytes := 0
	for i := range values {
		require.True(b, slices.Equal(values[i], columns[i]))
		bytes += len(values[i]) + len(page.Entries[i].Stdout) + len(page.Entries[i].Stderr)
	}
	require.GreaterOrEqual(b, bytes, n.Bytes)
}

// maxRead is more than any behaviour reads.
const maxRead = 1000

// succeed reports values for the spans, as chunks where there are several.
func (b *bench) succeed(epoch int64, spans ...wire.Span) []wire.Span {
	b.Helper()
	r, columns := successes(epoch, spans...)
	return b.report(r, columns...)
}

func successes(epoch int64, spans ...wire.Span) (wire.Report, [][]byte) {
	r := wire.Report{Epoch: epoch}
	var columns [][]byte
	for _, s := range spans {
		e := wire.Entry{Bundle: s.Bundle, Attempt: s.Attempt, Lo: s.Lo, Hi: s.Hi, Outcome: wire.OutcomeOK, Form: wire.FormEach}
		if s.Tasks() > 1 {
			e.Form = wire.FormChunk
		}
		r.Results = append(r.Results, e)
		columns = append(columns, fmt.Appendf(nil, "value of %d..%d", s.Lo, s.Hi))
	}
	return r, columns
}

func (b *bench) task(id yonder.ID) yonder.Task {
	b.Helper()
	task, err := b.Task(b.Context(), id)
	require.NoError(b, err)
	return task
}

func (b *bench) results(group yonder.ID) ([]wire.ResultEntry, [][]byte) {
	b.Helper()
	page, columns, err := b.GroupResults(b.Context(), group, 0, 1000, 1<<30)
	require.NoError(b, err)
	require.Len(b, columns, len(page.Entries))
	return page.Entries, columns
}

// CancelTask cancels one task.
func (b *bench) CancelTask(ctx context.Context, id yonder.ID) (wire.Cancelled, []store.Stop, store.Woken, error) {
	c, err := b.CancelTasks(ctx, store.Cancel{Task: id})
	return c.Cancelled, c.Stops, c.Woken, err
}

// CancelGroup cancels all of a group's tasks.
func (b *bench) CancelGroup(ctx context.Context, id yonder.ID) (wire.Cancelled, []store.Stop, store.Woken, error) {
	return b.cancelAll(ctx, store.Cancel{Group: id})
}

// cancelAll goes on until there is no more.
func (b *bench) cancelAll(ctx context.Context, c store.Cancel) (total wire.Cancelled, stops []store.Stop, woken store.Woken, err error) {
	for {
		one, err := b.CancelTasks(ctx, c)
		if err != nil {
			return total, stops, woken, err
		}
		total, stops = total.Add(one.Cancelled), append(stops, one.Stops...)
		for _, group := range one.Woken {
			if !slices.Contains(woken, group) {
				woken = append(woken, group)
			}
		}
		if c.After = one.Next; c.After.IsZero() {
			return total, stops, woken, nil
		}
	}
}

// stopped says of spans that they were stopped, and not how.
func stopped(spans ...wire.Span) []wire.Stopped {
	var all []wire.Stopped
	for _, span := range spans {
		all = append(all, wire.Stopped{Span: span})
	}
	return all
}

func requireCode(tb testing.TB, code yonder.Code, err error) {
	tb.Helper()
	require.Error(tb, err)
	require.Equal(tb, code, yonder.CodeOf(err), "%v", err)
}
