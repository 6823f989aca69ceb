package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/endpoint/ledger"
	"github.com/yonder-run/yonder/wire"
)

// A report holds at most so much, with room for headers in one message.
const (
	reportItems = 500
	reportBytes = 300 << 10
)

func (s *session) nextBatch() ledger.Batch { return s.ledger.Batch(reportItems, reportBytes) }
func (s *session) nextLarge() ledger.Batch { return s.ledger.Large() }

// reporting reports what ended until ctx ends. Whatever happens, a batch is
// answered or goes back.
func (s *session) reporting(ctx context.Context, wake signal, next func() ledger.Batch) error {
	for {
		var batch ledger.Batch
		s.locked(func() { batch = next() })
		if batch.Empty() {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-wake:
			}
			continue
		}
		wake.notify() // the others look whether there is more
		if err := s.hand(ctx, batch); err != nil {
			return err
		}
	}
}

// hand delivers a batch or gives it back to the ledger.
func (s *session) hand(ctx context.Context, batch ledger.Batch) error {
	if err := s.deliver(ctx, batch); err != nil {
		s.locked(func() { s.ledger.Unreported(batch) })
		return fmt.Errorf("reporting: %w", err)
	}
	return nil
}

// tellEvery is how often it is told what began. Short tasks have ended by
// then, and cost the service one commit less.
const tellEvery = 500 * time.Millisecond

func (s *session) telling(ctx context.Context) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		var batch ledger.Batch
		s.locked(func() { batch = s.ledger.Begins(reportItems) })
		if batch.Empty() {
			continue
		}
		if err := s.hand(ctx, batch); err != nil {
			return err
		}
	}
}

// deliver reports a batch until it is answered. A batch that the service will
// never take is halved to find out why; a single result that it will not take
// is reported as a failure in its place, and any other end without its output.
func (s *session) deliver(ctx context.Context, batch ledger.Batch) error {
	err := s.send(ctx, batch, nil)
	switch {
	case err == nil:
	case ctx.Err() != nil || fatal(err):
		return err
	case len(batch.Items) > 1:
		return s.halve(ctx, batch)
	case len(batch.Items) == 1:
		s.log.Error("the service does not take the end of a task as it is", slog.Any("error", err))
		if err := s.send(ctx, batch, err); err != nil && (ctx.Err() != nil || fatal(err)) {
			return err
		}
	default:
		s.log.Error("the service does not take a report", slog.Any("error", err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apply(s.ledger.Reported(batch))
	for _, item := range batch.Items {
		if item.Result != nil && item.Result.Blob != nil {
			s.spool.Remove(item.Span)
		}
	}
	return nil
}

func (s *session) halve(ctx context.Context, batch ledger.Batch) error {
	half := len(batch.Items) / 2
	for _, part := range []ledger.Batch{{Items: batch.Items[:half]}, {Items: batch.Items[half:]}} {
		if err := s.deliver(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

// send makes one report. With a reason, a failure for that reason takes the
// results' place, and other ends come without their output.
func (s *session) send(ctx context.Context, batch ledger.Batch, instead error) error {
	report := wire.Report{Epoch: s.epoch.Epoch, Started: batch.Started}
	var columns [][]byte
	records := map[ledger.Record]wire.Frame{}
	for _, item := range batch.Items {
		switch {
		case item.Result == nil:
			if instead != nil {
				item = item.Silent()
			}
			item.Into(&report)
		case instead != nil:
			entry, payload := failure(*item.Result, instead)
			report.Results, columns = append(report.Results, entry), append(columns, payload)
		default:
			entry, payload, err := s.result(ctx, item, records)
			if err != nil {
				return err
			}
			report.Results, columns = append(report.Results, entry), append(columns, payload)
		}
	}
	refused, err := s.link.Report(ctx, report, columns)
	if len(refused.Spans) > 0 {
		s.log.Debug("stale results", slog.Int("spans", len(refused.Spans)), slog.String("cause", refused.Cause))
	}
	return err
}

// result returns a result as it is reported: its payload from the journal, or
// uploaded when it is too large for a message.
func (s *session) result(
	ctx context.Context, item ledger.Item, records map[ledger.Record]wire.Frame,
) (wire.Entry, []byte, error) {
	entry := *item.Result
	entry.Stdout, entry.Stderr = wire.CutOutput(entry.Stdout), wire.CutOutput(entry.Stderr)
	frame, read := records[item.Record]
	if !read {
		var err error
		if frame, err = s.journal.Read(uint64(item.Record)); err != nil {
			return entry, nil, yonder.Errorf(yonder.CodeStorageCorrupt, "reading a result: %w", err)
		}
		records[item.Record] = frame
	}
	payload := frame.Columns[item.Column]
	if entry.Blob == nil && item.Size <= ledger.LargePayload {
		return entry, payload, nil
	}
	blob, err := s.upload(ctx, item, payload)
	if err != nil {
		return entry, nil, err
	}
	entry.Blob = &blob
	return entry, nil, nil
}

func (s *session) upload(ctx context.Context, item ledger.Item, payload []byte) (wire.Blob, error) {
	size := int64(len(payload))
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(payload)), nil }
	if kept := item.Result.Blob; kept != nil {
		if stored, there := s.ahead.take(ctx, item.Span); there && stored.SHA256 == kept.SHA256 {
			return stored, nil
		}
		size = kept.Size
		open = func() (io.ReadCloser, error) {
			file, _, err := s.spool.Open(item.Span)
			return file, err
		}
	}
	stored, err := s.link.PutResult(ctx, item.Span.Bundle.Task(item.Span.Lo), item.Span.Attempt, size, open)
	if kept := item.Result.Blob; err == nil && kept != nil && kept.SHA256 != stored.SHA256 {
		return stored, yonder.Errorf(yonder.CodeStorageCorrupt, "the result of %d bytes was damaged between its node and the service", size)
	}
	return stored, err
}

// failure is an entry for the same tasks that says why there is no result.
func failure(e wire.Entry, why error) (wire.Entry, []byte) {
	code := yonder.CodeOf(why)
	if errors.Is(why, &yonder.Error{Code: yonder.CodeNotFound}) {
		code = yonder.CodeWorkerFailed // its file is gone
	}
	payload, err := json.Marshal(wire.TaskError{Code: code, Message: "the result cannot be delivered: " + why.Error()})
	if err != nil {
		payload = []byte("{}") // two strings always encode
	}
	return wire.Entry{
		Bundle: e.Bundle, Attempt: e.Attempt, Lo: e.Lo, Hi: e.Hi, Outcome: wire.OutcomeFailed, Form: e.Form,
		Started: e.Started, Finished: e.Finished, Worker: e.Worker,
	}, payload
}
