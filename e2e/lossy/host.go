package lossy

import (
	"fmt"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
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

// end aborts what is open and waits for the stack's goroutines.
func (h *host) end() {
	h.stack.Close()
	h.port.Close()
	h.stack.Wait()
}
