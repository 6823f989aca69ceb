//go:build !linux

package smalldisktest

import "testing"

func mount(tb testing.TB, _ int64) *Disk {
	tb.Helper()
	tb.Skip("small disks are Linux's")
	return nil
}

// Fill leaves no byte free.
func (*Disk) Fill() {}

// Free gives back all that Fill has taken.
func (*Disk) Free() {}

// Seal makes the disk read-only for every file that is opened from now on.
func (*Disk) Seal() (unseal func()) { return func() {} }

// ReadOnly has every write refused, or no more.
func (*Disk) ReadOnly(bool) bool { return false }
