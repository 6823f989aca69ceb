package endpoint

import (
	"context"
	"errors"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// The answer about spans of bundles that lie in thousands of pieces may not
// fit a message, although what was asked did. The service has done what it was
// asked to by then, and does it again without harm: the agent asks once more
// in halves, down to halves of one span, of which every answer fits.

// accept sends an accept, and returns the spans that must not start.
func (s *session) accept(ctx context.Context, accept wire.Accept) ([]wire.Span, error) {
	answer, err := s.link.Accept(ctx, accept)
	if !tooLarge(err) {
		return answer.Spans, err
	}
	first, second, ok := halves(accept.Spans, func(s *wire.Span) *wire.Span { return s })
	if !ok {
		return nil, err
	}
	accept.Spans = first
	refused, err := s.accept(ctx, accept)
	if err != nil {
		return nil, err
	}
	more, err := s.accept(ctx, wire.Accept{Epoch: accept.Epoch, Spans: second})
	return append(refused, more...), err
}

// compare sends a page of a reconciliation.
func (s *session) compare(ctx context.Context, page wire.Reconcile) (wire.Reconciled, error) {
	answer, err := s.link.Reconcile(ctx, page)
	if !tooLarge(err) {
		return answer, err
	}
	first, second, ok := halves(page.Held, func(h *wire.Holding) *wire.Span { return &h.Span })
	if !ok {
		return answer, err
	}
	before, err := s.compare(ctx, wire.Reconcile{Epoch: page.Epoch, Held: first})
	if err != nil {
		return answer, err
	}
	page.Held = second
	answer, err = s.compare(ctx, page)
	answer.Drop = append(before.Drop, answer.Drop...)
	return answer, err
}

func tooLarge(err error) bool {
	return errors.Is(err, &yonder.Error{Code: yonder.CodeTooLarge})
}

// halves cuts a list in two, or the span of its only item.
func halves[T any](list []T, span func(*T) *wire.Span) (first, second []T, ok bool) {
	if half := len(list) / 2; half > 0 {
		return list[:half], list[half:], true
	}
	if len(list) == 0 || span(&list[0]).Tasks() < 2 {
		return nil, nil, false
	}
	lower, upper := list[0], list[0]
	middle := span(&lower).Lo + span(&lower).Tasks()/2
	span(&lower).Hi, span(&upper).Lo = middle, middle
	return []T{lower}, []T{upper}, true
}
