//go:build unix

package shellworker

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/yonder-run/yonder/wire"
)

// become takes the files of a request. The zygote has given this process its
// session already.
func become(fork wire.Fork) error {
	for fd, path := range map[int]string{1: fork.Stdout, 2: fork.Stderr} {
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return fmt.Errorf("opening the worker's output: %w", err)
		}
		if err := unix.Dup2(int(file.Fd()), fd); err != nil {
			return fmt.Errorf("redirecting the worker's output: %w", err)
		}
		file.Close()
	}
	if err := os.Chdir(fork.Dir); err != nil {
		return fmt.Errorf("entering the worker's directory: %w", err)
	}
	return adopt()
}

// settle returns when the signals that this process was sent before have been
// noted: they come lowest number first, and one of a higher number is sent after them.
func settle() {
	last := make(chan os.Signal, 1)
	signal.Notify(last, syscall.SIGWINCH)
	defer signal.Stop(last)
	if syscall.Kill(os.Getpid(), syscall.SIGWINCH) != nil {
		return
	}
	select {
	case <-last:
	case <-time.After(lastWords):
	}
}

// tryByte reads a byte from a pipe if there is one.
func tryByte(pipe *os.File) (bool, error) {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return false, fmt.Errorf("reading a pipe: %w", err)
	}
	var n int
	closed := raw.Control(func(fd uintptr) {
		for {
			if n, err = unix.Read(int(fd), make([]byte, 1)); !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	if errors.Is(err, unix.EAGAIN) {
		return false, nil
	}
	return n > 0, errors.Join(err, closed)
}

// killGroup ends what a worker has started and left running.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// signalOf is the signal that ended a process, or 0.
func signalOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() { //nolint:misspell // the name that the library gives it
		return int(status.Signal())
	}
	return 0
}
