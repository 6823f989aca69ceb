//go:build !linux

package workerproc

import "net"

// peerPID believes the peer: the socket's directory is private.
func peerPID(_ net.Conn, said int) (int, error) { return said, nil }
