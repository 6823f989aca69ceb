package lossy

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// Quality is what a link does to each packet.
type Quality struct {
	Delay time.Duration // each way
	Loss  float64       // share of packets that are dropped, each way: 0 to 1
}

// queue is how many packets are on the way at most, as in a router: what comes
// in beyond is dropped, and TCP slows down. 6 MiB, far over what 25 ms hold.
const queue = 4096

// wire carries packets one way between two stacks, in their order.
type wire struct {
	from, to *channel.Endpoint
	quality  *atomic.Pointer[Quality]
	draw     *rand.Rand
	late     chan packet
	carried  atomic.Int64
	lost     atomic.Int64
}

// packet is on its way until due.
type packet struct {
	data *stack.PacketBuffer
	due  time.Time
}

// carry runs until the context ends.
func (w *wire) carry(ctx context.Context) {
	var delivering sync.WaitGroup
	defer delivering.Wait()
	defer close(w.late)
	delivering.Go(func() { w.deliver(ctx) })
	for {
		data := w.from.ReadContext(ctx)
		if data == nil {
			return
		}
		w.take(data)
	}
}

// take drops the packet or puts it on its way.
func (w *wire) take(data *stack.PacketBuffer) {
	q := w.quality.Load()
	if w.draw.Float64() >= q.Loss {
		select {
		case w.late <- packet{data, time.Now().Add(q.Delay)}:
			w.carried.Add(1)
			return
		default:
		}
	}
	w.lost.Add(1)
	data.DecRef()
}

func (w *wire) deliver(ctx context.Context) {
	for p := range w.late {
		if wait := time.Until(p.due); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		}
		arrived := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: p.data.ToBuffer()})
		w.to.InjectInbound(header.IPv4ProtocolNumber, arrived)
		arrived.DecRef()
		p.data.DecRef()
	}
}
