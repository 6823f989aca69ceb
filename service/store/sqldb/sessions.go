package sqldb

import (
	"context"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store"
	"github.com/yonder-run/yonder/service/store/sqldb/gen"
	"github.com/yonder-run/yonder/wire"
)

// OpenSession grants the next epoch, or the same again to the same instance.
func (s *Store) OpenSession(ctx context.Context, endpoint yonder.ID, open wire.SessionOpen, now time.Time) (epoch int64, err error) {
	capabilities := document(open.Capabilities)
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		t, err := begin(ctx, q, now, endpoint)
		if err != nil {
			return err
		}
		session, ok := t.sessions[endpoint]
		if !ok || session.State == yonder.SessionFenced {
			return yonder.Errorf(yonder.CodeNotFound, "there is no endpoint %s: it was deleted", endpoint)
		}
		if open.Instance.IsZero() || session.Instance != open.Instance || session.State == yonder.SessionClosed {
			session.Epoch++
			session.State, session.Opened = yonder.SessionMachine.Start, t.now
			if err := session.step(yonder.EventOpen); err != nil {
				return err
			}
		}
		session.Instance, session.Journal, session.Capabilities = open.Instance, open.Journal, capabilities
		session.setCapacity(open.Capacity)
		session.LastSeen = t.now
		epoch = session.Epoch
		if err := t.visit(ctx, session, open.Capabilities); err != nil {
			return err
		}
		return t.flush(ctx)
	})
	return epoch, err
}

func (s *session) step(event yonder.Event) error {
	next, err := yonder.SessionMachine.Next(s.State, event)
	s.State = next
	return err
}

func (s *session) setCapacity(c wire.Capacity) {
	s.CapacityTasks, s.CapacityBytes = int64(max(c.Tasks, 0)), max(c.Bytes, 0)
}

// Reconcile adopts what is held, and with Last ends what older sessions had
// and nobody holds; from then on the session is live.
func (s *Store) Reconcile(
	ctx context.Context, endpoint yonder.ID, r wire.Reconcile, now time.Time,
) (answer wire.Reconciled, woken store.Woken, err error) {
	err = s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		t, session, err := beginAs(ctx, q, now, endpoint, r.Epoch)
		if err != nil {
			return err
		}
		if answer.Drop, err = t.adopt(ctx, endpoint, r); err != nil {
			return err
		}
		if r.Last {
			if err := t.settle(ctx, session); err != nil {
				return err
			}
			if answer.Turn, err = turnOf(&session.Session); err != nil {
				return err
			}
		}
		session.LastSeen = t.now
		woken = t.woken()
		return t.flush(ctx)
	})
	if err != nil {
		return wire.Reconciled{}, nil, err
	}
	return answer, woken, nil
}

func (t *turn) adopt(ctx context.Context, endpoint yonder.ID, r wire.Reconcile) ([]wire.Span, error) {
	var drop []wire.Span
	for _, held := range r.Held {
		b, ok, err := t.find(ctx, endpoint, held.Span)
		if err != nil {
			return nil, err
		}
		if !ok {
			drop = append(drop, held.Span)
			continue
		}
		drop = append(drop, b.lease.Adopt(r.Epoch, held)...)
	}
	return drop, nil
}

// settle ends what nobody holds any more.
func (t *turn) settle(ctx context.Context, s *session) error {
	orphaned, err := t.q.GivenBundles(ctx, s.Endpoint, s.Epoch)
	if err != nil {
		return err
	}
	for _, id := range orphaned {
		b, ok, err := t.load(ctx, s.Endpoint, id)
		if err != nil {
			return err
		}
		if ok {
			t.ended(b, b.lease.Orphan(s.Epoch), yonder.CodeTaskLost, "the endpoint's agent that had the task is gone")
		}
	}
	if s.State == yonder.SessionReconciling {
		return s.step(yonder.EventReconciled)
	}
	return nil
}

