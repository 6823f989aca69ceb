package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// transient says whether trying again can help.
func transient(err error) bool {
	var refused *yonder.Error
	if !errors.As(err, &refused) {
		return true
	}
	if slices.Contains(passing, refused.Code) {
		return true
	}
	switch refused.Code {
	case yonder.CodeUnauthenticated, yonder.CodeTokenExpired, yonder.CodeTokenRevoked:
		return true // what is held outlives a credential that was replaced
	default:
		return false
	}
}

// retry calls try until it succeeds, is refused for good, or ctx ends.
func retry[T any](ctx context.Context, l *Link, what string, try func(context.Context) (T, error)) (T, error) {
	policy := backoff.NewExponentialBackOff()
	policy.InitialInterval = min(100*time.Millisecond, l.cfg.Retry)
	policy.MaxInterval = l.cfg.Retry
	result, err := backoff.Retry(ctx, func() (T, error) {
		result, err := try(ctx)
		if err != nil && !transient(err) {
			return result, backoff.Permanent(err)
		}
		return result, err
	}, backoff.WithBackOff(policy), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
		l.cfg.Logger.Debug("trying again", slog.String("request", what), slog.Any("error", err))
	}))
	if err != nil && ctx.Err() != nil {
		return result, context.Cause(ctx)
	}
	return result, err //nolint:wrapcheck // what try returned
}

// request sends a frame under the verb until it is answered.
func (l *Link) request(ctx context.Context, verb string, kind wire.Kind, header any, columns ...[]byte) (wire.Frame, error) {
	frame, err := wire.NewFrame(kind, header, columns...)
	if err != nil {
		return wire.Frame{}, err
	}
	if size := frame.Size(); size > wire.MaxFabricFrame {
		return wire.Frame{}, yonder.Errorf(yonder.CodeTooLarge,
			"a %v message of %d bytes does not fit the fabric's %d", kind, size, wire.MaxFabricFrame)
	}
	data := frame.Bytes()
	return retry(ctx, l, verb, func(ctx context.Context) (wire.Frame, error) {
		return l.try(ctx, "svc."+l.cfg.Endpoint.String()+"."+verb, data)
	})
}

// try sends once and waits for the answer.
func (l *Link) try(ctx context.Context, subject string, data []byte) (wire.Frame, error) {
	conn := l.conn.Load()
	if conn == nil {
		return wire.Frame{}, yonder.Errorf(yonder.CodeUnavailable, "the link is not started")
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Answer)
	defer cancel()
	msg, err := conn.RequestWithContext(ctx, subject, data)
	if err != nil {
		return wire.Frame{}, fmt.Errorf("asking the service: %w", err)
	}
	frame, err := wire.Parse(msg.Data)
	if err != nil {
		return wire.Frame{}, err
	}
	if frame.Kind == wire.KindError {
		refused := &yonder.Error{}
		if err := frame.Decode(wire.KindError, refused); err != nil {
			return wire.Frame{}, err
		}
		return wire.Frame{}, refused
	}
	return frame, nil
}

// ask is request for an answer of one kind.
func ask[T any](ctx context.Context, l *Link, verb string, kind, answer wire.Kind, header any, columns ...[]byte) (T, error) {
	var v T
	frame, err := l.request(ctx, verb, kind, header, columns...)
	if err != nil {
		return v, err
	}
	return v, frame.Decode(answer, &v)
}

// Open asks for a session; the epoch it grants fences all older ones.
func (l *Link) Open(ctx context.Context, open wire.SessionOpen) (wire.SessionOpened, error) {
	return ask[wire.SessionOpened](ctx, l, "open", wire.KindSessionOpen, wire.KindSessionOpened, open)
}

// Reconcile compares one page of what is held.
func (l *Link) Reconcile(ctx context.Context, page wire.Reconcile) (wire.Reconciled, error) {
	return ask[wire.Reconciled](ctx, l, "reconcile", wire.KindReconcile, wire.KindReconciled, page)
}

// Accept returns the spans that must not start.
func (l *Link) Accept(ctx context.Context, accept wire.Accept) (wire.Spans, error) {
	return ask[wire.Spans](ctx, l, "accept", wire.KindAccept, wire.KindSpans, accept)
}

// Report returns the spans whose results were refused.
func (l *Link) Report(ctx context.Context, report wire.Report, columns [][]byte) (wire.Spans, error) {
	return ask[wire.Spans](ctx, l, "report", wire.KindReport, wire.KindSpans, report, columns...)
}

// Heartbeat renews the session.
func (l *Link) Heartbeat(ctx context.Context, beat wire.Heartbeat) (wire.HeartbeatReply, error) {
	return ask[wire.HeartbeatReply](ctx, l, "heartbeat", wire.KindHeartbeat, wire.KindHeartbeatReply, beat)
}

// Close ends the session in peace: what was offered goes back.
func (l *Link) Close(ctx context.Context, epoch int64) error {
	_, err := ask[wire.Spans](ctx, l, "close", wire.KindSessionClose, wire.KindSpans, wire.Spans{Epoch: epoch})
	return err
}
