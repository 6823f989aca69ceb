//go:build unix

package journal

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockFile locks the open file, not the process: the lock is gone when the
// last descriptor is.
func lockFile(file *os.File) error {
	return unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) //nolint:wrapcheck // the caller has the words
}
