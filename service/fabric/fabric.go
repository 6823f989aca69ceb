// Package fabric is the seam to what carries messages between the service and
// the agents, and between replicas of the service. Everything on it is a hint
// or a request that is repeated until answered: the store is the only memory.
package fabric

import (
	"context"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Fabric carries messages. All methods are safe for concurrent use and fail
// with CodeUnavailable while the fabric does not run.
type Fabric interface {
	// Publish sends a hint to the endpoint's agent, at whichever replica it
	// is connected. It does not wait; nil says nothing about arrival. Hints of
	// one replica to one endpoint arrive in order, or not at all.
	Publish(endpoint yonder.ID, verb string, frame wire.Frame) error
	// Ask sends a question to the endpoint's agent, at whichever replica it is
	// connected, and waits for the answer, which is to be distrusted. It fails
	// with CodeUnavailable at once when no agent is connected, and with
	// CodeTimeout if no answer comes before ctx ends.
	Ask(ctx context.Context, endpoint yonder.ID, verb string, frame wire.Frame) (wire.Frame, error)
	// Serve hands each request of any agent to one replica's handler until
	// the returned function is called, which waits for handlers to return.
	Serve(handle Handler) (stop func(), err error)
	// Broadcast sends a hint to all other replicas.
	Broadcast(topic string, data []byte) error
	// Subscribe calls hear for each hint of other replicas, one at a time,
	// until the returned function is called.
	Subscribe(topic string, hear func(data []byte)) (stop func(), err error)
}

// Request is what an agent asks. The fabric has proved that it comes from the
// endpoint; the frame is what was sent and is to be distrusted.
type Request struct {
	Endpoint yonder.ID
	Verb     string
	Frame    wire.Frame
}

// Handler answers a request by calling reply once, and may go on working
// afterwards. Its context ends when serving stops or the request's time is
// over. Handlers run concurrently, in a bounded number.
type Handler func(ctx context.Context, request Request, reply func(wire.Frame))

// ErrorFrame is the answer to a refused request. What is not a *yonder.Error
// is a fault in the service, of which an agent learns nothing more.
func ErrorFrame(err error) wire.Frame {
	body := yonder.Public(err)
	frame, err := wire.NewFrame(wire.KindError, body)
	if err != nil { // cannot happen: the body is three strings
		return wire.Frame{Version: wire.Version, Kind: wire.KindError, Header: []byte(`{"code":"internal"}`)}
	}
	return frame
}
