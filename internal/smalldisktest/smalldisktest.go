// Package smalldisktest gives tests a disk that they can fill, and one that they
// can make read-only, without disturbing anybody else.
package smalldisktest

import "testing"

// Disk is a file system of its own.
type Disk struct {
	Dir string
	tb  testing.TB
}

// New mounts a disk of so many bytes until the test ends. Its path is short
// enough for sockets. Where that is not allowed the test is skipped.
func New(tb testing.TB, size int64) *Disk {
	tb.Helper()
	return mount(tb, size)
}