// Heartbeat renews the session and repeats which spans are to be stopped. What
// a live session's brings is written together with what others' bring.
func (s *Store) Heartbeat(
	ctx context.Context, endpoint yonder.ID, h wire.Heartbeat, now time.Time,
) (reply wire.HeartbeatReply, waits bool, err error) {
	beat := &gen.BeatSessionParams{
		Endpoint: endpoint, Epoch: h.Epoch, Now: micros(now), Status: document(h.Status),
		CapacityTasks: int64(max(h.Capacity.Tasks, 0)), CapacityBytes: max(h.Capacity.Bytes, 0),
	}
	live := false
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		session, err := q.GetSession(ctx, endpoint)
		if err := ownSession(&session, err, endpoint, h.Epoch); err != nil {
			return err
		}
		live, waits = session.State == yonder.SessionLive, session.QueuedTasks > session.RestingTasks
		reply, err = replyTo(ctx, q, &session)
		return err
	})
	switch {
	case err != nil:
		return wire.HeartbeatReply{}, false, err
	case live:
		return reply, waits, s.beats.write(ctx, beat)
	}
	return reply, waits, s.heard(ctx, beat, now)
}

// replyTo is what a heartbeat's answer repeats.
func replyTo(ctx context.Context, q *gen.Queries, s *gen.Session) (reply wire.HeartbeatReply, err error) {
	if reply.Turn, err = turnOf(s); err != nil || s.OutstandingTasks == 0 {
		return reply, err // what it has not been given cannot be stopped there
	}
	cancelled, err := q.CancelledRanges(ctx, s.Endpoint, s.Epoch)
	for _, r := range cancelled {
		reply.Cancel = append(reply.Cancel, wire.Span{
			Bundle: r.BundleID, Attempt: int(r.Attempt), Lo: int(r.Lo), Hi: int(r.Hi), Grant: r.GrantNo,
		})
	}
	return reply, err
}

// heard takes in the heartbeat of a session that was silent, or is not
// reconciled yet.
func (s *Store) heard(ctx context.Context, beat *gen.BeatSessionParams, now time.Time) error {
	return s.tasks.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		t, session, err := beginAs(ctx, q, now, beat.Endpoint, beat.Epoch)
		if err != nil {
			return err
		}
		if session.State == yonder.SessionSilent {
			if err := session.step(yonder.EventHeard); err != nil {
				return err
			}
		}
		session.LastSeen, session.Status = t.now, beat.Status
		session.CapacityTasks, session.CapacityBytes = beat.CapacityTasks, beat.CapacityBytes
		return t.flush(ctx)
	})
}

// Waits says whether tasks wait for the endpoint that are not resting.
func (s *Store) Waits(ctx context.Context, endpoint yonder.ID) (waits bool, err error) {
	err = s.engine.Read(ctx, func(ctx context.Context, q *gen.Queries) error {
		waits, err = q.SessionWaits(ctx, endpoint)
		return found(err, "there is no endpoint %s", endpoint)
	})
	return waits, err
}

// CloseSession returns offered ranges to the queue and keeps the others for
// the next session. Closing twice is harmless.
func (s *Store) CloseSession(ctx context.Context, endpoint yonder.ID, epoch int64, now time.Time) error {
	return s.engine.Write(ctx, func(ctx context.Context, q *gen.Queries) error {
		t, err := begin(ctx, q, now, endpoint)
		if err != nil {
			return err
		}
		if session := t.sessions[endpoint]; session != nil && session.Epoch == epoch && session.State == yonder.SessionClosed {
			return nil
		}
		t, session, err := beginAs(ctx, q, now, endpoint, epoch)
		if err != nil {
			return err
		}
		if err := t.takeBack(ctx, session); err != nil {
			return err
		}
		if session.State == yonder.SessionSilent {
			if err := session.step(yonder.EventHeard); err != nil {
				return err
			}
		}
		session.LastSeen = t.now
		if err := session.step(yonder.EventClose); err != nil {
			return err
		}
		if err := q.CloseVisit(ctx, endpoint, epoch, some(t.now)); err != nil {
			return err
		}
		return t.flush(ctx)
	})
}

// takeBack returns the session's offers to the queue.
func (t *turn) takeBack(ctx context.Context, s *session) error {
	offered, err := t.q.OfferedBundles(ctx, s.Endpoint, s.Epoch)
	if err != nil {
		return err
	}
	for _, id := range offered {
		b, ok, err := t.load(ctx, s.Endpoint, id)
		if err != nil {
			return err
		}
		if ok {
			b.lease.Release(s.Epoch)
		}
	}
	return nil
}
