package natsfabric

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Answers come to svc.<endpoint>.answer.<replica>.<question>: below the
// subject that only this endpoint's agent may publish to, and known to this
// replica alone. That is all that says that an answer is one.
const answerVerb = "answer"

// questions are those of this replica that wait for an answer.
type questions struct {
	name string // of the replica, for this run of the fabric

	mu      sync.Mutex
	waiting map[string]chan<- *nats.Msg // by the subject of the answer
}

// listen subscribes to all answers to this replica.
func (q *questions) listen(conn *nats.Conn) error {
	q.name, q.waiting = rand.Text(), map[string]chan<- *nats.Msg{}
	_, err := conn.Subscribe("svc.*."+answerVerb+"."+q.name+".*", q.answered)
	if err != nil {
		return fmt.Errorf("subscribing to answers: %w", err)
	}
	return nil
}

func (q *questions) answered(m *nats.Msg) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if waiting := q.waiting[m.Subject]; waiting != nil {
		delete(q.waiting, m.Subject)
		waiting <- m // has room for one
	}
}

func (q *questions) open(endpoint string) (subject string, answer <-chan *nats.Msg) {
	waiting := make(chan *nats.Msg, 1)
	subject = strings.Join([]string{"svc", endpoint, answerVerb, q.name, rand.Text()}, ".")
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting[subject] = waiting
	return subject, waiting
}

func (q *questions) close(subject string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiting, subject)
}

// Ask implements fabric.Fabric.
func (f *Fabric) Ask(ctx context.Context, endpoint yonder.ID, verb string, frame wire.Frame) (wire.Frame, error) {
	l, err := f.current()
	if err != nil {
		return wire.Frame{}, err
	}
	subject, answer := l.questions.open(endpoint.String())
	defer l.questions.close(subject)
	if err := l.endpoints.PublishRequest("ep."+endpoint.String()+"."+verb, subject, frame.Bytes()); err != nil {
		return wire.Frame{}, fmt.Errorf("asking endpoint %s: %w", endpoint, err)
	}
	select {
	case m := <-answer:
		return read(m)
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return wire.Frame{}, yonder.Errorf(yonder.CodeTimeout, "the endpoint's agent did not answer in time: %w", context.Cause(ctx))
		}
		return wire.Frame{}, context.Cause(ctx)
	}
}

// noResponders is the status of the server's answer for nobody.
const noResponders = "503"

func read(m *nats.Msg) (wire.Frame, error) {
	if m.Header.Get("Status") == noResponders {
		return wire.Frame{}, yonder.Errorf(yonder.CodeUnavailable, "the endpoint's agent is not connected")
	}
	frame, err := frameOf(m.Data)
	if err != nil {
		return frame, err
	}
	if frame.Kind == wire.KindError {
		refusal := &yonder.Error{}
		if err := frame.Decode(wire.KindError, refusal); err != nil {
			return frame, err
		}
		return frame, refusal
	}
	return frame, nil
}
