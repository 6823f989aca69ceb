//go:build !windows

package osfs

import (
	"errors"
	"syscall"
)

// unsyncable says that the file system knows no such thing as syncing a
// directory: there is nothing to make durable then.
func unsyncable(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP)
}
