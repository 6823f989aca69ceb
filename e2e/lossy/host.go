package lossy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// mtu is Ethernet's: a loss costs one packet of this size.
const mtu = 1500

const nic tcpip.NICID = 1

// host is one end of a link: a TCP/IP stack of its own.
type host struct {
	stack   *stack.Stack
	port    *channel.Endpoint
	address tcpip.FullAddress
}

// newHost makes a stack as a Linux machine has it: selective acknowledgements,
// and buffers that grow with what is on the way.
func newHost(address [4]byte) (*host, error) {
	h := &host{
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
		}),
		port:    channel.New(queue, mtu, ""),
		address: tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFrom4(address), Port: 1},
	}
	sack, grow := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true)
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &grow} {
		if err := h.stack.SetTransportProtocolOption(tcp.ProtocolNumber, option); err != nil {
			return nil, fmt.Errorf("setting up a TCP stack: %s", err)
		}
	}
	if err := h.stack.CreateNIC(nic, h.port); err != nil {
		return nil, fmt.Errorf("setting up a TCP stack: %s", err)
	}
	own := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: h.address.Addr.WithPrefix()}
	if err := h.stack.AddProtocolAddress(nic, own, stack.AddressProperties{}); err != nil {
		return nil, fmt.Errorf("setting up a TCP stack: %s", err)
	}
	h.stack.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return h, nil
}

// keepalive is how a connection asks, while nothing comes, whether its peer is
// still there, as Go's own do: a reset may be lost like any other packet, and
// whoever only waits would wait for ever.
var keepalive = struct {
	every tcpip.KeepaliveIntervalOption
	after tcpip.KeepaliveIdleOption
	most  int
}{tcpip.KeepaliveIntervalOption(15 * time.Second), tcpip.KeepaliveIdleOption(15 * time.Second), 9}

// connect opens a connection to an address of the other host.
func (h *host) connect(ctx context.Context, to tcpip.FullAddress) (net.Conn, error) {
	var events waiter.Queue
	end, failed := h.stack.NewEndpoint(tcp.ProtocolNumber, ipv4.ProtocolNumber, &events)
	if failed != nil {
		return nil, errors.New(failed.String())
	}
	end.SocketOptions().SetKeepAlive(true)
	_ = end.SetSockOpt(&keepalive.every) // these options exist for every TCP endpoint
	_ = end.SetSockOpt(&keepalive.after)
	_ = end.SetSockOptInt(tcpip.KeepaliveCountOption, keepalive.most)
	entry, writable := waiter.NewChannelEntry(waiter.WritableEvents)
	events.EventRegister(&entry)
	defer events.EventUnregister(&entry)
	failed = end.Connect(to)
	if _, started := failed.(*tcpip.ErrConnectStarted); started {
		select {
		case <-ctx.Done():
			end.Close()
			return nil, context.Cause(ctx)
		case <-writable:
		}
		failed = end.LastError()
	}
	if failed != nil {
		end.Close()
		return nil, errors.New(failed.String())
	}
	return gonet.NewTCPConn(&events, end), nil
}

// end aborts what is open and waits for the stack's goroutines.
func (h *host) end() {
	h.stack.Close()
	h.port.Close()
	h.stack.Wait()
}
