package workerproc

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/yonder-run/yonder"
)

// peerPID returns the number of the process at the other end as this process
// would signal it, and refuses other users' processes.
func peerPID(conn net.Conn, said int) (int, error) {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return said, nil
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("asking who connected: %w", err)
	}
	var peer *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err := errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("asking who connected: %w", err)
	}
	if int(peer.Uid) != os.Getuid() {
		return 0, yonder.Errorf(yonder.CodeForbidden, "user %d may not connect as a worker", peer.Uid)
	}
	return int(peer.Pid), nil
}
