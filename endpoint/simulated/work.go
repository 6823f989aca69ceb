package simulated

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// One accept and one report hold at most so much, with room for headers in a
// message.
const (
	maxLeases   = 500
	reportItems = 500
	reportBytes = 300 << 10
)

// working accepts what came in and reports it, as much at a time as came in
// meanwhile.
func (e *Endpoint) working(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.offers:
		}
		for batch := e.take(); len(batch) > 0; batch = e.take() {
			if err := e.answer(ctx, batch); err != nil {
				return err
			}
		}
	}
}

func (e *Endpoint) take() []offered {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := min(maxLeases, len(e.incoming))
	batch := slices.Clone(e.incoming[:n])
	if e.incoming = slices.Delete(e.incoming, 0, n); len(e.incoming) == 0 {
		e.incoming = nil // most of many endpoints have nothing to do
	}
	return batch
}

// answer accepts a batch, or declines it while the endpoint rests, and reports
// what may be run. A lease that came twice is refused the second time, or its
// results are.
func (e *Endpoint) answer(ctx context.Context, batch []offered) error {
	accept := wire.Accept{Epoch: e.epoch}
	spans := make([]wire.Span, 0, len(batch))
	for _, o := range batch {
		spans = append(spans, o.lease.Span)
	}
	resting := e.capacity().Tasks == 0
	if resting {
		accept.Declined = spans
	} else {
		accept.Spans = spans
	}
	refused, err := e.link.Accept(ctx, accept)
	if err != nil {
		return fmt.Errorf("accepting: %w", err)
	}
	if resting {
		return nil
	}
	for r := newReport(e.epoch, batch, refused.Spans); r.next(); {
		if _, err := e.link.Report(ctx, r.report, r.columns); err != nil {
			return fmt.Errorf("reporting: %w", err)
		}
		e.counts.tasks.Add(int64(len(r.report.Results)))
	}
	return nil
}

// reports are the results of a batch, in reports that fit a message.
type reports struct {
	entries  []wire.Entry
	payloads [][]byte

	report  wire.Report
	columns [][]byte
}

// newReport runs all tasks of a batch but those that were refused.
func newReport(epoch int64, batch []offered, refused []wire.Span) *reports {
	r := &reports{report: wire.Report{Epoch: epoch}}
	now := time.Now().UnixMicro()
	for _, o := range batch {
		for i := o.lease.Lo; i < o.lease.Hi; i++ {
			if isRefused(o.lease.Span, i, refused) {
				continue
			}
			entry := wire.Entry{
				Bundle: o.lease.Bundle, Attempt: o.lease.Attempt, Lo: i, Hi: i + 1, Outcome: wire.OutcomeOK, Form: wire.FormEach,
				Started: now, Finished: now, Worker: "simulated",
			}
			payload, why := o.payload(i - o.lease.Lo)
			if why != "" {
				entry.Outcome, payload = wire.OutcomeFailed, failure(why)
			}
			r.entries, r.payloads = append(r.entries, entry), append(r.payloads, payload)
		}
	}
	return r
}

func isRefused(span wire.Span, index int, refused []wire.Span) bool {
	return slices.ContainsFunc(refused, func(r wire.Span) bool {
		return r.Bundle == span.Bundle && r.Attempt == span.Attempt && r.Lo <= index && index < r.Hi
	})
}

// payload is that of a task of the lease, or why it has none of its own.
func (o offered) payload(column int) (payload []byte, why string) {
	if o.lease.Form != wire.FormEach {
		return nil, "simulated endpoints run single calls: submit them one by one, not as a map"
	}
	if _, outside := o.lease.Blobs[column]; outside {
		return nil, "simulated endpoints take no arguments that are too large to travel with their task"
	}
	return o.columns[column], ""
}

func failure(why string) []byte {
	payload, err := json.Marshal(wire.TaskError{Code: yonder.CodeWorkerFailed, Message: why})
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return payload
}

// next fills the report with what fits, and says whether there was anything.
func (r *reports) next() bool {
	n, size := 0, 0
	for n < len(r.entries) && n < reportItems {
		if size += len(r.payloads[n]); n > 0 && size > reportBytes {
			break
		}
		n++
	}
	r.report.Results, r.columns = r.entries[:n], r.payloads[:n]
	r.entries, r.payloads = r.entries[n:], r.payloads[n:]
	return n > 0
}
