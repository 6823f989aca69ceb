package natsfabric

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/fabric"
	"github.com/yonder-run/yonder/wire"
)

// requestBacklog bounds requests that wait for a worker; what comes on top is
// dropped, and its agent asks again, which takes it some seconds. So all agents
// that a service may have may come at once, as when they connect again.
const (
	requestBacklog      = 32 << 10
	requestBacklogBytes = 64 << 20
)

// serving is one Serve.
type serving struct {
	fabric *Fabric
	conn   *nats.Conn
	handle fabric.Handler
	ctx    context.Context //nolint:containedctx // the life of the serving
	slots  chan struct{}
	tasks  sync.WaitGroup

	mu   sync.Mutex
	busy map[yonder.ID]int // requests being handled, by endpoint
}

// Serve implements fabric.Fabric.
func (f *Fabric) Serve(handle fabric.Handler) (func(), error) {
	l, err := f.current()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &serving{
		fabric: f, conn: l.endpoints, handle: handle, ctx: ctx,
		slots: make(chan struct{}, f.config.Workers), busy: map[yonder.ID]int{},
	}
	subscription, err := l.endpoints.QueueSubscribe("svc.*.*", "service", s.receive)
	if err == nil {
		err = subscription.SetPendingLimits(requestBacklog, requestBacklogBytes)
	}
	if err != nil {
		cancel(err)
		return nil, fmt.Errorf("serving agents: %w", err)
	}
	return func() {
		_ = subscription.Unsubscribe()
		cancel(errNotRunning)
		s.tasks.Wait()
	}, nil
}

// receive takes one message off the connection; waiting for a slot holds up
// the next ones, which is what bounds the work.
func (s *serving) receive(m *nats.Msg) {
	request, err := parse(m)
	if err != nil {
		s.fabric.config.Log.Warn("agent request dropped", "subject", m.Subject, "error", err)
		return
	}
	if !s.begin(request.Endpoint) {
		s.respond(m, fabric.ErrorFrame(yonder.Errorf(yonder.CodeLimitReached,
			"this endpoint has %d requests under way: ask again when one is answered", s.fabric.config.EndpointWorkers)))
		return
	}
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		s.end(request.Endpoint)
		return
	}
	s.tasks.Go(func() {
		defer func() { <-s.slots; s.end(request.Endpoint) }()
		s.work(m, request)
	})
}

func (s *serving) begin(endpoint yonder.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.busy[endpoint] >= s.fabric.config.EndpointWorkers {
		return false
	}
	s.busy[endpoint]++
	return true
}

func (s *serving) end(endpoint yonder.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[endpoint]--; s.busy[endpoint] == 0 {
		delete(s.busy, endpoint)
	}
}

func (s *serving) work(m *nats.Msg, request fabric.Request) {
	limit := s.fabric.config.RequestTimeout
	ctx, cancel := context.WithTimeoutCause(s.ctx, limit,
		yonder.Errorf(yonder.CodeTimeout, "the service did not finish within %s: ask again", limit))
	defer cancel()
	frame, err := frameOf(m.Data)
	if err != nil {
		s.respond(m, fabric.ErrorFrame(err))
		return
	}
	request.Frame = frame
	s.handle(ctx, request, func(answer wire.Frame) { s.respond(m, answer) })
}

// respond answers in any case: without an answer the agent would ask for ever.
func (s *serving) respond(m *nats.Msg, answer wire.Frame) {
	if answer.Size() > maxPayload {
		answer = fabric.ErrorFrame(yonder.Errorf(yonder.CodeTooLarge,
			"the answer of %d bytes does not fit a message: ask about fewer tasks at once", answer.Size()))
	}
	if err := s.conn.Publish(m.Reply, answer.Bytes()); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		s.fabric.config.Log.Warn("agent request not answered", "subject", m.Subject, "error", err)
	}
}

// parse takes the endpoint, which the server has checked, from the subject.
// The reply subject is the sender's own word: unless it is an inbox of the
// same endpoint, the service would be made to publish where the sender may not.
func parse(m *nats.Msg) (fabric.Request, error) {
	parts := strings.Split(m.Subject, ".")
	if len(parts) != 3 {
		return fabric.Request{}, fmt.Errorf("subject %q has %d parts, expected 3", m.Subject, len(parts))
	}
	endpoint, err := yonder.ParseID(parts[1])
	if err != nil {
		return fabric.Request{}, err
	}
	if !strings.HasPrefix(m.Reply, inbox(parts[1])) {
		return fabric.Request{}, fmt.Errorf("reply subject %q is no inbox of the endpoint", m.Reply)
	}
	return fabric.Request{Endpoint: endpoint, Verb: parts[2]}, nil
}

func frameOf(data []byte) (wire.Frame, error) {
	if len(data) > wire.MaxFabricFrame {
		return wire.Frame{}, yonder.Errorf(yonder.CodeTooLarge,
			"a frame of %d bytes is over the fabric's limit of %d: send less at once, large bodies over HTTPS", len(data), wire.MaxFabricFrame)
	}
	return wire.Parse(data)
}
